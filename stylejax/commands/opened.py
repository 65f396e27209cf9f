"""A trained run opened for the verbs that come after training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stylejax.config import Config, ConfigError, from_json

if TYPE_CHECKING:
    from input_pipeline.catalogue import Catalogue
    from input_pipeline.tokens import TitleTokenizer
    from stylejax.retrieval.vectors import VectorSet
    from stylejax.training.restore import TrainedEncoder


@dataclass(frozen=True)
class Run:
    """The folder of a trained run."""

    folder: Path

    @cached_property
    def config(self) -> Config:
        """The run's settings.

        Raises:
          ConfigError: when the folder holds no trained run.
        """
        path = self.folder / "config.json"
        if not path.is_file():
            raise ConfigError(f"{self.folder} is no trained run: it has no config.json")
        # The folder may have been moved or copied since: it is where it is opened.
        return replace(from_json(path.read_text(encoding="utf-8")), run_dir=str(self.folder))

    @cached_property
    def encoder(self) -> TrainedEncoder:
        """The newest checkpoint's encoder on all local devices."""
        from stylejax.training.mesh import make_mesh
        from stylejax.training.restore import load_encoder

        return load_encoder(self.folder, make_mesh())

    @cached_property
    def tokenizer(self) -> TitleTokenizer:
        """The tokenizer that the newest checkpoint was trained with."""
        from input_pipeline.tokens import TitleTokenizer

        return TitleTokenizer(self.encoder.tokenizer, self.encoder.config.text.max_tokens)

    def catalogue(self, *, with_truth: bool = False) -> Catalogue:
        """The run's own catalogue; with the true products only for evaluation."""
        from input_pipeline.catalogue import load_catalogue
        from input_pipeline.sources import locate

        sources = locate(self.config)
        return load_catalogue(
            self.config.data, sources.catalogue, sources.images, with_truth=with_truth
        )

    def vectors(self, folder: str = "") -> VectorSet:
        """An export; by default the run's own."""
        from stylejax.retrieval.vectors import read_vectors

        return read_vectors(Path(folder) if folder else self.folder / "vectors")
