"""Tests of stylejax/retrieval/export/job.py."""

from dataclasses import replace

import pytest
from export_jobs import ORIGIN, cut, job, titles

from stylejax.config import ConfigError
from stylejax.retrieval.export.job import parse_views

JOB = job(cut(titles(8), 4))


@pytest.mark.parametrize(
    "change",
    [
        {"views": ["m"]},
        {"dtype": "int8"},
        {"dim": 3},
        {"batch_size": 8},
        {"shard_listings": 5},
        {"origin": replace(ORIGIN, weights="other")},
        {"origin": replace(ORIGIN, config="other")},
        {"origin": replace(ORIGIN, step=4)},
    ],
)
def test_what_could_make_other_bytes_makes_another_job(change: dict) -> None:
    assert replace(JOB, **change).identity != JOB.identity


@pytest.mark.parametrize("same", [{"shards": 9}, {"origin": replace(ORIGIN, run="renamed")}])
def test_a_longer_catalogue_and_another_folder_do_not(same: dict) -> None:
    assert replace(JOB, **same).identity == JOB.identity


@pytest.mark.parametrize(
    ("text", "views"), [("m,t,i", ["m", "t", "i"]), (" i , m", ["i", "m"]), ("t,t", ["t"])]
)
def test_views_are_read_from_a_list(text: str, views: list[str]) -> None:
    assert parse_views(text) == views


@pytest.mark.parametrize("text", ["m,x", "", "mti", "m;t"])
def test_what_is_no_view_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="give some of m, t, i"):
        parse_views(text)
