"""What one client may ask of the server, and what it is told when that is too much."""

from __future__ import annotations

import dataclasses
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from stylejax.config import ConfigError
from stylejax.picture_file import MAX_PIXELS

TURNS = 8  # of one search
BURST = 15.0  # seconds' worth of its rate that an address may use at once
ADDRESSES = 10_000  # that are remembered; the one that was quiet longest is forgotten first


class Refused(Exception):
    """A request that is not done: its status, and the reason in a sentence for whoever asked."""

    def __init__(self, status: int, reason: str, retry: float = 0.0):
        """A refusal; `retry` = seconds after which the same request may be done, 0 = never."""
        super().__init__(reason)
        self.status, self.reason, self.retry = status, reason, retry


@dataclass(frozen=True)
class Limits:
    """Limits of one server; `stylejax serve` has an option for each.

    Raises:
      ConfigError: a limit is out of range; the message names the value and the fix.
    """

    upload_mib: float = 10  # MiB of a photo's file
    megapixels: float = 32  # millions of pixels of a photo; decoding takes up to 15 bytes for each
    words: int = 500  # characters of a turn
    top: int = 100  # listings of one answer
    seconds: float = 15  # from the first byte of a request to its answer
    rate: float = 120  # searches a minute of one address; 0 = any number
    waiting: int = 64  # searches in hand at a time, from before their upload to their answer

    def __post_init__(self) -> None:
        """Check every range."""
        for field in dataclasses.fields(self):
            value, option = getattr(self, field.name), f"--limit-{field.name.replace('_', '-')}"
            if field.name != "rate" and not 0 < value < float("inf"):
                raise ConfigError(f"{option} is {value}; use a number above 0")
        if not 0 <= self.rate < float("inf"):
            raise ConfigError(f"--limit-rate is {self.rate}; use 0 for any number, or more")
        if self.megapixels * 1e6 > MAX_PIXELS:
            raise ConfigError(
                f"--limit-megapixels is {self.megapixels:g}; larger pictures than "
                f"{MAX_PIXELS / 1e6:g} are never decoded"
            )

    @property
    def upload(self) -> int:
        """Bytes of a photo's file."""
        return int(self.upload_mib * 2**20)

    @property
    def pixels(self) -> int:
        """Pixels of a photo."""
        return int(self.megapixels * 1e6)


class RateLimit:
    """A token bucket for each address: a steady rate, and short bursts above it."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic):
        """Nobody has asked for anything; `clock` tells seconds."""
        self._rate, self._clock = per_minute / 60, clock
        self._room = max(1.0, BURST * self._rate)
        # Address -> what it has left, and when that was known; the longest quiet first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str, cost: float = 1.0) -> float:
        """Seconds until this address may ask for something; 0 = now, and it is counted.

        Args:
          address: of the client; of IPv6 the network (/64), which one household has whole.
          cost: 1 = a search.
        """
        if not self._rate:
            return 0.0
        key, now = _network(address), self._clock()
        left, known = self._left.pop(key, (self._room, now))
        left = min(self._room, left + (now - known) * self._rate)
        missing = cost - left
        self._left[key] = (left if missing > 0 else left - cost, now)
        while len(self._left) > ADDRESSES:
            self._left.popitem(last=False)
        return max(0.0, missing / self._rate)


def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a Unix socket has none
        return address
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))
