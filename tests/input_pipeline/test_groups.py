"""Tests of input_pipeline/groups.py."""

import itertools
from collections.abc import Iterator

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


def quality(groups: list[set[int]], edges: Edges, density: float) -> float:
    """The constant Potts model by its definition: pairs inside, less the share expected of each."""
    inside = {frozenset(edge) for edge in edges}
    return sum(
        (frozenset(pair) in inside) - density
        for group in groups
        for pair in itertools.combinations(sorted(group), 2)
    )


def connected(edges: Edges, size: int) -> list[set[int]]:
    """Connected components, by merging."""
    groups = [{node} for node in range(size)]
    for a, b in edges:
        first = next(group for group in groups if a in group)
        second = next(group for group in groups if b in group)
        if first is not second:
            groups.remove(second)
            first |= second
    return sorted(groups, key=min)


def partitions(nodes: list[int]) -> Iterator[list[set[int]]]:
    """Every way to split a list into groups."""
    if not nodes:
        yield []
        return
    for rest in partitions(nodes[1:]):
        yield [{nodes[0]}, *rest]
        for n, group in enumerate(rest):
            yield [*rest[:n], {nodes[0], *group}, *rest[n + 1 :]]


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


SMALL = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda edge: edge[0] != edge[1]),
    max_size=15,
    unique_by=lambda edge: frozenset(edge),
)


@given(edges=EDGES, density=st.sampled_from([0.05, 0.1, 0.3, 0.6]))
def test_groups_are_connected_and_better_than_all_apart_or_all_connected(
    edges: Edges, density: float
) -> None:
    found = groups_of(edges, 10, min_density=density)
    inside = [(a, b) for a, b in edges if any({a, b} <= group for group in found)]
    assert connected(inside, 10) == found
    told = quality(found, edges, density)
    assert told >= quality(connected(edges, 10), edges, density) - 1e-6
    assert told >= -1e-6


@given(edges=SMALL, density=st.sampled_from([0.1, 0.3]))
def test_groups_of_a_small_graph_are_nearly_the_best_there_are(
    edges: Edges, density: float
) -> None:
    """The best of all 203 ways to split six listings; the method may stop a pair short of it."""
    best = max(quality(groups, edges, density) for groups in partitions(list(range(6))))
    assert quality(groups_of(edges, 6, min_density=density), edges, density) >= best - 1


def test_a_large_graph_does_not_merge_what_a_small_one_keeps_apart() -> None:
    """Groups by modularity, the usual measure, grow with the graph."""
    cliques = [range(start, start + 4) for start in range(0, 4000, 4)]
    edges = [edge for members in cliques for edge in clique(members)]
    edges += [(members[-1], members[-1] + 1) for members in cliques[:-1]]
    assert groups_of(edges, 4000) == [set(members) for members in cliques]


def test_two_products_with_a_share_of_wrong_pairs_stay_two() -> None:
    rng = np.random.default_rng(0)
    sides = [range(40), range(40, 80)]
    edges = [edge for side in sides for edge in clique(side) if rng.random() < 0.5]
    edges += [(a, b) for a in sides[0] for b in sides[1] if rng.random() < 0.03]
    assert groups_of(edges, 80) == [set(side) for side in sides]


@given(edges=EDGES, seed=st.integers(0, 99))
def test_neither_order_nor_side_nor_repetition_of_the_pairs_matters(
    edges: Edges, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    turned = [edge if rng.random() < 0.5 else edge[::-1] for edge in edges]
    turned = [turned[n] for n in rng.permutation(len(turned))]
    assert groups_of(turned + turned[:3], 10) == groups_of(edges, 10)
