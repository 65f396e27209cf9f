"""Tests of stylejax/serving/limits.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylejax.config import ConfigError
from stylejax.serving import limits as module
from stylejax.serving.limits import BURST, Limits, RateLimit


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("upload_mib", 0),
        ("megapixels", -1),
        ("megapixels", 65),
        ("words", 0),
        ("top", 0),
        ("seconds", float("inf")),
        ("rate", -1),
        ("rate", float("nan")),
        ("waiting", 0),
    ],
)
def test_a_limit_out_of_range_is_named(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"--limit-{field.replace('_', '-')} is {value}"):
        Limits(**{field: value})


def test_limits_in_bytes_and_pixels() -> None:
    limits = Limits(upload_mib=0.5, megapixels=2)
    assert (limits.upload, limits.pixels) == (2**19, 2_000_000)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    clock = Clock()
    rates = RateLimit(60, clock)
    assert [rates.wait("10.0.0.1") for _ in range(int(BURST))] == [0.0] * int(BURST)
    wait = rates.wait("10.0.0.1")
    assert wait == pytest.approx(1.0)
    assert rates.wait("10.0.0.2") == 0.0  # somebody else
    clock.now += wait
    assert rates.wait("10.0.0.1") == 0.0
    assert rates.wait("10.0.0.1", cost=0.02) == pytest.approx(0.02)


def test_a_rate_of_0_is_none() -> None:
    rates = RateLimit(0)
    assert all(rates.wait("10.0.0.1") == 0 for _ in range(1000))


@given(st.lists(st.floats(0, 5), max_size=60), st.floats(1, 300))
def test_nobody_gets_more_than_burst_and_rate(pauses: list[float], per_minute: float) -> None:
    """Counted over every window, by hand."""
    clock = Clock()
    rates, done = RateLimit(per_minute, clock), []
    for pause in pauses:
        clock.now += pause
        if not rates.wait("10.0.0.1"):
            done.append(clock.now)
    room = max(1.0, BURST * per_minute / 60)
    for first, begun in enumerate(done):
        for last in range(first, len(done)):
            allowed = room + (done[last] - begun) * per_minute / 60
            assert last - first + 1 <= allowed + 1e-6


def test_networks_of_ipv6_are_one_address_each() -> None:
    rates = RateLimit(1, Clock())
    assert rates.wait("2001:db8::1") == 0.0
    assert rates.wait("2001:db8::2") > 0.0
    assert rates.wait("2001:db8:0:1::1") == 0.0
    assert rates.wait("::ffff:10.0.0.1") == 0.0
    assert rates.wait("10.0.0.1") > 0.0
    assert rates.wait("a socket's path") == 0.0


def test_addresses_that_are_remembered_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ADDRESSES", 3)
    rates = RateLimit(1, Clock())
    for number in range(9):
        rates.wait(f"10.0.0.{number}")
    assert list(rates._left) == ["10.0.0.6", "10.0.0.7", "10.0.0.8"]
