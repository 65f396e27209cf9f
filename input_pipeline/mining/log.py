"""The click log: a user's columns, or the OpenSearch UBI schema, to typed events.

Every value that cannot be read becomes a flag beside a null, so that `checks` can count it. What
can be read is said by regular expressions: engines disagree on what else casts to a number or a
moment ("1d", "1_0", "24:00"), and on what a trim takes away.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from input_pipeline.sources import told
from input_pipeline.tables import mapped
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

# White space as Unicode has it, with the byte order mark. A range for \t to \r: Spark reads the
# escapes of \v and \f as letters.
BLANK = "[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"


def _whole(pattern: str) -> str:
    """A cell that holds nothing but `pattern`, its first group, and perhaps outer white space."""
    return f"^{BLANK}*({pattern}){BLANK}*$"


# What `lower` alone does not fold. It asks for what is there, not for where a text ends: to Java
# `$` is also the place before a last line break.
UNUSUAL = "[^ -~]|^ | $"
DIGITS = "[0-9]{1,99}"  # so few, with an exponent so short, that no number is infinite
NUMBER = _whole(f"[+-]?({DIGITS}[.]?[0-9]{{0,99}}|[.]{DIGITS})([eE][+-]?[0-9]{{1,2}})?")
MOMENT = _whole(  # of ISO 8601, what every engine reads once its minutes have seconds
    "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    "([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
    "(Z| UTC|[+-](0[0-9]|1[0-4]):[0-5][0-9])?)?"
)
FRACTION = "([.][0-9]{1,3})"  # of a moment's seconds
DAYS = (19_000_101, 21_001_231)  # days that are written as one number
NOTHING = _whole("([nN][aA][nN])?")
YES = _whole("(?i)true|t|yes|y")
NO = _whole("(?i)false|f|no|n|")


@dataclass(frozen=True)
class ClickLog:
    """Events, one row each, and what can be said of them.

    `events` has query (trimmed, lower case; "" = none), item_id ("" = none), shown and clicked
    (int64, 0 or 1), and of relevance (float64, null = none), session_id, event_id, trigger_id
    (string, "" = none) and seconds (float64 since 1970, null = none) what the log has; besides
    the booleans unasked (no query), bad_clicked, bad_relevance, outside, bad_time and other_action.
    `where` names the log in messages, without a password.
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
      ConfigError: for a missing column, or one that the schema has no use for.
    """
    where = told(where)
    for name in ("query", "item_id", "clicked"):
        if not getattr(data.click_columns, name):
            raise ConfigError(f"data.click_columns.{name} is empty, but no log can do without it")
    if data.click_schema == "ubi":
        raw = _ubi(table, data.click_columns, where)
    else:
        names = dataclasses.asdict(data.click_columns)
        default = dataclasses.asdict(ClickColumns())
        for ours, theirs in names.items():
            optional = ours not in REQUIRED and theirs == default[ours]
            if optional and theirs not in table.columns:
                names[ours] = ""
        raw = mapped(table, names, where, "data.click-columns")
    return ClickLog(_typed(raw), where)


def _typed(raw: ir.Table) -> ir.Table:
    query = _text(raw["query"])
    no: Any = ibis.literal(False)
    columns: dict[str, Any] = {
        "query": folded(query),
        "item_id": _text(raw["item_id"]),
        # Blanks sort before "!" or after "~".
        "unasked": query.between("!", "~").ifelse(no, query.re_search(f"^{BLANK}*$")),
    }
    if "action" in raw.columns:
        action = _text(raw["action"]).lower()
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
            columns[name] = _text(raw[name])
    return raw.select(**columns)


def _text(value: Any) -> Any:
    """A cell as text, "" where there is nothing."""
    return value.cast("string").fill_null("")


def folded(text: Any) -> Any:
    """A query without outer white space, in lower case.

    Where engines differ in that, in the letter that any capital may stand for.
    """
    trimmed = text.re_replace(f"^{BLANK}+|{BLANK}+$", "")
    folded = trimmed.lower().replace("i\u0307", "i").replace("ς", "σ")
    return text.re_search(UNUSUAL).ifelse(folded, text.lower())  # it is slow, and seldom needed


def _yes(value: Any) -> tuple[Any, Any]:
    """Whether a cell says that there was a click, and whether it says nothing of the kind."""
    if value.type().is_boolean():
        return value.fill_null(False), ibis.literal(False)
    if value.type().is_floating():
        nan = value.isnan().fill_null(False)  # to engines the greatest number of all
        return ((value > 0) & ~nan).fill_null(False), nan
    if value.type().is_numeric():
        return (value > 0).fill_null(False), ibis.literal(False)
    spelled = _text(value)
    number = _spelled(spelled)
    known = number.notnull() | spelled.re_search(YES) | spelled.re_search(NO)
    return (number > 0).fill_null(spelled.re_search(YES)), ~known


def _number(value: Any) -> tuple[Any, Any]:
    """A cell as a number, null where there is none, and whether it is something else."""
    if value.type().is_numeric():
        number = value.cast("float64")
        return number.isnan().ifelse(ibis.null("float64"), number), ibis.literal(False)
    spelled = _text(value)
    number = _spelled(spelled)
    return number, number.isnull() & ~spelled.re_search(NOTHING)


def _spelled(text: Any) -> Any:
    """The number that a text spells, or null."""
    return text.re_extract(NUMBER, 1).try_cast("float64")


def _seconds(value: Any) -> tuple[Any, Any]:
    """A cell as seconds since 1970, null where there is none, and whether it is something else."""
    if value.type().is_timestamp() or value.type().is_date():
        # Whole seconds and their part apart, to the millisecond: some engines cut, some round.
        part = value.cast("timestamp").millisecond() / 1e3
        return _whole_seconds(value.cast("timestamp('UTC')")) + part, ibis.literal(False)
    number, bad = _number(value)
    seconds = _epoch(number)
    if not value.type().is_numeric():
        spelled = _text(value)
        moment = with_seconds(spelled.re_extract(MOMENT, 1)).try_cast("timestamp('UTC')")
        fraction = spelled.re_extract(FRACTION, 1).fill_null("")
        part = ibis.literal("0").concat(fraction).cast("float64")
        seconds = ibis.coalesce(seconds, _whole_seconds(moment) + part)
    return seconds, (bad | number.notnull()) & seconds.isnull()


def with_seconds(moment: Any) -> Any:
    """A text of MOMENT, seconds written out: before a zone Spark cannot do without."""
    short = (moment.length() > 10) & (moment.substr(16, 1) != ":")
    return short.ifelse(moment.substr(0, 16).concat(":00", moment.substr(16)), moment)


def _whole_seconds(moment: Any) -> Any:
    """Seconds since 1970, cut before they are counted: before 1970 engines cut to either side."""
    return moment.truncate("s").epoch_seconds().cast("float64")


def _epoch(number: Any) -> Any:
    """Seconds, from seconds, milliseconds or microseconds: told apart by their size until 5138.

    The digits of a day, such as 20260102, are null: they would be a second of August 1970.
    """
    day = number.between(*DAYS) & (number == number.floor())
    return ibis.cases(
        (day, ibis.null("float64")),
        (number.abs() < 1e11, number),
        (number.abs() < 1e14, number / 1e3),
        else_=number / 1e6,
    )


def _ubi(table: ir.Table, columns: ClickColumns, where: Path | str) -> ir.Table:
    """A UBI log's columns: those that the mapping names, else those of the schema."""
    default = dataclasses.asdict(ClickColumns())
    names = {name: x for name, x in dataclasses.asdict(columns).items() if x != default[name]}
    if "clicked" in names:
        raise ConfigError(
            f"data.click_columns.clicked is {columns.clicked!r}, but in UBI events the action says "
            "what a click is; leave it out, or use --data.click-schema columns"
        )
    for ours, wanted in UBI.items():
        name = next((name for name in wanted if name in table.columns), None)
        if ours in names:
            continue
        if name:
            names[ours] = name
        elif ours == "item_id" and "event_attributes" in table.columns:
            names[ours] = wanted[0]
            table = table.mutate(**{wanted[0]: _nested_item(table.event_attributes)})
        elif ours not in ("session_id", "timestamp"):
            hint = "; join ubi_queries on query_id first" if ours == "query" else ""
            raise ConfigError(
                f"{where} is no UBI event log: it has no column {' or '.join(wanted)}, but "
                f"{', '.join(table.columns)}{hint}"
            )
    return mapped(table, names, where, "data.click-columns")


@ibis.udf.scalar.builtin
def json_extract_string(value: dt.JSON, path: str) -> str:  # pyright: ignore[reportReturnType]
    """DuckDB's."""


@ibis.udf.scalar.builtin
def get_json_object(value: str, path: str) -> str:  # pyright: ignore[reportReturnType]
    """Spark's."""


def _nested_item(attributes: Any) -> Any:
    """`event_attributes.object.object_id`, of a struct or of JSON text; null where it is broken.

    Each engine by its own function: what Ibis has for both runs in a Python worker on Spark, and
    takes a number for no id on DuckDB.
    """
    if attributes.type().is_struct():
        return attributes["object"]["object_id"].cast("string")
    path = "$.object.object_id"
    if attributes.get_backend().name == "pyspark":
        return get_json_object(attributes.cast("string"), path)
    return json_extract_string(attributes.try_cast("json"), path)
