"""Tables in files, whatever their format: one file, or many parts."""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir

from input_pipeline.csv_fault import csv_fault
from stylejax.config import ConfigError

# What a table's file ends with -> its kind.
FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonl.gz": "jsonl",
}
SNIFFED = 20_480  # rows of a CSV file that DuckDB looks at before it decides what is its header


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
    if all(file.is_file() and not file.stat().st_size for file in files):
        raise ConfigError(f"{path} is empty: it has not even names of columns")
    try:
        read = _spark_table if connection.name == "pyspark" else _duckdb_table
        return read(connection, [str(file) for file in files], kind)
    except Exception as error:  # DuckDB raises many types for a broken file
        raise ConfigError(f"cannot read {path}: {_fault(path) or _reason(error)}") from error


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


@contextlib.contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Turns what the engine says of a broken file into a ConfigError; it reads when it must."""
    try:
        yield
    except Exception as error:
        engine = type(error).__module__.partition(".")[0]
        if not isinstance(error, duckdb.Error) and engine not in ("pyspark", "py4j"):
            raise
        raise ConfigError(f"cannot read {path}: {_fault(path) or _reason(error)}") from error


def _fault(path: Path | str, rows: int | None = None) -> str:
    """What is wrong with the first CSV file of a table that has something wrong; else empty."""
    files = parts(path) if isinstance(path, Path) else []
    for file in files:
        is_csv = file.name.lower().endswith((".csv", ".csv.gz"))
        if is_csv and (fault := csv_fault(file, rows)):
            return fault if file == path else f"{file}: {fault}"
    return ""


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
        # An engine may have passed over lines until one looked like a header.
        if fault := _fault(path, SNIFFED):
            raise ConfigError(f"cannot read {path}: {fault}")
        (first, *others) = table.columns
        mark = next((mark for mark in ";\t|" if mark in first), "")
        if mark and not others:
            raise ConfigError(
                f"{path}: its columns seem divided by {mark!r}; write them divided by commas"
            )
        raise ConfigError(
            f"{path} has no column {', '.join(map(repr, missing))}; it has "
            f"{', '.join(table.columns)}. Map your names with --{setting}.FIELD NAME"
        )
    return table.select(**{ours: table[theirs] for ours, theirs in wanted.items()})
