"""Tests of stylejax/retrieval/evaluation/truth.py."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stylejax.retrieval.evaluation.truth import Truth, of_groups, own_numbers


@given(st.integers(0, 1000))
def test_right_is_every_other_listing_of_the_product(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [f"P{n}" for n in rng.integers(0, 5, 20)]
    queries = rng.permutation(20)[: rng.integers(1, 20)]
    gallery = rng.permutation(20)[: rng.integers(1, 20)]
    truth = of_groups(groups, queries, gallery)
    assert truth.gallery.tolist() == sorted(gallery.tolist())
    found = {
        (int(queries[q]), int(truth.gallery[g]))
        for q, g in zip(truth.query, truth.found, strict=True)
    }
    assert found == {(q, g) for q in queries for g in gallery if q != g and groups[q] == groups[g]}
    assert len(found) == len(truth.query)
    assert set(truth.gain.tolist()) <= {1.0}
    for query, own in zip(queries, truth.left_out, strict=True):
        assert (own >= 0) == (query in gallery)
        assert own < 0 or truth.gallery[own] == query


def test_nothing_is_in_an_empty_gallery() -> None:
    assert own_numbers(np.arange(3), np.zeros(0, np.int64)).tolist() == [-1, -1, -1]


def test_grades_are_grades_where_they_differ() -> None:
    def truth(*gains: float) -> Truth:
        some = np.zeros(len(gains), int)
        return Truth(some[:1], some[:1], some[:1], some, some, np.array(gains, float))

    assert [truth(1, 1).graded, truth(3, 1).graded, truth().graded] == [False, True, False]
