"""The click log: a user's columns, or the OpenSearch UBI schema, to typed events.

Every value that cannot be read becomes a flag beside a null, so that `checks` can count it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from input_pipeline.sources import mapped
from stylejax.config import ClickColumns, ConfigError, DataConfig

REQUIRED = ("query", "item_id", "clicked", "relevance")

# User Behavior Insights 1.x: the event's field -> where it is found, the first that is there. The
# listing's id stands in event_attributes.object in the full schema; flat exports name it after the
# index field (object_id_field), which is "asin" in the sample of the specification's authors.
UBI: dict[str, tuple[str, ...]] = {
    "query": ("user_query",),
    "item_id": ("object_id", "asin"),
    "action": ("action_name", "action"),
    "session_id": ("session_id", "client_id"),
    "timestamp": ("timestamp",),
}
UBI_SHOWN = ("impression",)
UBI_CLICKED = ("click", "add_to_cart", "purchase")


@dataclass(frozen=True)
class ClickLog:
    """Events, one row each, and what can be said of them.

    `events` has query (trimmed, lower case; "" = none), item_id ("" = none), shown and clicked
    (int64, 0 or 1), and of relevance (float64, null = none), session_id, event_id, trigger_id
    (string, "" = none) and seconds (float64 since 1970, null = none) what the log has; besides
    the booleans unasked (no query), bad_clicked, bad_relevance, outside, bad_time and other_action.
    """

    events: ir.Table
    where: str

    def has(self, column: str) -> bool:
        """Whether the log has an optional column of `events`."""
        return column in self.events.columns


def click_log(table: ir.Table, data: DataConfig, where: Path | str) -> ClickLog:
    """Reads a table as a click log.

    Args:
      table: the user's table.
      data: its schema and column mapping.
      where: the file or database, for messages.

    Raises:
      ConfigError: for a missing column.
    """
    if data.click_schema == "ubi":
        raw = _ubi(table, data.click_columns, where)
    else:
        names = dataclasses.asdict(data.click_columns)
        default = dataclasses.asdict(ClickColumns())
        for ours, theirs in names.items():
            optional = ours not in REQUIRED and theirs == default[ours]
            if optional and theirs not in table.columns:
                names[ours] = ""
        raw = mapped(table, names, where, "data.click_columns")
    return ClickLog(_typed(raw), str(where))


def _typed(raw: ir.Table) -> ir.Table:
    def text(name: str) -> Any:
        cell: Any = raw[name].cast("string")
        return cell.fill_null("")

    query = text("query")
    # Blanks sort before "!". Engines trim slowly, so only what begins or ends with one is trimmed.
    blank = query < "!"
    trimmed = (blank | query.endswith(" ")).ifelse(query.strip(), query)
    no: Any = ibis.literal(False)
    columns: dict[str, Any] = {
        "query": trimmed.lower(),
        "item_id": text("item_id"),
        "unasked": blank.ifelse(query.strip() == "", no),
    }
    if "action" in raw.columns:
        action = text("action").lower()
        columns["clicked"] = action.isin(UBI_CLICKED).cast("int64")
        columns["shown"] = action.isin(UBI_SHOWN).cast("int64")
        columns["bad_clicked"] = no
        columns["other_action"] = ~action.isin(UBI_SHOWN + UBI_CLICKED)
    else:
        clicked, bad = _yes(raw.clicked)
        columns["clicked"], columns["bad_clicked"] = clicked.cast("int64"), bad
        columns["shown"] = ibis.literal(1, "int64")
        columns["other_action"] = no
    columns |= {"bad_relevance": no, "outside": no, "bad_time": no}
    if "relevance" in raw.columns:
        number, columns["bad_relevance"] = _number(raw.relevance)
        inside = number.between(0, 1)
        columns["relevance"] = inside.ifelse(number, ibis.null("float64"))
        columns["outside"] = (~inside).fill_null(False)
    if "timestamp" in raw.columns:
        columns["seconds"], columns["bad_time"] = _seconds(raw.timestamp)
    for name in ("session_id", "event_id", "trigger_id"):
        if name in raw.columns:
            columns[name] = text(name)
    return raw.select(**columns)


def _yes(value: Any) -> tuple[Any, Any]:
    """Whether a cell says that there was a click, and whether it says nothing of the kind."""
    if value.type().is_boolean():
        return value.fill_null(False), ibis.literal(False)
    if value.type().is_numeric():
        return (value > 0).fill_null(False), ibis.literal(False)
    spelled = value.cast("string").fill_null("").strip().lower()
    number = spelled.try_cast("float64")
    yes = spelled.isin(("true", "t", "yes", "y"))
    no = spelled.isin(("false", "f", "no", "n", ""))
    return (number > 0).fill_null(yes), ~(yes | no | number.notnull())


def _number(value: Any) -> tuple[Any, Any]:
    """A cell as a number, null where there is none, and whether it is something else."""
    if value.type().is_numeric():
        number, bad = value.cast("float64"), ibis.literal(False)
    else:
        spelled = value.cast("string").strip()
        number = spelled.try_cast("float64")
        bad = (number.isnull() & (spelled != "")).fill_null(False)
    return number.isnan().ifelse(ibis.null("float64"), number), bad


def _seconds(value: Any) -> tuple[Any, Any]:
    """A cell as seconds since 1970, null where there is none, and whether it is something else."""
    if value.type().is_timestamp() or value.type().is_date():
        return value.cast("timestamp('UTC')").epoch_seconds().cast("float64"), ibis.literal(False)
    if value.type().is_numeric():
        return _epoch(value.cast("float64")), ibis.literal(False)
    spelled = value.cast("string").strip()
    moment = spelled.try_cast("timestamp('UTC')").epoch_seconds().cast("float64")
    seconds = ibis.coalesce(_epoch(spelled.try_cast("float64")), moment)
    return seconds, (seconds.isnull() & (spelled != "")).fill_null(False)


def _epoch(number: Any) -> Any:
    """Seconds, from seconds, milliseconds or microseconds: told apart by their size until 5138."""
    return ibis.cases(
        (number.isnan(), ibis.null("float64")),
        (number.abs() < 1e11, number),
        (number.abs() < 1e14, number / 1e3),
        else_=number / 1e6,
    )


def _ubi(table: ir.Table, columns: ClickColumns, where: Path | str) -> ir.Table:
    found: dict[str, Any] = {}
    own = columns.item_id if columns.item_id != ClickColumns().item_id else ""
    for ours, names in UBI.items():
        wanted = (own,) if ours == "item_id" and own else names
        name = next((name for name in wanted if name in table.columns), None)
        if name:
            found[ours] = table[name]
        elif ours == "item_id" and not own and "event_attributes" in table.columns:
            found[ours] = _nested_item(table.event_attributes)
        elif ours not in ("session_id", "timestamp"):
            hint = "; join ubi_queries on query_id first" if ours == "query" else ""
            raise ConfigError(
                f"{where} is no UBI event log: it has no column {' or '.join(wanted)}, but "
                f"{', '.join(table.columns)}{hint}"
            )
    return table.select(**found)


def _nested_item(attributes: Any) -> Any:
    """`event_attributes.object.object_id`, of a struct or of JSON text."""
    if attributes.type().is_struct():
        return attributes["object"]["object_id"].cast("string")
    return attributes.cast("json")["object"]["object_id"].unwrap_as("string")
