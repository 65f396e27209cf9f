"""Tests of stylejax/retrieval/duplicates/groups.py."""

from itertools import pairwise

import numpy as np
import pytest
from duplicate_listings import all_pairs, as_sets, products, score_matrix, space_of

from stylejax.retrieval.duplicates.groups import groups_at
from stylejax.retrieval.duplicates.linkage import average_linkage


def test_groups_have_members_with_scores_and_the_best_first() -> None:
    vectors, _ = products(8, 4, spread=0.5)
    space = space_of(vectors)
    near = all_pairs(space, 5)
    dendrogram = average_linkage(space.rows, near.crowding, *near.pairs(-0.1), -0.1)
    threshold = 0.05
    found = groups_at(dendrogram, threshold, space.rows, near.crowding)
    scores = score_matrix(vectors, near.crowding)
    cosines = score_matrix(vectors, np.zeros(32))
    expected = {group for group in as_sets(dendrogram.groups(threshold)) if len(group) > 1}
    bounds = found.bounds()
    cells = [found.listing[a:b].tolist() for a, b in pairwise(bounds)]
    assert {frozenset(cell) for cell in cells} == expected
    assert found.count == len(expected) > 2
    assert [min(cell) for cell in cells] == sorted(min(cell) for cell in cells)
    for cell, start, stop in zip(cells, bounds, bounds[1:], strict=False):
        for row in range(start, stop):
            me = found.listing[row]
            others = [n for n in cell if n != me]
            assert found.score[row] == pytest.approx(scores[me, others].mean(), abs=1e-5)
            assert found.cosine[row] == pytest.approx(cosines[me, others].mean(), abs=1e-5)
        assert list(found.score[start:stop]) == sorted(found.score[start:stop], reverse=True)
        whole = float(found.whole_to[start])
        assert frozenset(cell) in as_sets(dendrogram.groups(whole))
        assert frozenset(cell) not in as_sets(dendrogram.groups(whole + 1e-9))


def test_there_may_be_none() -> None:
    space = space_of(np.eye(4, dtype=np.float32))
    near = all_pairs(space)
    dendrogram = average_linkage(space.rows, near.crowding, *near.pairs(0.5), 0.5)
    found = groups_at(dendrogram, 0.5, space.rows, near.crowding)
    assert (found.count, len(found), found.bounds().tolist()) == (0, 0, [0])
