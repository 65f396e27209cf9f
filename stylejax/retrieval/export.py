"""Export: every listing of a catalogue to vectors on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxtyping import Int
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.config import VIEWS, ConfigError
from stylejax.progress import Advance, progress
from stylejax.retrieval.encoding import Encoder
from stylejax.retrieval.vectors import prefix, write_vectors

if TYPE_CHECKING:
    from stylejax.encoder.inference import Encoded


def parse_views(text: str) -> list[str]:
    """The views of a list such as ``"m,t,i"``, each once.

    Raises:
      ConfigError: when one of them is no view.
    """
    views = list(dict.fromkeys(view.strip() for view in text.split(",")))
    if not set(views) <= set(VIEWS):
        raise ConfigError(f"{text!r} are no views; give some of m, t, i, divided by commas")
    return views


def export(
    encoder: Encoder,
    batches: Iterable[tuple[Int[NDArray, " _"], Products]],
    item_id: Sequence[str],
    folder: Path,
    *,
    views: Sequence[str] = VIEWS,
    length: int = 0,
) -> dict[str, Any]:
    """Encodes listings and writes their vectors as they come, under a progress bar.

    Args:
      encoder: trained.
      batches: catalogue rows `[n]` and their products `[b, ...]`, padded beyond n.
      item_id: id of every catalogue row.
      folder: see `write_vectors`; its manifest names the encoder's origin.
      views: m = photo and title, t = title, i = photo.
      length: numbers of a vector to keep, from its front (`loss.prefixes`); 0 = all.

    Returns:
      The manifest.

    Raises:
      ConfigError: when vectors are shorter than `length`.
    """
    with progress("export", "listings") as advance:
        encoded = _counted(encoder.encode(batches, views), advance, len(item_id))
        if length:
            encoded = _cut(encoded, length)
        return write_vectors(encoded, item_id, folder, encoder.origin)


def _cut(encoded: Iterable[Encoded], length: int) -> Iterator[Encoded]:
    for rows, vectors, present in encoded:
        yield rows, {view: prefix(x, length) for view, x in vectors.items()}, present


def _counted(encoded: Iterable[Encoded], advance: Advance, total: int) -> Iterator[Encoded]:
    done = 0
    for batch in encoded:
        done += len(batch[0])
        advance(done, total)
        yield batch
