"""Tests of input_pipeline/groups.py."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline import groups
from input_pipeline.groups import same_style_groups
from input_pipeline.stateless import mixed

Edges = list[tuple[int, int]]


def groups_of(edges: Edges, size: int, **options) -> list[set[int]]:
    """The groups as sets of listings."""
    ends = np.array(edges, np.int64).reshape(-1, 2)
    ids = same_style_groups(ends[:, 0], ends[:, 1], size, **options)
    assert ids.dtype == np.int32
    assert ids.shape == (size,)
    assert set(ids) == set(range(len(set(ids))))  # numbered from 0 without gaps
    return sorted((set(np.flatnonzero(ids == group)) for group in set(ids)), key=min)


def merged_one_by_one(edges: Edges, size: int, density: float) -> list[set[int]]:
    """Average linkage by its definition, the best pair of groups at a time."""
    inside = {frozenset(edge) for edge in edges}
    near = [{b for b in range(size) if {a, b} in inside or a == b} for a in range(size)]
    lots = {pair: mixed(0, min(pair), max(pair)) for pair in inside}

    def likeness(pair: frozenset[int]) -> tuple[float, int]:
        a, b = pair
        return len(near[a] & near[b]) / np.sqrt(len(near[a]) * len(near[b])), lots[pair]

    groups = [{node} for node in range(size)]
    while True:
        found = []
        for one, other in itertools.combinations(groups, 2):
            between = [pair for pair in inside if pair & one and pair & other]
            share = len(between) / (len(one) * len(other))
            if between and share >= density:
                found.append((share, min(map(likeness, between)), one, other))
        if not found:
            return sorted(groups, key=min)
        _, _, one, other = max(found, key=lambda merge: merge[:2])
        groups = [group for group in groups if group not in (one, other)] + [one | other]


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


@given(edges=EDGES, density=st.sampled_from([0.05, 0.1, 0.3, 0.6]))
def test_many_merges_at_once_give_what_one_at_a_time_gives(edges: Edges, density: float) -> None:
    found = groups_of(edges, 10, min_density=density)
    assert found == merged_one_by_one(edges, 10, density)
    inside = [(a, b) for a, b in edges if any({a, b} <= group for group in found)]
    assert connected(inside, 10) == found


def test_a_large_product_takes_few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = []
    joined = groups._joined

    def counted(*arguments):
        rounds.append(1)
        return joined(*arguments)

    monkeypatch.setattr(groups, "_joined", counted)
    assert groups_of(clique(range(300)), 300) == [set(range(300))]
    assert len(rounds) < 40


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
