"""Tests of stylejax/retrieval/export/earlier.py."""

from pathlib import Path

import pytest
from export_jobs import TitleEncoder, contents, cut, exported, job, titles

from stylejax.config import ConfigError
from stylejax.retrieval.export.earlier import EarlierExport
from stylejax.retrieval.export.finish import finish
from stylejax.retrieval.export.run import export
from stylejax.retrieval.vectors import read_vectors


def opened(folder: Path, listings: dict[str, str], **options) -> EarlierExport:
    return EarlierExport.open(folder, job(cut(listings, 8), **options).described())


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_only_new_and_changed_listings_are_encoded(tmp_path: Path, dtype: str) -> None:
    before = titles(40)
    exported(cut(before, 8), tmp_path / "old", dtype=dtype)
    now = {item: title for item, title in before.items() if item != "item 5"}
    now |= {"item 7": "99", "item 20": "", "new a": "200", "new b": "201"}
    now = dict(sorted(now.items()))  # and in another order
    shards = cut(now, 7)
    what = job(shards, dtype=dtype, earlier=opened(tmp_path / "old", before, dtype=dtype))
    encoder = TitleEncoder()
    export(encoder, shards, what, tmp_path / "new", 41)
    ended = finish(what, tmp_path / "new")
    assert ended is not None
    manifest, _ = ended
    assert encoder.encoded == manifest["encoded"] == 4
    assert manifest["since"] == {"kept": 37, "changed": 2, "added": 2, "gone": 1}
    exported(shards, tmp_path / "fresh", dtype=dtype)
    fresh = contents(tmp_path / "fresh")
    for name, content in contents(tmp_path / "new").items():
        if name.endswith(".parquet"):
            assert content == fresh[name]


def test_it_can_be_killed_and_goes_on(tmp_path: Path) -> None:
    before = titles(16)
    exported(cut(before, 8), tmp_path / "old")
    now = before | {"item 1": "50", "item 12": "51"}
    options = {"earlier": opened(tmp_path / "old", before)}
    exported(cut(now, 8), tmp_path / "new", **options)
    whole = contents(tmp_path / "new")
    (tmp_path / "new" / "part-00001.json").unlink()
    encoder, shards = TitleEncoder(), cut(now, 8)
    assert export(encoder, shards, job(shards, **options), tmp_path / "new", 16) == 1
    assert encoder.encoded == 1
    exported(shards, tmp_path / "new", **options)
    assert contents(tmp_path / "new") == whole


def test_nothing_changed_is_nothing_encoded(tmp_path: Path) -> None:
    before = titles(16)
    exported(cut(before, 8), tmp_path / "old")
    manifest = exported(cut(before, 8), tmp_path / "new", earlier=opened(tmp_path / "old", before))
    assert manifest["encoded"] == 0
    assert manifest["since"] == {"kept": 16, "changed": 0, "added": 0, "gone": 0}
    old, new = read_vectors(tmp_path / "old"), read_vectors(tmp_path / "new")
    assert old.item_id == new.item_id


def test_a_listing_whose_picture_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    before = titles(16)
    shards = cut(before, 8)
    shards[1].quarantine["item 9"] = ("9.jpg", "truncated")
    exported(shards, tmp_path / "old")
    manifest = exported(cut(before, 8), tmp_path / "new", earlier=opened(tmp_path / "old", before))
    assert manifest["since"] == {"kept": 15, "changed": 1, "added": 0, "gone": 0}
    assert manifest["encoded"] == 1
    assert manifest["unreadable_pictures"] == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dtype": "int8"}, "has dtype 'float32', but this export 'int8'"),
        ({"dim": 3}, "has dim 6, but this export 3"),
        ({"views": ["m"]}, "has views"),
    ],
)
def test_vectors_of_another_kind_are_refused(tmp_path: Path, options: dict, told: str) -> None:
    exported(cut(titles(8), 8), tmp_path)
    with pytest.raises(ConfigError, match=f"--since .*{told}.*export without --since"):
        opened(tmp_path, titles(8), **options)


@pytest.mark.parametrize("file", ["part-00000.parquet", "listings-00001.parquet"])
def test_a_damaged_earlier_export_is_refused(tmp_path: Path, file: str) -> None:
    listings = titles(16)
    exported(cut(listings, 8), tmp_path)
    path = tmp_path / file
    path.write_bytes(path.read_bytes()[:-1])
    earlier = opened(tmp_path, listings)
    with pytest.raises(ConfigError, match=f"{file} is missing or was changed"):
        earlier.vectors({item: file for item, (_, file) in earlier.digests(list(listings)).items()})


def test_no_earlier_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no vectors in"):
        opened(tmp_path, titles(8))
