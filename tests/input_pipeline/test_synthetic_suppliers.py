"""Tests of input_pipeline/synthetic/suppliers.py."""

import pytest

from input_pipeline.synthetic.suppliers import sample_suppliers
from stylejax.config import SyntheticConfig


def test_more_suppliers_leave_the_first_ones_alone() -> None:
    few = sample_suppliers(SyntheticConfig(suppliers=10))
    assert sample_suppliers(SyntheticConfig(suppliers=50))[:10] == few
    assert len({supplier.name for supplier in few}) == 10


def test_suppliers_differ_in_their_studios() -> None:
    suppliers = sample_suppliers(SyntheticConfig(suppliers=200))
    assert len({supplier.backdrop for supplier in suppliers}) == 6
    assert len({supplier.case for supplier in suppliers}) == 4
    assert {supplier.watermark is None for supplier in suppliers} == {True, False}
    assert all(1 <= supplier.quality <= 95 for supplier in suppliers)


@pytest.mark.parametrize("share", [0.0, 0.35, 1.0])
def test_keyword_stuffing_is_a_share_of_suppliers(share: float) -> None:
    suppliers = sample_suppliers(SyntheticConfig(suppliers=400, keyword_stuffing=share))
    padded = sum(bool(supplier.sales_words) for supplier in suppliers) / 400
    assert padded == pytest.approx(share, abs=0.08)
