"""What is wrong with a CSV file that an engine could not read, in a few words."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

_ENDS = {"\n": "LF", "\r\n": "CR LF", "\r": "CR"}


def csv_fault(path: Path, rows: int | None = None) -> str:
    """Reads a file row by row until something is wrong; empty when nothing is.

    It is for a file that was refused: an engine reads what is right a hundred times faster.

    Args:
      path: a CSV file, maybe gzipped.
      rows: how many are read at most; None = all.
    """
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rb") as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")  # pyright: ignore[reportArgumentType]
        try:
            return _fault(text, rows)
        except UnicodeDecodeError:
            return "it is not UTF-8; save it in that encoding"
        except (OSError, EOFError) as error:
            return str(error)


def _fault(text: io.TextIOWrapper, most: int | None) -> str:
    last = ""

    def lines() -> Iterator[str]:
        nonlocal last
        while last := text.readline():
            yield last

    rows, ends, begun = csv.reader(lines(), strict=True), set(), 1
    columns = 0
    try:
        for row in islice(rows, most):
            columns = columns or len(row)
            if row and len(row) != columns:
                return f"line {begun} has {len(row)} columns, the first line {columns}"
            ends.add(last[len(last.rstrip("\r\n")) :])
            begun = rows.line_num + 1
    except csv.Error as error:
        return f"line {begun}: {error}; is a quote not closed, or not doubled?"
    kinds = [name for end, name in _ENDS.items() if end in ends]
    if len(kinds) > 1:
        return f"its line ends differ, some are {' and some '.join(kinds)}; write one kind"
    return "" if columns else "it is empty"
