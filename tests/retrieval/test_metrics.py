"""Tests of stylejax/retrieval/metrics.py against loops, known cases and chance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylejax.retrieval.metrics import mean_metrics, rank_gallery, ranking_metrics


def slow_metrics(relevant: list[bool]) -> dict[str, float]:
    """Metrics of a ranked list, position by position."""
    total = sum(relevant)
    hits, precisions, gain = 0, [], 0.0
    for rank, hit in enumerate(relevant, 1):
        if hit:
            hits += 1
            precisions.append((rank, hits / rank))
            if rank <= 10:
                gain += 1 / math.log2(rank + 1)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(total, 10) + 1))
    return {
        "mrr": 1 / precisions[0][0],
        **{f"recall@{k}": float(any(relevant[:k])) for k in (1, 5, 10, 20)},
        "map": sum(p for _, p in precisions) / total,
        "map@r": sum(p for rank, p in precisions if rank <= total) / total,
        "ndcg@10": gain / best,
    }


@given(st.lists(st.booleans(), min_size=1, max_size=40).filter(any))
def test_metrics_are_those_of_the_loop(relevant: list[bool]) -> None:
    positions = np.flatnonzero(relevant) + 1
    result = ranking_metrics(positions)
    expected = slow_metrics(relevant)
    assert set(result) == set(expected)
    for name, value in expected.items():
        assert result[name] == pytest.approx(value), name


def test_a_perfect_ranking_scores_one_throughout() -> None:
    assert set(ranking_metrics(np.array([1, 2, 3])).values()) == {1.0}


def test_a_known_case() -> None:
    result = ranking_metrics(np.array([2, 3, 12]))
    assert result["mrr"] == 0.5
    assert (result["recall@1"], result["recall@5"]) == (0.0, 1.0)
    assert result["map"] == pytest.approx((1 / 2 + 2 / 3 + 3 / 12) / 3)
    assert result["map@r"] == pytest.approx((1 / 2 + 2 / 3) / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert result["ndcg@10"] == pytest.approx((1 / math.log2(3) + 1 / 2) / ideal)


def test_the_mean_is_over_queries() -> None:
    assert mean_metrics([]) == {"queries": 0}
    assert mean_metrics([{"mrr": 1.0}, {"mrr": 0.5}]) == {"mrr": 0.75, "queries": 2}


# ---- Ranking


def unit(rng: np.random.Generator, rows: int, dim: int = 6) -> np.ndarray:
    x = rng.normal(size=(rows, dim)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@given(seed=st.integers(0, 1000))
def test_positions_are_those_of_sorting_by_cosine(seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries, gallery = unit(rng, 7), unit(rng, 25)
    query_groups, gallery_groups = rng.integers(0, 6, 7), rng.integers(0, 6, 25)
    excluded = np.where(rng.random(7) < 0.5, rng.integers(0, 25, 7), -1)
    rankings = {
        ranking.query: ranking
        for ranking in rank_gallery(queries, gallery, query_groups, gallery_groups, excluded)
    }
    assert list(rankings) == list(range(7))
    for query in range(7):
        order = sorted(
            (j for j in range(25) if j != excluded[query]),
            key=lambda j: -float(queries[query].astype(float) @ gallery[j].astype(float)),
        )
        relevant = [n + 1 for n, j in enumerate(order) if gallery_groups[j] == query_groups[query]]
        ranking = rankings[query]
        assert ranking.positions.tolist() == relevant
        assert ranking.gallery[ranking.order].tolist() == order
        expected = [float(queries[query] @ gallery[j]) for j in order]
        np.testing.assert_allclose(ranking.scores[ranking.order], expected, atol=1e-6)


def test_the_query_itself_is_left_out() -> None:
    x = np.eye(3, dtype=np.float32)
    groups = np.array([0, 0, 1])
    rankings = list(rank_gallery(x, x, groups, groups, np.arange(3)))
    # Listing 2 has no other listing of its product.
    assert [len(ranking.positions) for ranking in rankings] == [1, 1, 0]
    assert [len(ranking.order) for ranking in rankings] == [2, 2, 2]
    found = list(rank_gallery(x, x, groups, groups, np.full(3, -1)))
    assert [ranking.positions[0] for ranking in found] == [1, 1, 1]  # itself, when not left out


@pytest.mark.parametrize("rows", [100, 1200])  # within one block of queries, and in three
def test_a_constant_encoder_scores_what_chance_scores(rows: int) -> None:
    same = np.ones((rows, 4), np.float32) / 2
    groups = np.repeat(np.arange(rows // 10), 10)
    scores = [
        ranking_metrics(ranking.positions)
        for ranking in rank_gallery(same, same, groups, groups, np.arange(rows))
    ]
    assert len(scores) == rows
    # One random order serves all queries: the listing in front is right for its own product only.
    chance = 9 / (rows - 1)
    assert mean_metrics(scores)["recall@1"] == pytest.approx(chance, abs=0.012)
    assert mean_metrics(scores)["map@r"] < chance + 0.02


def test_ties_follow_the_seed_and_not_the_order_of_the_gallery() -> None:
    same = np.ones((40, 4), np.float32) / 2
    one = np.ones((1, 4), np.float32) / 2
    first_of = []
    for wanted in range(40):
        groups = np.zeros(40, int)
        groups[wanted] = 1
        (ranking,) = rank_gallery(one, same, np.array([1]), groups, np.array([-1]), seed=3)
        first_of.append(int(ranking.positions[0]))
    assert sorted(first_of) == list(range(1, 41))
    assert first_of != list(range(1, 41))


def test_blocks_of_queries_change_nothing() -> None:
    rng = np.random.default_rng(0)
    x, groups = unit(rng, 1100), rng.integers(0, 300, 1100)
    whole = {r.query: r.positions for r in rank_gallery(x, x, groups, groups, np.arange(1100))}
    late = np.arange(1000, 1100)
    part = {
        1000 + r.query: r.positions for r in rank_gallery(x[late], x, groups[late], groups, late)
    }
    for query, positions in part.items():
        assert np.array_equal(positions, whole[query])
    assert len(part) > 50
