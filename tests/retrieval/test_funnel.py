import pytest

from stylejax.retrieval.funnel import bars

FUNNEL = [("events", 90), ("... known", 80), ("... clicked", 40), ("together", 50), ("... near", 5)]


def test_a_stage_has_its_own_scale_and_each_line_says_what_it_keeps() -> None:
    found = bars(FUNNEL)
    assert [bar.name for bar in found] == ["events", "known", "clicked", "together", "near"]
    assert [bar.starts for bar in found] == [True, False, False, True, False]
    assert [bar.share for bar in found] == pytest.approx([1, 8 / 9, 4 / 9, 1, 0.1])
    assert [bar.kept for bar in found] == [None, 80 / 90, 0.5, None, 0.1]


def test_where_nothing_was_nothing_is_kept() -> None:
    assert [(bar.share, bar.kept) for bar in bars([("events", 0), ("... known", 0)])] == [
        (0, None),
        (0, None),
    ]
    assert bars([]) == []
