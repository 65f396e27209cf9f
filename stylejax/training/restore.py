"""A trained encoder, ready to encode: from a run's newest checkpoint to a compiled function."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
from jax.sharding import Mesh
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.config import Config, ConfigError, to_json
from stylejax.encoder import Parameters, encoder_factory
from stylejax.encoder.inference import Encoded, encode_all, make_encode
from stylejax.training.checkpoint import Checkpoints
from stylejax.training.mesh import by_row, replicated


@dataclass(frozen=True)
class TrainedEncoder:
    """An encoder's weights with all that is needed to feed it."""

    config: Config
    tokenizer: str  # JSON definition
    vocab_size: int
    step: int  # optimizer steps it was trained for
    parameters: Parameters
    mesh: Mesh

    @property
    def config_digest(self) -> str:
        """SHA-256 of the config, to tell exports apart."""
        return hashlib.sha256(to_json(self.config).encode()).hexdigest()

    def encode(
        self, batches: Iterable[tuple[NDArray, Products]], views: Iterable[str]
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
    if not (Path(run_dir) / "checkpoints").is_dir():
        raise ConfigError(f"no checkpoints in {run_dir}; train first, or give another --run")
    checkpoints = Checkpoints(run_dir)
    config, vocab_size = checkpoints.config(), checkpoints.vocab_size()
    init, _ = encoder_factory(config, vocab_size)
    shapes = jax.eval_shape(init, jax.random.key(0))
    step = checkpoints.latest()
    assert step is not None
    return TrainedEncoder(
        config, checkpoints.tokenizer(), vocab_size, step, checkpoints.encoder(shapes, mesh), mesh
    )
