"""Tests of ``stylejax plan``."""

import dataclasses
from pathlib import Path

import pytest
import tiny
import verbs

from stylejax.cli import main
from stylejax.commands import plan as command
from stylejax.planning import Plan


def recipe(folder: Path) -> str:
    config = tiny.config("", folder, loss=verbs.MATCHING)
    return str(tiny.write_recipe(folder / "recipe.py", config))


def test_a_plan_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", "--config", recipe(tmp_path), "--mesh.fsdp", "2"])
    out = capsys.readouterr().out
    for line in (
        "compiling  for 8 x cpu",
        "devices               8 x cpu (data 4 x fsdp 2 x tensor 1)",
        "  parameters          0.0",
        "  loss                ",
        "  all-reduce          ",
        "step                  no estimate: the speed of a cpu device is not known here",
    ):
        assert line in out, out
    assert {path.name for path in tmp_path.iterdir()} <= {"recipe.py", "__pycache__"}  # no run


def test_what_cannot_be_planned_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", "--config", recipe(tmp_path), "--training.batch-size", "12"])
    assert ended.value.code == 2
    assert "12 cannot be divided over 8 devices" in capsys.readouterr().err


def test_the_largest_batch_is_told_with_the_words_that_set_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from test_plan import by_hand

    def plan(pairs: int, needed: float) -> Plan:
        made = by_hand(pairs=pairs, parts=pairs // 4)
        return dataclasses.replace(made, memory=dataclasses.replace(made.memory, needed=needed))

    command.show_largest([plan(8, 50), plan(16, 120), plan(12, 90)])
    out = capsys.readouterr().out
    assert "16 pairs in 4 parts: 0.00 MiB a device, does not fit" in out
    assert out.endswith("12 pairs (--training.batch-size 12 --training.micro-batches 3)\n")
    command.show_largest([plan(16, 120)])
    assert "none of these fits" in capsys.readouterr().out
    command.show(by_hand())
    out = capsys.readouterr().out
    assert "about 43 s, the roofline of its products; at least 24 s" in out
    assert "25 s over all links" in out
    assert "2 x toy (data 2 x fsdp 1 x tensor 1)" in out
