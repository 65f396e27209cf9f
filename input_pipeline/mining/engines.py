"""What runs the expressions: DuckDB inside this process, or Spark."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from input_pipeline.sources import open_source, told
from input_pipeline.tables import reading
from stylejax.config import ConfigError, MiningConfig

JAVA = 17  # the oldest Java that Spark 4 runs on


class Engine:
    """A connection of Ibis that can keep what it has computed."""

    def __init__(self, connection: Any, scratch: Path):
        """Takes the connection and a folder for copies of what the engine cannot read itself."""
        self.connection = connection
        self.scratch = scratch
        self._where: Path | str = "the click log"
        self._kept = 0

    def open(self, where: Path | str, table: str) -> ir.Table:
        """The click log: a file, or a table of a database.

        Raises:
          ConfigError: when it cannot be read.
        """
        self._where = where if isinstance(where, Path) else told(where)  # messages quote it
        return open_source(self.connection, where, table, self.scratch)

    def load(self, name: str, rows: pa.Table) -> ir.Table:
        """Gives the engine a table of this process."""
        return self.connection.create_table(name, rows, temp=True)

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        """Computes a table once; later expressions read the result.

        Raises:
          ConfigError: when the log breaks while it is read.
        """
        with reading(self._where):
            return self.connection.create_table(self._fresh(name), rows, temp=True)

    def _fresh(self, name: str) -> str:
        self._kept += 1  # both sides of a time split keep tables of the same names
        return f"{name}_{self._kept}"

    def rows(self, table: ir.Table) -> pa.Table:
        """The rows of an expression.

        Raises:
          ConfigError: when the log breaks while it is read.
        """
        with reading(self._where):
            return table.to_pyarrow()

    def count(self, table: ir.Table) -> int:
        """Number of rows of an expression."""
        return int(self.row(table.agg(n=table.count()))["n"])

    def row(self, table: ir.Table) -> dict[str, Any]:
        """The only row of an expression; no value is None: an empty sum is 0."""
        return {name: value or 0 for name, value in self.rows(table).to_pylist()[0].items()}


class SparkEngine(Engine):
    """PySpark in local mode, or on the cluster that spark-defaults.conf names."""

    def load(self, name: str, rows: pa.Table) -> ir.Table:
        """Gives Spark a table of this process."""
        self.connection._session.createDataFrame(rows).createOrReplaceTempView(name)
        return self.connection.table(name)

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        """Computes a table when it is first read and holds it in memory or on disk."""
        frame = self.connection._session.sql(self.connection.compile(rows)).persist()
        name = self._fresh(name)
        frame.createOrReplaceTempView(name)
        return self.connection.table(name)


@contextlib.contextmanager
def open_engine(options: MiningConfig) -> Iterator[Engine]:
    """Connects, and removes what the engine spilled when the block ends.

    Raises:
      ConfigError: for Spark without PySpark or Java, or a spill folder that is not there.
    """
    if options.spill_dir and not Path(options.spill_dir).is_dir():
        raise ConfigError(f"no folder {options.spill_dir}; create it or leave out mining.spill_dir")
    with tempfile.TemporaryDirectory(prefix="mining-", dir=options.spill_dir or None) as folder:
        if options.engine == "spark":
            with _spark(folder) as connection:
                yield SparkEngine(connection, Path(folder))
            return
        connection = ibis.duckdb.connect()
        settings = {
            "temp_directory": folder,
            "preserve_insertion_order": False,
            "enable_progress_bar": False,
            "TimeZone": "UTC",
        }
        if options.memory_limit:
            settings["memory_limit"] = options.memory_limit
        for name, value in settings.items():
            connection.con.execute(f"SET {name} = ?", [value])
        try:
            yield Engine(connection, Path(folder))
        finally:
            connection.disconnect()


@contextlib.contextmanager
def _spark(folder: str) -> Iterator[Any]:
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ConfigError(
            "mining.engine is spark, but PySpark is not installed: run `make setup-spark` or "
            "pip install 'stylejax[spark]'; or use --mining.engine duckdb"
        ) from error
    check_java()
    session = (
        SparkSession.builder.appName("stylejax mine")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.local.dir", folder)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
        # A local run has few cores: the cluster's default of 200 partitions only costs time. More
        # partitions than needed are joined again, so that a small log is not cut into pieces.
        .config("spark.sql.shuffle.partitions", str(4 * (os.cpu_count() or 1)))
        .config("spark.sql.adaptive.enabled", "true")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .getOrCreate()
    )
    try:
        yield ibis.pyspark.connect(session)
    finally:
        session.stop()


def check_java() -> None:
    """Looks for a Java that Spark can run on.

    Raises:
      ConfigError: when there is none or it is too old, with what to install.
    """
    fix = (
        f"install Java {JAVA} (Debian: apt-get install openjdk-{JAVA}-jre-headless), or point "
        "JAVA_HOME at one, or use --mining.engine duckdb"
    )
    home = os.environ.get("JAVA_HOME", "")
    java = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if java is None:
        raise ConfigError(f"mining.engine is spark, and Spark needs Java, which is not here: {fix}")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', told)
    if version is None or int(version[1]) < JAVA:
        found = version[1] if version else told.strip() or "of no version"
        raise ConfigError(f"mining.engine is spark, but {java} is Java {found}: {fix}")
