"""Where a run's data is: its files, or the database that holds its log."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir

from input_pipeline.tables import FORMATS, parts, read_table
from stylejax.config import Config, ConfigError, DataConfig

DATABASES = {".duckdb": "duckdb", ".sqlite": "sqlite"}  # files that are databases -> Ibis' scheme


@dataclass(frozen=True)
class Sources:
    """Where the parts of a data set are."""

    catalogue: Path
    clicks: Path | str | None  # a file, a folder or glob of parts, a database; None = no log
    images: Path

    def log(self) -> Path | str:
        """The click log, for what cannot do without; whatever else is asked of the data can.

        Raises:
          ConfigError: when there is none, or no file of it is there.
        """
        if self.clicks is None:
            raise ConfigError(
                "data.clicks is empty: there is no log to mine. Name one with --data.clicks, or "
                "put pairs that you have into the run's folder as pairs.parquet and train"
            )
        if isinstance(self.clicks, Path) and not parts(self.clicks):
            what = f"{', '.join(FORMATS)} in" if self.clicks.is_dir() else "file"
            raise ConfigError(f"no {what} {self.clicks}; set --data.root or --data.clicks")
        return self.clicks


def locate(config: Config) -> Sources:
    """Finds the data set; writes the built-in simulated one below the run if that is asked for.

    Raises:
      ConfigError: when the catalogue or the folder of pictures is not there, naming it and the
        setting to change. The click log is asked for where it is needed, by `Sources.log`.
    """
    data = config.data
    if _is_built_in(data):
        from input_pipeline.synthetic import write_catalogue

        root = Path(config.run_dir) / "data"
        write_catalogue(root, data.synthetic)
    else:
        root = _root(data)
    clicks: Path | str | None = None
    if data.clicks:
        clicks = data.clicks if "://" in data.clicks else root / data.clicks
    sources = Sources(root / data.catalogue, clicks, root / data.images)
    if not sources.catalogue.is_file():
        raise ConfigError(f"no file {sources.catalogue}; set --data.root or --data.catalogue")
    if not sources.images.is_dir():
        raise ConfigError(f"no folder of pictures {sources.images}; set --data.images")
    return sources


def require_located(config: Config) -> None:
    """Checks that `locate` would find the data set; nothing is written.

    Raises:
      ConfigError: as `locate`.
    """
    if not _is_built_in(config.data):  # which is made where it is needed
        locate(config)


def _is_built_in(data: DataConfig) -> bool:
    return data.name == "synthetic" and not data.root


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


def told(where: Path | str) -> str:
    """The name of a file or database for messages: a URL without its user, password and options."""
    if isinstance(where, Path) or "://" not in where:
        return str(where)
    without = re.sub("//.*@", "//…@", where)  # a password may hold a / or @ of its own
    return re.sub(r"[?].*", "?…", without)


def open_source(
    connection: ibis.BaseBackend, where: Path | str, table: str, scratch: Path
) -> ir.Table:
    """A table over a file, or over a table of a database.

    DuckDB reads a .duckdb file in place. Of any other database the rows are copied once, batch by
    batch, into a Parquet file, so that every source gives the same answers.

    Args:
      connection: what will read the table.
      where: a file (.duckdb and .sqlite are databases), or a URL that `ibis.connect` understands.
      table: name of a database's table, table or schema.table; empty for a file.
      scratch: folder for that copy.

    Raises:
      ConfigError: when it cannot be read, or a database is given without a table or the reverse.
    """
    scheme = DATABASES.get(where.suffix) if isinstance(where, Path) else "any"
    if isinstance(where, Path) and not scheme:
        if table:
            raise ConfigError(f"{where} is no database; leave out --data.clicks-table {table}")
        return read_table(connection, where)
    if not table:
        raise ConfigError(
            f"{told(where)} is a database; name the log with --data.clicks-table TABLE"
        )
    space, _, name = table.rpartition(".")
    try:
        if scheme == "duckdb" and connection.name == "duckdb":
            connection.attach(where, name="source", read_only=True)
            return connection.table(name, database=("source", space or "main"))
        url = f"{scheme}://{where.resolve()}" if isinstance(where, Path) else where
        database = ibis.connect(url)
        rows = database.table(name, database=space or None)
        database.to_parquet(rows, scratch / "clicks.parquet")
    except ImportError as error:
        raise ConfigError(f"cannot open {told(where)}: {str(error).splitlines()[0]}") from error
    except Exception as error:  # every database raises types of its own
        what = str(error).replace(str(where), told(where))
        raise ConfigError(f"cannot read table {table} of {told(where)}: {what}") from error
    return read_table(connection, scratch / "clicks.parquet")
