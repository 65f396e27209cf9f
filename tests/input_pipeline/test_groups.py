"""Tests of input_pipeline/groups.py."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline.groups import same_style_groups

Edges = list[tuple[int, int]]


def groups_of(edges: Edges, size: int, **options) -> list[set[int]]:
    """The groups as sets of listings."""
    ends = np.array(edges, np.int64).reshape(-1, 2)
    ids = same_style_groups(ends[:, 0], ends[:, 1], size, **options)
    assert ids.dtype == np.int32
    assert ids.shape == (size,)
    assert set(ids) == set(range(len(set(ids))))  # numbered from 0 without gaps
    return sorted((set(np.flatnonzero(ids == group)) for group in set(ids)), key=min)


def slow_groups(edges: Edges, size: int, min_similarity: float) -> list[set[int]]:
    """Structural clustering with sets: an edge counts where its ends share their neighbours."""
    near = {node: {node} for node in range(size)}
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    groups = [{node} for node in range(size)]
    for a, b in edges:
        share = len(near[a] & near[b])
        if share**2 >= min_similarity**2 * len(near[a]) * len(near[b]):
            first = next(group for group in groups if a in group)
            second = next(group for group in groups if b in group)
            if first is not second:
                groups.remove(second)
                first |= second
    return sorted(groups, key=min)


def clique(members: range) -> Edges:
    return list(itertools.combinations(members, 2))


def test_without_pairs_every_listing_is_alone() -> None:
    assert groups_of([], 3) == [{0}, {1}, {2}]


def test_a_pair_is_a_group_and_the_rest_stay_alone() -> None:
    assert groups_of([(3, 1)], 5) == [{0}, {1, 3}, {2}, {4}]


def test_two_cliques_joined_by_a_stray_edge_stay_two_groups() -> None:
    edges = [*clique(range(5)), *clique(range(5, 10)), (4, 5)]
    assert groups_of(edges, 11) == [set(range(5)), set(range(5, 10)), {10}]


def test_three_stray_edges_along_a_chain_of_cliques_merge_nothing() -> None:
    cliques = [range(start, start + 6) for start in range(0, 24, 6)]
    edges = [edge for members in cliques for edge in clique(members)]
    edges += [(5, 6), (11, 12), (17, 18)]
    assert groups_of(edges, 24) == [set(members) for members in cliques]


def test_a_clique_that_misses_some_pairs_is_one_group() -> None:
    edges = [edge for n, edge in enumerate(clique(range(8))) if n % 4]
    assert groups_of(edges, 8) == [set(range(8))]


EDGES = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda edge: edge[0] != edge[1]),
    max_size=30,
    unique_by=lambda edge: frozenset(edge),
)


@given(edges=EDGES, min_similarity=st.sampled_from([0.41, 0.5, 0.77]))
def test_groups_are_those_of_the_reference(edges: Edges, min_similarity: float) -> None:
    expected = slow_groups(edges, 10, min_similarity)
    assert groups_of(edges, 10, min_similarity=min_similarity) == expected


@given(edges=EDGES, seed=st.integers(0, 99))
def test_neither_order_nor_side_nor_repetition_of_the_pairs_matters(
    edges: Edges, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    turned = [edge if rng.random() < 0.5 else edge[::-1] for edge in edges]
    turned = [turned[n] for n in rng.permutation(len(turned))]
    assert groups_of(turned + turned[:3], 10) == groups_of(edges, 10)
