"""Tests of stylejax/retrieval/report/versus.py."""

import numpy as np
from clustered import unit

from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.evaluation.truth import of_groups
from stylejax.retrieval.report.examples import Judged
from stylejax.retrieval.report.versus import SHOWN, Versus, versus
from stylejax.retrieval.vectors import VectorSet

GROUPS = np.repeat(np.arange(12), 4)


def judged(seed: int, order: np.ndarray) -> dict[str, Judged]:
    """A run whose noise is of its own; its export may have another order."""
    rng = np.random.default_rng(seed)
    x = unit(12, 8)[GROUPS] + 0.5 * rng.normal(size=(48, 8))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)[order]
    vectors = VectorSet([f"L{n}" for n in order], {"m": x}, {"m": np.ones(48, bool)})
    truth = of_groups([str(g) for g in GROUPS[order]], np.arange(48), np.arange(48))
    return {"m-m": Judged(vectors, truth, "m-m")}


def compared() -> tuple[Versus, dict[str, bool], dict[str, bool]]:
    orders = np.arange(48), np.random.default_rng(9).permutation(48)
    one, two = (judged(seed, order) for seed, order in enumerate(orders))
    cards = {f"L{n}": Card(f"L{n}", f"title of L{n}", "", None) for n in range(48)}
    firsts = [
        {side["m-m"].vectors.item_id[row]: k == 1 for row, k in side["m-m"].first_right.items()}
        for side in (one, two)
    ]
    return versus("the other", [], one, two, cards, Album()), *firsts


def test_every_query_is_counted_once() -> None:
    found, mine, theirs = compared()
    (tally,) = found.tallies
    both = [(mine[item], theirs[item]) for item in mine]
    assert tally.direction == "m-m"
    assert (tally.both, tally.neither) == (both.count((True, True)), both.count((False, False)))
    assert (tally.mine, tally.theirs) == (both.count((True, False)), both.count((False, True)))
    assert tally.both + tally.mine + tally.theirs + tally.neither == 48


def test_what_one_got_right_alone_is_shown_with_both_answers() -> None:
    found, mine, theirs = compared()
    for duels, winner in ((found.only_mine, "mine"), (found.only_theirs, "theirs")):
        assert 0 < len(duels) <= SHOWN
        for duel in duels:
            item = duel.card.item_id
            assert (mine[item], theirs[item]) == (winner == "mine", winner == "theirs")
            assert duel.mine.results[0].right == mine[item]
            assert duel.theirs.results[0].right == theirs[item]
            for answer in (duel.mine, duel.theirs):
                assert item not in [result.card.item_id for result in answer.results]
                for result in answer.results:
                    same = GROUPS[int(item[1:])] == GROUPS[int(result.card.item_id[1:])]
                    assert result.right == same
