"""Tests of stylejax/retrieval/report/lot.py."""

from stylejax.retrieval.report.lot import by_lot


def test_the_lot_is_of_the_ids_and_not_of_their_order() -> None:
    ids = [f"item {n}" for n in range(50)]
    drawn = [ids[row] for row in by_lot(range(50), ids)]
    turned = ids[::-1]
    assert [turned[row] for row in by_lot(range(50), turned)] == drawn
    assert sorted(drawn) == sorted(ids)
    assert drawn != ids
    assert by_lot([3, 1], ["a", "b", "c", "b"]) == [1, 3]  # equal ids in order
