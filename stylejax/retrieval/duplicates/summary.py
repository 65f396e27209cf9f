"""What was found, in a few lines on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stylejax.retrieval.duplicates.agreement import MEASURES
from stylejax.retrieval.duplicates.find import Duplicates
from stylejax.retrieval.duplicates.output import counts
from stylejax.retrieval.duplicates.threshold import Point

HEADERS = ("precision", "recall", "precision by listings", "recall by listings")


def print_summary(found: Duplicates, told: Mapping[str, Any]) -> None:
    """Prints counts, the threshold, its precision, and how the groups agree with the truth.

    Args:
      found: the groups.
      told: what `write_result` writes.
    """
    number, estimate = counts(found), found.estimate
    print(f"listings   {number['listings']:,}")
    print(
        f"groups     {number['groups']:,} with {number['in_groups']:,} listings, "
        f"the largest with {number['largest']:,}"
    )
    print(f"threshold  {found.threshold:z.3f}, {told['threshold_by']}")
    if np.isfinite(found.floor):
        print(f"labels     judge thresholds from {found.floor:z.3f} up; below, groups make others")
    if estimate is not None:
        wanted = told["wanted"]
        _print_estimate(found, estimate, f"; wanted {wanted['precision']:g}" if wanted else "")
    if told["truth"]:
        _print_truth(told["truth"]["splits"])


def _print_estimate(found: Duplicates, estimate: Point, asked: str) -> None:
    if found.threshold < found.floor:
        print("precision  - no label tells: the groups are of other pairs than were labelled")
        return
    if estimate.precision is None:
        print(f"precision  - no labelled pair is in one group{asked}")
    else:
        ends = f"[{estimate.low:.3f}, {estimate.high:.3f}]"
        print(f"precision  {estimate.precision:.3f} {ends} of the pairs in one group{asked}")
    if estimate.recall is None:
        print("recall     - no labelled pair is one product")
    else:
        print(f"recall     {estimate.recall:.3f} of the labelled pairs that are one product")


def _print_truth(splits: Mapping[str, Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title="Against the true products, with 95 % by a bootstrap over products", box=None
    )
    table.add_column("split")
    for header in ("listings", *HEADERS):
        table.add_column(header, justify="right")
    for split, values in splits.items():
        cells = [_cell(values, measure) for measure in MEASURES]
        table.add_row(escape(split), f"{values['listings']:,}", *cells)
    Console(width=100).print(table)


def _cell(values: Mapping[str, Any], measure: str) -> str:
    value, ends = values[measure], values[f"{measure}_interval"]
    if value is None:
        return "-"
    if ends is None:
        return f"{value:.3f}"
    return f"{value:.3f} {ends[0]:.2f}-{ends[1]:.2f}"
