"""Vectors of earlier steps, kept as further candidates for the queries of this one.

A batch's vectors drift slowly once training has warmed up, so those of the last steps are nearly
what the encoder would give today, at no cost of encoding (cross-batch memory: Wang et al. 2020,
arXiv 1912.06798; for product retrieval: "Delving into e-commerce product retrieval with
vision-language pre-training", SIGIR 2023, arXiv 2304.04377).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int32

from stylejax.config import LossConfig, parse_direction

Candidates = tuple[Float[Array, "k d"], Bool[Array, " k"], Int32[Array, " k"]]


class Memory(NamedTuple):
    """The last n batches: of the right listings alone, or where s = 2 of both sides."""

    vectors: dict[str, Float32[Array, "n s b d"]]  # by view; unit vectors
    present: dict[str, Bool[Array, "n s b"]]  # by view; false where nothing was kept yet
    groups: Int32[Array, "n s b"]  # of the listings

    def candidates(self, view: str) -> Candidates:
        """What is kept of a view: vectors `[K, D]`, which of them are there, and their groups."""
        vectors = self.vectors[view]
        flat = vectors.reshape(-1, vectors.shape[-1])
        return flat, self.present[view].reshape(-1), self.groups.reshape(-1)

    def cut(self, length: int | None) -> Memory:
        """The first numbers of the vectors; None: all."""
        return self._replace(vectors={v: x[..., :length] for v, x in self.vectors.items()})

    def used(self, when: Bool[Array, ""]) -> Memory:
        """The same, or nothing while `when` is false."""
        return self._replace(present={view: there & when for view, there in self.present.items()})

    def with_batch(
        self,
        step: Int32[Array, ""],
        sides: tuple[Mapping[str, Array], ...],
        present: tuple[Mapping[str, Array], ...],
        groups: tuple[Array, ...],
    ) -> Memory:
        """The batch of a step in the place of the oldest; of the sides the last s are kept."""
        place, kept = step % self.groups.shape[0], self.groups.shape[1]

        def put(slots: Array, parts: list[Array]) -> Array:
            row = jax.lax.stop_gradient(jnp.stack(parts)).astype(slots.dtype)
            return jax.lax.dynamic_update_index_in_dim(slots, row, place, 0)

        sides, present, groups = sides[-kept:], present[-kept:], groups[-kept:]
        return Memory(
            {view: put(x, [side[view] for side in sides]) for view, x in self.vectors.items()},
            {view: put(x, [there[view] for there in present]) for view, x in self.present.items()},
            put(self.groups, list(groups)),
        )


def empty_memory(options: LossConfig, batch: int, dim: int) -> Memory | None:
    """A memory of `options.memory` batches with nothing in it; None where none is wanted."""
    if not options.memory:
        return None
    shape = (options.memory, 2 if options.pooled else 1, batch)
    views = sorted({parse_direction(direction)[1] for direction in options.matching})
    return Memory(
        {view: jnp.zeros((*shape, dim), jnp.float32) for view in views},
        {view: jnp.zeros(shape, bool) for view in views},
        jnp.zeros(shape, jnp.int32),
    )
