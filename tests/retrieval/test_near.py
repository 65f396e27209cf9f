"""Tests of stylejax/retrieval/near.py against a walk over all pairs."""

import itertools

import numpy as np
import pytest
from clustered import clustered, ids, unit
from hypothesis import given
from hypothesis import strategies as st

from stylejax.config import ConfigError, NearConfig
from stylejax.retrieval import near
from stylejax.retrieval.index.index import Index
from stylejax.retrieval.index.part import Part
from stylejax.retrieval.near import NearPairs, near_pairs


def index_of(vectors: np.ndarray, parts: int = 1) -> Index:
    names, cuts = ids(len(vectors)), np.array_split(np.arange(len(vectors)), parts)
    made = [Part([names[n] for n in cut], [""] * len(cut), vectors[cut]) for cut in cuts]
    return Index(made, "m")


def slow(
    vectors: np.ndarray,
    category: np.ndarray,
    group: np.ndarray,
    mined: np.ndarray,
    options: NearConfig,
) -> tuple[dict, dict]:
    """Suspected pairs and negatives, each with its cosine, one pair after another."""
    cosine = vectors @ vectors.T
    known = {frozenset(pair) for pair in mined.tolist()}
    alike = [cosine[a, b] for a, b in mined]
    threshold = np.quantile(alike, options.suspected_quantile)
    count = len(vectors)
    partners = {n: [m for m in range(count) if {n, m} in known] for n in range(count)}
    positive = {n: np.mean([cosine[n, m] for m in mine]) for n, mine in partners.items() if mine}
    pairs = set()
    for n in range(count):
        same = [m for m in range(count) if m != n and category[m] == category[n] >= 0]
        nearest = sorted(same, key=lambda m: -cosine[n, m])[: options.neighbours]
        pairs |= {tuple(sorted((n, m))) for m in nearest}
    suspected, rest = {}, {}
    for a, b in sorted(pairs):
        if {a, b} in known or group[a] == group[b]:
            continue
        silent = min(len(partners[a]), len(partners[b])) <= options.silent_pairs
        if silent and cosine[a, b] >= threshold:
            suspected[a, b] = cosine[a, b]
        elif silent or cosine[a, b] >= threshold:
            continue
        elif cosine[a, b] <= options.positive_share * min(positive[a], positive[b]):
            rest[a, b] = cosine[a, b]
    kept = []
    for n in range(count):
        mine = sorted((pair for pair in rest if n in pair), key=lambda pair: (-rest[pair], pair))
        kept += mine[: options.max_negatives_per_item]
    return suspected, {pair: rest[pair] for pair in rest if kept.count(pair) == 2}


def as_dictionaries(found: NearPairs) -> tuple[dict, dict]:
    suspected = zip(map(tuple, found.suspected.tolist()), found.suspected_cosine, strict=True)
    negatives = zip(map(tuple, found.negatives.tolist()), found.negatives_cosine, strict=True)
    return dict(suspected), dict(negatives)


