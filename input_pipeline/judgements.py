"""Human judgements: which listing is how right for which query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis import _

from input_pipeline.tables import read_table, reading
from stylejax.config import ConfigError

# Names of the columns, the first as in eSSPR's public file; and whether a query is a listing.
FORMS = (
    (("trigger_id", "recall_id", "label"), True),
    (("query_id", "item_id", "label"), True),
    (("query", "item_id", "label"), False),
)


@dataclass(frozen=True)
class Judgements:
    """Judged pairs, each once; the lists are aligned."""

    query: list[str]  # id of a listing, or words
    item_id: list[str]
    gain: list[float]  # how right: 0 = wrong
    by_listing: bool  # whether queries are listings, rather than words
    findings: list[tuple[str, int]]  # what was wrong with rows that are left out, and how many


def read_judgements(path: Path, grades: Mapping[str, float]) -> Judgements:
    """Reads a file of judgements.

    Args:
      path: Parquet, CSV or JSON lines with ``trigger_id, recall_id, label`` (eSSPR),
        ``query_id, item_id, label``, or ``query, item_id, label``, where a query is words.
      grades: label to gain; none = labels are numbers.

    Raises:
      ConfigError: when it cannot be read, has other columns, or no row is usable.
    """
    table = _table(path)
    names, by_listing = _form(table, path)
    query, item, label = (table[name].cast("string").strip() for name in names)
    if grades:
        named: Any = [(ibis.literal(name), ibis.literal(x)) for name, x in grades.items()]
        gain = label.cases(*named)
    else:
        gain = label.try_cast("float64")
    rows = table.select(query=query, item_id=item, label=label, gain=gain)
    usable = rows.filter(_.query != "", _.item_id != "", _.gain >= 0, _.gain < float("inf"))
    once = (
        usable.group_by("query", "item_id")
        .agg(gain=_.gain.mean(), kinds=_.gain.nunique(), least=_.gain.min(), most=_.gain.max())
        .order_by("query", "item_id")
    )
    with reading(path):
        total, count = (
            int(rows.count().to_pyarrow().as_py()),
            int(usable.count().to_pyarrow().as_py()),
        )
        odd = rows.filter(_.gain.isnull(), _.label.notnull()).select("label").distinct()
        strange = odd.order_by("label").limit(5).to_pyarrow()["label"].to_pylist()
        said = once.to_pyarrow()
        found = once.filter((_.least > 0) | (_.most == 0)).to_pyarrow()
    if grades and strange and found.num_rows:
        raise ConfigError(
            f"{path} has labels without a gain: {', '.join(map(repr, strange))}; name them in "
            "--grades too, with 0 for what is wrong"
        )
    if not found.num_rows:
        hint = "rows need a query, an item and a label of 0 or more"
        if strange:
            labels = ", ".join(map(repr, strange))
            hint = f"the labels are {labels}; give their gains with --grades NAME=GAIN,..."
        raise ConfigError(f"{path} has no usable judgement: {hint}")
    findings = [
        (f"without query, item or gain{_some(strange)}", total - count),
        ("said again", count - said.num_rows),
        ("of pairs that are called right and wrong", said.num_rows - found.num_rows),
        ("of several grades: their mean counts", sum(k > 1 for k in found["kinds"].to_pylist())),
    ]
    return Judgements(
        found["query"].to_pylist(),
        found["item_id"].to_pylist(),
        found["gain"].to_pylist(),
        by_listing,
        [finding for finding in findings if finding[1]],
    )


def _some(labels: list[str]) -> str:
    return f" (labels such as {', '.join(map(repr, labels))})" if labels else ""


def _table(path: Path) -> ir.Table:
    """Also JSON lists and files without an ending, as eSSPR's are."""
    connection = ibis.duckdb.connect()
    if path.is_file() and path.suffix in (".json", ""):
        with reading(path):
            found = connection.read_json(path).columns
            return connection.read_json(path, columns=dict.fromkeys(found, "VARCHAR"))
    return read_table(connection, path)


def _form(table: ir.Table, path: Path) -> tuple[tuple[str, ...], bool]:
    for names, by_listing in FORMS:
        if set(names) <= set(table.columns):
            return names, by_listing
    forms = "; or ".join(", ".join(names) for names, _ in FORMS)
    raise ConfigError(f"{path} has the columns {', '.join(table.columns)}; judgements have {forms}")


def parse_grades(text: str) -> dict[str, float]:
    """``E=3,S=2`` as label to gain; none of an empty text.

    Raises:
      ConfigError: naming the part that is no NAME=GAIN, with a gain of 0 or more, or a name with
        two gains.
    """
    grades = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, gain = (word.strip() for word in part.partition("="))
        try:
            value = float(gain)
        except ValueError:
            value = None
        if value is None or not name:
            raise ConfigError(f"--grades has {part!r}; write NAME=GAIN, such as E=3")
        if not 0 <= value < float("inf"):
            raise ConfigError(f"--grades has {part!r}; gains are 0 or more")
        if grades.setdefault(name, value) != value:
            raise ConfigError(f"--grades has {name} as {grades[name]:g} and {value:g}; give one")
    return grades
