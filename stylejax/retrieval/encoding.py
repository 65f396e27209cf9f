"""What export and search ask of a trained encoder; `TrainedEncoder` of the training side has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from jaxtyping import Int
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.origin import Origin

if TYPE_CHECKING:
    from stylejax.encoder.inference import Encoded


@runtime_checkable
class Encoder(Protocol):
    """Turns batches of listings into unit vectors."""

    @property
    def origin(self) -> Origin:
        """The checkpoint it was loaded from."""
        ...

    def encode(
        self, batches: Iterable[tuple[Int[NDArray, " _"], Products]], views: Iterable[str]
    ) -> Iterator[Encoded]:
        """Encodes batch after batch.

        Args:
          batches: row numbers `[n]` and products `[b, ...]`, n <= b; what is beyond n is padding.
          views: any of m, t, i.

        Yields:
          The rows `[n]`, view to `[n, dim]` float32 vectors, view to `[n]` presence.
        """
        ...
