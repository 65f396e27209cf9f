"""What devices send each other in a compiled program, read from its text."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
SIZES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s16": 2, "u16": 2, "s64": 8, "f64": 8}
COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\{$")
# An asynchronous instruction is counted where it starts; its result holds operands and results.
MESSAGE = re.compile(rf"= (.*?) ({'|'.join(KINDS)})(-start)?\(")
CALLED = re.compile(r"(?:body|to_apply|calls|true_computation|false_computation)=%?([\w.\-]+)")
BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
TURNS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
CONDITION = re.compile(r"condition=%?([\w.\-]+)")
CONSTANT = re.compile(r"= s32\[\]\S* constant\((\d+)\)")
GROUP = re.compile(r"replica_groups=(?:\[\d+,(\d+)\]|\{\{([\d,]*)\})")
SHAPE = re.compile(r"(pred|[a-z]+\d+)\[([\d,]*)\]")


@dataclass
class Collective:
    """All messages of one kind that a chip takes part in."""

    count: int = 0
    bytes: float = 0.0  # of results, a chip; of a reduce-scatter those of its operand


def collectives_of(text: str) -> dict[str, Collective]:
    """Messages by kind, those within loops as often as the loop turns.

    Args:
      text: `as_text()` of a compiled program.

    Raises:
      ValueError: when a loop that sends does not tell how often it turns.
    """
    bodies, entry = _computations(text)
    found: dict[str, Collective] = defaultdict(Collective)

    def sends(name: str) -> bool:
        return any(
            MESSAGE.search(line) or any(sends(called) for called in _called(line, bodies))
            for line in bodies[name]
        )

    def visit(name: str, times: int) -> None:
        for line in bodies[name]:
            if message := MESSAGE.search(line):
                found[message.group(2)].count += times
                found[message.group(2)].bytes += times * _received(line, *message.groups())
            for called in _called(line, bodies):
                turns = 1
                if " while(" in line and sends(called):
                    turns = _turns(line, bodies)
                visit(called, times * turns)

    visit(entry, 1)
    return dict(found)


def _computations(text: str) -> tuple[dict[str, list[str]], str]:
    """Lines by computation, and the name of the first one that runs."""
    bodies: dict[str, list[str]] = {}
    entry, name = "", ""
    for line in text.splitlines():
        if not line.startswith(" ") and (start := COMPUTATION.match(line)):
            name = start.group(1)
            bodies[name] = []
            entry = name if line.startswith("ENTRY") else entry
        elif name:
            bodies[name].append(line)
    return bodies, entry


def _turns(line: str, bodies: dict[str, list[str]]) -> int:
    """How often a loop turns: as it says itself, or by the number that its counter stays below."""
    if known := TURNS.search(line):
        return int(known.group(1))
    if (condition := CONDITION.search(line)) and condition.group(1) in bodies:
        test = "\n".join(bodies[condition.group(1)])
        ends = CONSTANT.findall(test)
        if len(ends) == 1 and "direction=LT" in test:
            return int(ends[0])
    raise ValueError(f"a loop that sends has no known number of turns: {line.strip()[:200]}")


def _called(line: str, bodies: dict[str, list[str]]) -> list[str]:
    names = CALLED.findall(line)
    for branches in BRANCHES.findall(line):
        names += [name.strip().lstrip("%") for name in branches.split(",")]
    return [name for name in names if name in bodies]


def _received(line: str, shapes: str, kind: str, starts: str | None) -> float:
    """Bytes of a message: of its result, or of what is added up where the result is a part of it.

    An instruction that only starts one holds its operands as well, before its results; that of an
    all-reduce holds the results alone. Lone numbers (u32[]) are the compiler's.
    """
    sizes = _sizes(re.sub(r"[us]32\[\]", "", shapes))
    if starts and kind != "all-reduce":
        sizes = sizes[len(sizes) // 2 :]
    if kind == "reduce-scatter" and (group := GROUP.search(line)):
        sizes = [size * (int(group[1]) if group[1] else group[2].count(",") + 1) for size in sizes]
    return sum(sizes)


def _sizes(shapes: str) -> list[float]:
    """Bytes of each array of a result."""
    found = []
    for kind, lengths in SHAPE.findall(shapes):
        size = float(SIZES.get(kind, 4))
        for length in filter(None, lengths.split(",")):
            size *= int(length)
        found.append(size)
    return found or [0.0]
