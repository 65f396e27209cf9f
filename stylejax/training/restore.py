"""A trained encoder, ready to encode: from a run's checkpoint to a compiled function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh
from jaxtyping import Int
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.config import Config
from stylejax.encoder import Parameters, encoder_factory
from stylejax.encoder.inference import Encoded, encode_all, make_encode
from stylejax.origin import Origin
from stylejax.training.mesh import by_row, replicated
from stylejax.training.snapshot import Snapshot


@dataclass(frozen=True)
class TrainedEncoder:
    """An encoder's weights with all that is needed to feed it."""

    config: Config
    tokenizer: str  # JSON definition
    vocab_size: int
    origin: Origin  # the checkpoint
    parameters: Parameters
    mesh: Mesh
    _programs: dict[tuple[str, ...], Any] = field(default_factory=dict, compare=False, repr=False)

    def encode(
        self, batches: Iterable[tuple[Int[NDArray, " _"], Products]], views: Iterable[str]
    ) -> Iterator[Encoded]:
        """Encodes batches of one shape; see `stylejax.encoder.inference.encode_all`.

        A shape is compiled once for some views, however often this is called.
        """
        wanted = tuple(views)
        if wanted not in self._programs:
            _, bind = encoder_factory(self.config, self.vocab_size)
            self._programs[wanted] = make_encode(
                bind, wanted, self.config.picture, by_row(self.mesh), replicated(self.mesh)
            )
        return encode_all(self._programs[wanted], self.parameters, batches)


def load_encoder(run_dir: str | Path, mesh: Mesh) -> TrainedEncoder:
    """Loads the checkpoint that stands for a run, see `run_folder.chosen_step`.

    Args:
      run_dir: the run's folder.
      mesh: where the weights go.

    Raises:
      ConfigError: when the run has no checkpoint.
    """
    snapshot = Snapshot(run_dir)
    init, _ = encoder_factory(snapshot.config, snapshot.vocab_size)
    shapes = jax.eval_shape(init, jax.random.key(0))
    return TrainedEncoder(
        snapshot.config,
        snapshot.tokenizer,
        snapshot.vocab_size,
        snapshot.origin(),
        snapshot.encoder(shapes, mesh),
        mesh,
    )
