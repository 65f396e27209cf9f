"""Where a run's data is, and reading its tables whatever their format."""

from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir

from stylejax.config import Config, ConfigError, DataConfig

# What a table's file ends with -> its kind.
FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonl.gz": "jsonl",
}
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
    if data.name == "synthetic" and not data.root:
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


def parts(path: Path) -> list[Path]:
    """The files that one table lies in, by their names; none where nothing is there.

    Of a folder those are what lies in it and below it in one of `FORMATS`, without names that begin
    with _ or .: programs that write parts mark their own files so.

    Args:
      path: a file, a folder of files, or a glob of either, such as ``logs/2026-*.parquet``.
    """
    if path.exists():
        named = [path]
    else:
        above = next(folder for folder in path.parents if folder.is_dir())
        wanted = glob.glob(str(path.relative_to(above)), root_dir=above, recursive=True)
        named = [above / name for name in sorted(wanted)]
    found = []
    for one in named:
        found += [one] if one.is_file() else _below(one)
    return found


def _below(folder: Path) -> list[Path]:
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.name.lower().endswith(tuple(FORMATS))
        and not any(part.startswith(("_", ".")) for part in file.relative_to(folder).parts)
        and file.is_file()
    ]


def read_table(connection: ibis.BaseBackend, path: Path) -> ir.Table:
    """A table over Parquet, CSV (also gzipped) or JSON lines; CSV columns are strings.

    Args:
      connection: Ibis on DuckDB or PySpark.
      path: what `parts` takes. A column that some parts lack is null there, but to Spark parts of
        CSV must have one header. Names of folders (day=2026-01-01) give no column.

    Raises:
      ConfigError: for any other file name, parts of several formats, or what does not parse.
    """
    files = parts(path) or [path]
    kind, *others = sorted({_kind(file) for file in files})
    if others:
        raise ConfigError(
            f"{path} has files of several formats: {', '.join([kind, *others])}; keep those of one "
            f"in a folder of their own, or name them by a glob such as 'logs/*.{kind}'"
        )
    try:
        read = _spark_table if connection.name == "pyspark" else _duckdb_table
        return read(connection, [str(file) for file in files], kind)
    except Exception as error:  # DuckDB raises many types for a broken file
        raise ConfigError(f"cannot read {path}: {error}") from error


def _kind(file: Path) -> str:
    for ending, kind in FORMATS.items():
        if file.name.lower().endswith(ending):
            return kind
    raise ConfigError(f"{file} is none of {', '.join(FORMATS)}; convert it to one")


def _duckdb_table(connection: Any, files: list[str], kind: str) -> ir.Table:
    # Or day=2026-01-01 in a path would be a column.
    whole = {"union_by_name": True, "hive_partitioning": False}
    if kind == "parquet":
        return connection.read_parquet(files, **whole)
    if kind == "csv":
        quoted = {"quote": '"', "escape": '"', "comment": ""}
        same = {"all_varchar": True, "header": True, "delim": ","}
        return connection.read_csv(files, **same, **quoted, **whole)
    lines = {"format": "newline_delimited", "hive_partitioning": False}
    # From all lines of all files: a field may be seen late for the first time.
    looked = connection.read_json(files, **lines, union_by_name=True, sample_size=-1)
    return connection.read_json(files, **lines, columns=dict.fromkeys(looked.columns, "VARCHAR"))


def _spark_table(connection: Any, files: list[str], kind: str) -> ir.Table:
    strict = {"mode": "FAILFAST", "encoding": "UTF-8"}  # Spark's own: a broken row becomes nulls
    if kind == "parquet":  # Ibis' own takes one path only
        frame = connection._session.read.parquet(*files, mergeSchema=True)
        name = ibis.util.gen_name("read_parquet")
        frame.createOrReplaceTempView(name)
        return connection.table(name)
    if kind == "csv":
        quoted = {"quote": '"', "escape": '"', "multiLine": True}
        # Or a part whose header has another order would be read in the order of the first.
        texts = {"inferSchema": False, "enforceSchema": False}
        return connection.read_csv(files, header=True, **texts, **quoted, **strict)
    return connection.read_json(files, primitivesAsString=True, **strict)


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


@contextlib.contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Turns what the engine says of a broken file into a ConfigError; it reads when it must."""
    try:
        yield
    except Exception as error:
        engine = type(error).__module__.partition(".")[0]
        if not isinstance(error, duckdb.Error) and engine not in ("pyspark", "py4j"):
            raise
        raise ConfigError(f"cannot read {path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What an engine says in a line. Spark's own exceptions bury it below those of its workers."""
    cause = getattr(error, "java_exception", None)
    while cause is not None and cause.getCause() is not None:
        cause = cause.getCause()
    told = str(error if cause is None else cause.getMessage())
    lines = (line.strip() for line in told.splitlines())
    return next((line for line in lines if line), type(error).__name__)


def mapped(table: ir.Table, columns: dict[str, str], path: Path | str, setting: str) -> ir.Table:
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
