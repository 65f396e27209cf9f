"""A trained encoder, ready to encode: from a run's newest checkpoint to a compiled function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
from jax.sharding import Mesh
from jaxtyping import Int
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.config import Config
from stylejax.encoder import Parameters, encoder_factory
from stylejax.encoder.inference import Encoded, encode_all, make_encode
from stylejax.origin import Origin
from stylejax.training.checkpoint import Checkpoints
from stylejax.training.mesh import by_row, replicated
from stylejax.training.run_folder import newest_step, require_step


@dataclass(frozen=True)
class TrainedEncoder:
    """An encoder's weights with all that is needed to feed it."""

    config: Config
    tokenizer: str  # JSON definition
    vocab_size: int
    origin: Origin  # the checkpoint
    parameters: Parameters
    mesh: Mesh

    def encode(
        self, batches: Iterable[tuple[Int[NDArray, " _"], Products]], views: Iterable[str]
    ) -> Iterator[Encoded]:
        """Encodes batches of one shape; see `stylejax.encoder.inference.encode_all`."""
        _, bind = encoder_factory(self.config, self.vocab_size)
        run = make_encode(
            bind, views, self.config.picture, by_row(self.mesh), replicated(self.mesh)
        )
        return encode_all(run, self.parameters, batches)


def load_encoder(run_dir: str | Path, mesh: Mesh) -> TrainedEncoder:
    """Loads the newest checkpoint of a run.

    Args:
      run_dir: the run's folder.
      mesh: where the weights go.

    Raises:
      ConfigError: when the run has no checkpoint.
    """
    checkpoints = open_checkpoints(run_dir)
    config, vocab_size = checkpoints.config(), checkpoints.vocab_size()
    init, _ = encoder_factory(config, vocab_size)
    shapes = jax.eval_shape(init, jax.random.key(0))
    return TrainedEncoder(
        config,
        checkpoints.tokenizer(),
        vocab_size,
        checkpoints.origin(),
        checkpoints.encoder(shapes, mesh),
        mesh,
    )


def open_checkpoints(run_dir: str | Path) -> Checkpoints:
    """The checkpoints of a trained run; nothing is created.

    Raises:
      ConfigError: when the run has none.
    """
    require_step(run_dir, newest_step(run_dir))
    return Checkpoints(run_dir)