def drawn(seed: int, count: int = 120) -> tuple[np.ndarray, ...]:
    """Vectors in clusters, of which the log joined some pairs; some listings are not looked at."""
    rng = np.random.default_rng(seed)
    vectors = clustered(count, seed=seed)
    cosine = vectors @ vectors.T
    pairs = [(a, b) for a, b in itertools.combinations(range(count), 2) if cosine[a, b] > 0.7]
    chosen = np.array(pairs)[rng.random(len(pairs)) < 0.4].reshape(-1, 2)
    group = np.arange(count)
    for a, b in chosen[: len(chosen) // 2]:
        group[group == group[b]] = group[a]
    return vectors, rng.integers(-1, 3, count), group, chosen


SETTINGS = (
    NearConfig(neighbours=6, max_negatives_per_item=2, suspected_quantile=0.2),
    NearConfig(neighbours=30, max_negatives_per_item=4, silent_pairs=1),
    NearConfig(neighbours=200, positive_share=1.0, suspected_quantile=1.0),
    NearConfig(neighbours=3, positive_share=0.6, silent_pairs=50, suspected_quantile=0.1),
)


def paired(mined: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Pairs of each listing, where all listings of pairs have vectors."""
    return np.bincount(mined.ravel(), minlength=len(vectors))


@pytest.mark.parametrize("options", SETTINGS, ids=range(len(SETTINGS)))
@pytest.mark.parametrize("parts", [1, 3])
def test_what_is_found_is_what_a_walk_over_all_pairs_finds(
    options: NearConfig, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "BLOCK", 17)  # queries and pairs come in several blocks
    vectors, category, group, mined = drawn(1)
    found = near_pairs(
        index_of(vectors, parts), category, group, mined, paired(mined, vectors), options
    )
    for mine, expected in zip(
        as_dictionaries(found), slow(vectors, category, group, mined, options), strict=True
    ):
        assert set(mine) == set(expected)
        assert [mine[pair] for pair in mine] == pytest.approx(
            [expected[pair] for pair in mine], abs=1e-6
        )


@given(st.integers(0, 10_000), st.sampled_from(SETTINGS))
def test_nothing_known_is_a_negative_and_nothing_is_both(seed: int, options: NearConfig) -> None:
    vectors, category, group, mined = drawn(seed, 60)
    if len(mined) == 0:
        return
    found = near_pairs(index_of(vectors), category, group, mined, paired(mined, vectors), options)
    suspected, negatives = as_dictionaries(found)
    known = set(map(tuple, np.sort(mined, axis=1).tolist()))
    assert not set(suspected) & set(negatives)
    assert not (set(suspected) | set(negatives)) & known
    for a, b in (*suspected, *negatives):
        assert a < b
        assert category[a] == category[b] >= 0
        assert group[a] != group[b]
    assert all(x >= found.threshold for x in suspected.values())
    assert all(x < found.threshold for x in negatives.values())
    ends = np.bincount(found.negatives.ravel(), minlength=60)
    assert ends.max() <= options.max_negatives_per_item


def test_every_pair_is_counted_by_what_became_of_it() -> None:
    vectors, category, group, mined = drawn(2)
    counts = dict(
        near_pairs(
            index_of(vectors), category, group, mined, paired(mined, vectors), SETTINGS[1]
        ).counts
    )
    assert counts["listings looked at"] == (category >= 0).sum()
    left_out = sum(count for name, count in counts.items() if name.endswith("left out"))
    ends = counts["suspected pairs"] + counts["negatives"]
    assert counts["distinct pairs"] == left_out + ends
    assert counts["suspected pairs"] > 0
    assert counts["negatives"] > 0
    largest = np.bincount(category[category >= 0]).max()
    assert counts["neighbours looked at"] <= (category >= 0).sum() * min(30, largest - 1)


def test_what_the_log_knows_well_and_never_joined_is_not_suspected() -> None:
    """Two products that look the same, a pair of listings each, and a listing without a pair."""
    vectors = np.repeat(unit(1), 5, axis=0)
    mined, group = np.array([[0, 1], [2, 3]]), np.array([0, 0, 1, 1, 2])
    alike = np.zeros(5, np.int64)
    found = near_pairs(index_of(vectors), alike, group, mined, paired(mined, vectors), NearConfig())
    assert sorted(map(tuple, found.suspected.tolist())) == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert len(found.negatives) == 0  # nor are they negatives: they are as alike as pairs
    many = near_pairs(
        index_of(vectors), alike, group, mined, paired(mined, vectors), NearConfig(silent_pairs=1)
    )
    assert len(many.suspected) == 8


def test_what_the_log_knows_of_those_without_a_vector_counts() -> None:
    """The last listing has a pair, with a listing that is not in the index."""
    vectors = np.repeat(unit(1), 5, axis=0)
    mined, group = np.array([[0, 1], [2, 3]]), np.array([0, 0, 1, 1, 2])
    known = paired(mined, vectors) + np.array([0, 0, 0, 0, 1])
    found = near_pairs(index_of(vectors), np.zeros(5, np.int64), group, mined, known, NearConfig())
    assert len(found.suspected) == 0


def test_of_many_twins_each_looks_at_as_many_as_it_may() -> None:
    """A listing need not be among its own nearest."""
    vectors = np.repeat(unit(1), 40, axis=0)
    options = NearConfig(neighbours=5)
    mined = np.array([[0, 1]])
    found = near_pairs(
        index_of(vectors),
        np.zeros(40, np.int64),
        np.arange(40),
        mined,
        paired(mined, vectors),
        options,
    )
    assert dict(found.counts)["neighbours looked at"] == 40 * 5


def test_without_a_pair_nothing_tells_how_alike_the_same_is() -> None:
    with pytest.raises(ConfigError, match="no mined pair has both its listings in the index"):
        near_pairs(
            index_of(unit(4)),
            np.zeros(4, np.int64),
            np.arange(4),
            np.zeros((0, 2), np.int64),
            np.zeros(4, np.int64),
            NearConfig(),
        )
