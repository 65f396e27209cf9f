"""Where a run's data is, and reading its tables whatever their format."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir

from stylejax.config import Config, ConfigError, DataConfig


@dataclass(frozen=True)
class Sources:
    """Files of a data set."""

    catalogue: Path
    clicks: Path
    images: Path


def locate(config: Config, *, progress=None) -> Sources:
    """Finds the data set; writes the built-in simulated one below the run if that is asked for.

    Args:
      config: the run; `config.data` names the data set.
      progress: called with (done, total) listings while the built-in catalogue is written.

    Raises:
      ConfigError: when a file or folder is not there, naming it and the setting to change.
    """
    data = config.data
    if data.name == "synthetic" and not data.root:
        from input_pipeline.synthetic import write_catalogue

        root = Path(config.run_dir) / "data"
        write_catalogue(root, data.synthetic, progress=progress)
    else:
        root = _root(data)
    sources = Sources(root / data.catalogue, root / data.clicks, root / data.images)
    for path, field in ((sources.catalogue, "catalogue"), (sources.clicks, "clicks")):
        if not path.is_file():
            raise ConfigError(f"no file {path}; set --data.root or --data.{field}")
    if not sources.images.is_dir():
        raise ConfigError(f"no folder of pictures {sources.images}; set --data.images")
    return sources


def _root(data: DataConfig) -> Path:
    if data.root:
        root = Path(data.root)
        if not root.is_dir():
            raise ConfigError(f"no folder {root}; --data.root must hold {data.catalogue}")
        return root
    shelf = os.environ.get("STYLEJAX_DATA", "")
    if not shelf:
        raise ConfigError(
            f"where is the data set {data.name!r}? Give --data.root FOLDER, or set STYLEJAX_DATA "
            f"to the folder that holds {data.name}/"
        )
    for root in (Path(shelf) / data.name, Path(shelf)):
        if (root / data.catalogue).is_file():
            return root
    raise ConfigError(
        f"STYLEJAX_DATA is {shelf}, but neither {data.name}/{data.catalogue} nor {data.catalogue} "
        "is there; set it to the folder that holds the data set, or give --data.root"
    )


def read_table(connection: ibis.BaseBackend, path: Path) -> ir.Table:
    """A table over a Parquet, CSV (also gzipped) or JSON-lines file; CSV columns are strings.

    Raises:
      ConfigError: for any other file name, or a file that does not parse.
    """
    name = path.name.lower()
    try:
        if name.endswith(".parquet"):
            return connection.read_parquet(path)
        if name.endswith((".csv", ".csv.gz")):
            return connection.read_csv(
                path, all_varchar=True, header=True, delim=",", quote='"', escape='"', comment=""
            )
        if name.endswith((".jsonl", ".ndjson", ".jsonl.gz")):
            names = connection.read_json(path, format="newline_delimited").columns
            return connection.read_json(
                path, format="newline_delimited", columns=dict.fromkeys(names, "VARCHAR")
            )
    except Exception as error:  # DuckDB raises many types for a broken file
        raise ConfigError(f"cannot read {path}: {error}") from error
    raise ConfigError(f"{path} is none of .parquet, .csv, .csv.gz, .jsonl; convert it to one")


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what the engine says of a broken file into a ConfigError; it reads when it must."""
    try:
        yield
    except duckdb.Error as error:
        raise ConfigError(f"cannot read {path}: {str(error).splitlines()[0]}") from error


def mapped(table: ir.Table, columns: dict[str, str], path: Path, setting: str) -> ir.Table:
    """Renames a user's columns to ours; columns with an empty name are left out.

    Args:
      table: the user's table.
      columns: our name to the user's name.
      path: the file, for the error.
      setting: name of the mapping in the config, for the error.

    Raises:
      ConfigError: naming the columns that are missing and those that are there.
    """
    wanted = {ours: theirs for ours, theirs in columns.items() if theirs}
    missing = [theirs for theirs in wanted.values() if theirs not in table.columns]
    if missing:
        raise ConfigError(
            f"{path} has no column {', '.join(map(repr, missing))}; it has "
            f"{', '.join(table.columns)}. Map your names with --{setting}.FIELD NAME"
        )
    return table.select(**{ours: table[theirs] for ours, theirs in wanted.items()})
