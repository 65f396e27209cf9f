"""A trained run opened for the verbs that come after training."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylejax.config import CatalogueColumns, Config, ConfigError, from_json
from stylejax.training.run_folder import newest_step, require_step

if TYPE_CHECKING:
    from input_pipeline.catalogue import Catalogue
    from input_pipeline.tokens import TitleTokenizer
    from stylejax.origin import Origin
    from stylejax.training.restore import TrainedEncoder


@dataclass(frozen=True)
class _Data:
    columns: CatalogueColumns = CatalogueColumns()


@dataclass(frozen=True)
class _Mapping:
    """What of a recipe another catalogue may have otherwise."""

    data: _Data = _Data()


def open_run(
    parser: argparse.ArgumentParser,
    argv: list[str],
    option: str = "run",
    *,
    with_truth: bool = False,
) -> tuple[Run, argparse.Namespace]:
    """Reads the command line of a verb that may take another catalogue than the run's own.

    Args:
      parser: holds the verb's own flags; `--catalog` and `--images` are added.
      argv: the command line after the verb.
      option: the flag that names the run's folder.
      with_truth: the verb reads true products; their column, which training never read, may be
        named for the run's own catalogue too.

    Returns:
      The run, and the flags; their `columns` are the run's with ``--data.columns.FIELD NAME``
      applied.

    Raises:
      SystemExit: 2 for an unknown flag, naming the nearest; 0 after `--help`.
      ConfigError: when the folder holds no trained run, or columns that it was trained on are
        mapped for its own catalogue.
    """
    parser.add_argument("--catalog", default="", help="listings; empty = the run's own catalogue")
    parser.add_argument("--images", default="", help="folder of their pictures; empty = beside it")
    parser.description = (
        f"{parser.description} The columns of --catalog have the names of the run's catalogue; map "
        "others with --data.columns.FIELD NAME."
    )
    args, rest = parser.parse_known_args(argv)
    opened = Run(Path(getattr(args, option)))
    own = args.columns = opened.config.data.columns
    require_step(opened.folder, newest_step(opened.folder))
    if rest:
        import tyro

        base = _Mapping(_Data(args.columns))
        args.columns = tyro.cli(_Mapping, default=base, args=rest, prog=parser.prog).data.columns
        judged_by = args.columns.group if with_truth else own.group
        if not args.catalog and args.columns != replace(own, group=judged_by):
            but = ", all but --data.columns.group" if with_truth else ""
            raise ConfigError(
                f"--data.columns goes with --catalog; the run knows its own columns{but}"
            )
    return opened, args


def images_setting(args: argparse.Namespace) -> str:
    """What names the folder of the pictures that the flags of `open_run` lead to."""
    return "--images" if args.catalog else "--images (beside --catalog)"


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
        try:
            config = from_json(path.read_text(encoding="utf-8"))
        except ConfigError as error:
            raise ConfigError(f"{self.folder}: {error}") from error
        # The folder may have been moved or copied since: it is where it is opened.
        return replace(config, run_dir=str(self.folder))

    @cached_property
    def encoder(self) -> TrainedEncoder:
        """The encoder of the checkpoint that stands for the run, on all devices of this host."""
        import jax

        from stylejax.training.mesh import make_mesh
        from stylejax.training.restore import load_encoder

        return load_encoder(self.folder, make_mesh(devices=jax.local_devices()))

    @cached_property
    def tokenizer(self) -> TitleTokenizer:
        """The tokenizer that it was trained with."""
        from input_pipeline.tokens import TitleTokenizer

        return TitleTokenizer(self.encoder.tokenizer, self.encoder.config.text.max_tokens)

    @cached_property
    def origin(self) -> Origin:
        """The checkpoint that stands for the run: what is made of it is known by this.

        It loads no weights.
        """
        from stylejax.training.snapshot import Snapshot

        return Snapshot(self.folder).origin()

    def catalogue(self, args: argparse.Namespace, *, with_truth: bool = False) -> Catalogue:
        """The catalogue that the flags of `open_run` name.

        Args:
          args: has `catalog` and `images`, both empty = the run's own; and `columns`.
          with_truth: read the splits and the true products too: for evaluation only, whatever
            is encoded or shown needs neither.

        Raises:
          ConfigError: when the catalogue cannot be read, its pictures' folder is not there, or
            `images` is given alone.
        """
        from input_pipeline.catalogue import load_catalogue

        listings, images = self.located(args)
        columns = args.columns if with_truth else replace(args.columns, split="")
        data = replace(self.config.data, columns=columns)
        return load_catalogue(data, listings, images, with_truth=with_truth)

    def located(self, args: argparse.Namespace) -> tuple[Path, Path]:
        """The table of listings that the flags name, and the folder of their pictures.

        Raises:
          ConfigError: as `catalogue` does, before the table is read.
        """
        from input_pipeline.sources import locate

        if args.catalog:
            listings = Path(args.catalog)
            images = Path(args.images) if args.images else listings.parent
            if not images.is_dir():
                raise ConfigError(f"no folder of pictures {images}; set --images")
            return listings, images
        if args.images:
            raise ConfigError("--images goes with --catalog; the run's own pictures need neither")
        sources = locate(self.config)
        return sources.catalogue, sources.images

    def photos(self, args: argparse.Namespace) -> Path | None:
        """The table of further photos of the catalogue that the flags name; None = there is none.

        Args:
          args: as of `catalogue`, and `photos`.

        Raises:
          ConfigError: when `photos` is given alone.
        """
        from input_pipeline.sources import locate

        if args.catalog:
            return Path(args.photos) if args.photos else None
        if args.photos:
            raise ConfigError("--photos goes with --catalog; the run knows its own")
        name = self.config.data.photos
        return locate(self.config).catalogue.parent / name if name else None

    def export(self, folder: str = "") -> tuple[Path, dict[str, Any]]:
        """Folder and manifest of an export of the run's checkpoint; "" = the run's own folder.

        Raises:
          ConfigError: when there is none, or another checkpoint made it.
        """
        from stylejax.origin import Origin
        from stylejax.retrieval.manifest import MANIFEST, read_manifest

        path = Path(folder) if folder else self.folder / "vectors"
        manifest = read_manifest(path)
        made_by = Origin.read(manifest, path / MANIFEST)
        made_by.require(self.origin, f"the vectors in {path} are out of date", "export again")
        return path, manifest
