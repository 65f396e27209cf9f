"""Digests of what a run is trained on and of what it learned, to tell one from another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import pyarrow as pa

from stylejax.config import ConfigError

CHUNK = 65_536  # values joined at a time
# What there is a digest of -> how to put it right.
FIXES = {
    "pairs": "mine with the click log and settings of then",
    "negatives": "give back the files of sampling.negatives",
    "catalogue": "give the listings back their ids, order, titles, categories, splits and pictures",
}


def data_digest(
    pairs: pa.Table, catalogue: Mapping[str, Sequence[str]], negatives: pa.Table | None = None
) -> dict[str, str]:
    """What a checkpoint keeps of its training data.

    Equal content gives equal digests, whatever program wrote the files. Pictures count by their
    names: reading them all would cost as much as an epoch.

    Args:
      pairs: `left_id`, `right_id`, `weight`, in the order that they are trained on.
      catalogue: name to values of all that training reads of the listings, in the catalogue's
        order: batches name listings by row.
      negatives: `left_id`, `right_id` of hard negatives; None = there are none.

    Returns:
      SHA-256 in hex digits of ``"pairs"``, of ``"catalogue"``, and of ``"negatives"`` where they
      are given.
    """
    mined, listed = _of_ends(pairs), hashlib.sha256()
    for chunk in pairs["weight"].chunks:
        mined.update(chunk.to_numpy(zero_copy_only=False).astype("<f8").tobytes())
    for name, values in catalogue.items():
        listed.update(f"{name} {len(values)}\0".encode())
        for part in _encoded(values):
            listed.update(part)
    told = {"pairs": mined.hexdigest(), "catalogue": listed.hexdigest()}
    return told if negatives is None else told | {"negatives": _of_ends(negatives).hexdigest()}


def _of_ends(pairs: pa.Table) -> hashlib._Hash:
    """A digest of the ids of pairs, to be gone on with."""
    digest = hashlib.sha256()
    for name in ("left_id", "right_id"):
        for chunk in pairs[name].chunks:
            for part in _encoded(chunk.to_pylist()):
                digest.update(part)
    return digest


def weights_digest(weights: Mapping[str, jax.Array]) -> str:
    """SHA-256 in hex digits of named weights' names, shapes, types and fingerprints.

    The devices take the fingerprints, so that weights divided over hosts need not be gathered, and
    the mesh does not matter: the sums are of integers, modulo 2**32.
    """
    found = jax.device_get(_fingerprints(dict(weights)))
    digest = hashlib.sha256()
    for name in sorted(weights):
        x = weights[name]
        digest.update(f"{name} {x.dtype} {x.shape} {found[name].tolist()}\0".encode())
    return digest.hexdigest()


@jax.jit
def _fingerprints(weights: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Two 32-bit sums over all numbers of each weight, mixed from their bits and places."""

    def mixed(x: jax.Array) -> jax.Array:  # the finaliser of MurmurHash3 (Appleby, public domain)
        x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
        x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
        return x ^ (x >> 16)

    def sums(x: jax.Array) -> jax.Array:
        kinds = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32}
        bits = jax.lax.bitcast_convert_type(x, kinds[x.dtype.itemsize]).astype(jnp.uint32)
        place = jnp.zeros(x.shape, jnp.uint32)
        for axis, size in enumerate(x.shape):
            place = place * jnp.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, x.shape, axis)
        return jnp.stack(
            [jnp.sum(mixed(bits ^ mixed(place + jnp.uint32(seed)))) for seed in (1, 0x9E3779B9)]
        )

    return {name: sums(x) for name, x in weights.items()}


def changed_data(saved: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Which of two trainings' digests differ, as far as both are known."""
    return [name for name in FIXES if name in saved and name in now and saved[name] != now[name]]


def require_same_data(saved: Mapping[str, str], now: Mapping[str, str], folder: object) -> None:
    """Checks that a run goes on with the data that its checkpoint was trained on.

    Args:
      saved: what `data_digest` gave when the checkpoint was made; empty = it was not kept.
      now: what it gives now; empty = not asked.
      folder: of the checkpoint, for the error.

    Raises:
      ConfigError: naming what changed, and the fix.
    """
    if changed := changed_data(saved, now):
        fixes = " and ".join(FIXES[name] for name in changed)
        raise ConfigError(
            f"the checkpoint in {folder} was trained on other data: {' and '.join(changed)} "
            f"changed; {fixes}, start anew with --restart, or go on with --override"
        )


def _encoded(values: Sequence[str]) -> Iterator[bytes]:
    """Strings as bytes, each ended by a zero byte."""
    for start in range(0, len(values), CHUNK):
        yield "".join(f"{value}\0" for value in values[start : start + CHUNK]).encode()
