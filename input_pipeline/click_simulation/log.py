"""Writing a simulated click log, with a note beside it that says what it is."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from input_pipeline.catalogue import Catalogue
from input_pipeline.click_simulation.options import ClickOptions
from input_pipeline.click_simulation.shop import Shop
from stylejax.config import ConfigError

LOG = pa.schema(
    [
        ("event_id", pa.string()),
        ("session_id", pa.string()),
        ("timestamp", pa.int64()),  # seconds since 1970
        ("query", pa.string()),
        ("item_id", pa.string()),
        ("category", pa.string()),
        ("position", pa.int32()),  # 1 is the top of the page
        ("clicked", pa.int8()),
        ("relevance", pa.float64()),  # the engine's score, 0 to 1
    ]
)
_FORMATS = (".csv", ".csv.gz", ".parquet")
_START = 1_767_225_600  # 2026-01-01 00:00 UTC
_CHUNK = 2_000  # sessions a table


@dataclass(frozen=True)
class SimulatedLog:
    """What was written."""

    path: Path
    note: Path  # JSON: seed, rates and counts
    events: int
    clicks: int


def write_clicks(
    catalogue: Catalogue,
    split: str,
    path: Path,
    options: ClickOptions,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> SimulatedLog:
    """Simulates a log over the listings of one split and writes it.

    Beside ``NAME.csv`` stands ``NAME.json`` with the seed, all rates and the counts: a header
    inside the log would break what reads CSV.

    Args:
      catalogue: read with the truth, which decides what a shopper clicks.
      split: whose listings are shown.
      path: the log, .csv, .csv.gz or .parquet; its name must say "simulated".
      options: seed and rates.
      progress: called as `progress(sessions done, sessions in all)`.

    Raises:
      ConfigError: for a name that could pass for a real log's, another format, or a split without
        listings.
    """
    note = require_log_name(path)
    shop = Shop(catalogue, catalogue.rows(split), options)
    events = clicks = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"partial-{path.name}")
    with _writer(draft) as write:
        for done, table in _tables(shop, catalogue, options):
            write(table)
            events += len(table)
            clicks += int(table["clicked"].to_numpy().sum())
            if progress is not None:
                progress(done, options.sessions)
    label = {
        "simulated": True,
        "note": "Every event here was made by `stylejax simulate-clicks`; nobody searched or "
        "clicked. A listing's true product decided what was clicked.",
        "split": split,
        **asdict(options),
        "position_attention": f"1 / (1 + {options.position_bias} * (position - 1))",
        "relevance": f"grade + N(0, {options.relevance_noise}), clipped to [0, 1]",
        "events": events,
        "clicks": clicks,
    }
    note.write_text(json.dumps(label, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)
    return SimulatedLog(path, note, events, clicks)


def require_log_name(path: Path) -> Path:
    """Checks the log's name and returns that of the note beside it.

    Raises:
      ConfigError: when the name does not say "simulated" or has none of the formats.
    """
    end = next((end for end in sorted(_FORMATS, key=len)[::-1] if path.name.endswith(end)), "")
    if not end:
        raise ConfigError(f"--out {path} ends in none of {', '.join(_FORMATS)}")
    stem = path.name.removesuffix(end)
    if "simulated" not in stem:
        raise ConfigError(
            f"--out {path} could pass for a log of real clicks; call it "
            f"{path.with_name(f'{stem}_simulated{end}')}"
        )
    return path.with_name(f"{stem}.json")


@contextlib.contextmanager
def _writer(path: Path) -> Iterator[Callable[[pa.Table], None]]:
    """A function that writes tables of `LOG`, one after another."""
    if path.name.endswith(".parquet"):
        with pq.ParquetWriter(path, LOG, compression="zstd") as writer:
            yield writer.write_table
        return
    codec = "gzip" if path.name.endswith(".gz") else None
    with (
        pa.output_stream(path, compression=codec) as stream,
        io.TextIOWrapper(stream, encoding="utf-8", newline="") as text,
    ):
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(LOG.names)
        yield lambda table: rows.writerows(zip(*table.to_pydict().values(), strict=True))


def _tables(
    shop: Shop, catalogue: Catalogue, options: ClickOptions
) -> Iterator[tuple[int, pa.Table]]:
    """(sessions done, their events) by the thousand."""
    event, clock = 0, _START
    rows: dict[str, list] = {name: [] for name in LOG.names}
    for session in range(options.sessions):
        search = shop.search()
        for place, row in enumerate(search.rows.tolist()):
            event += 1
            rows["event_id"].append(f"E{event:08d}")
            rows["session_id"].append(f"S{session:07d}")
            rows["timestamp"].append(clock + place)
            rows["query"].append(search.query)
            rows["item_id"].append(catalogue.item_id[row])
            rows["category"].append(catalogue.category_path[row])
            rows["position"].append(place + 1)
        rows["clicked"] += search.clicked.astype(int).tolist()
        rows["relevance"] += search.relevance.tolist()
        clock += 60
        if (session + 1) % _CHUNK == 0 or session + 1 == options.sessions:
            yield session + 1, pa.table(rows, schema=LOG)
            rows = {name: [] for name in LOG.names}
