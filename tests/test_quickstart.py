"""A small run of configs/quickstart.py: what `make demo` does, with less of everything."""

import contextlib
import io
import json
from pathlib import Path

import pytest
import tiny
from verbs import run

from stylejax.retrieval.vectors import read_vectors

RECIPE = Path(__file__).parents[1] / "configs" / "quickstart.py"
# The recipe's own stages, losses and stem at a size that compiles and runs in seconds.
SMALL = {
    "picture.size": "16",
    "picture.stored-size": "24",
    "text.max-tokens": "8",
    "text.vocab-size": "128",
    "encoder.dim": "8",
    "encoder.image.width": "16",
    "encoder.image.conv-widths": "4 8",
    "encoder.image.conv-depths": "0 0",
    "encoder.text.width": "16",
    "encoder.text.heads": "2",
    "encoder.text.hidden": "32",
    "encoder.text.depth": "1",
    "training.steps": "2",
    "training.warmup-steps": "1",
    "training.batch-size": "8",
    "training.evaluate-every": "0",
    "mesh.data": "1",
    "training.optimizer": "adamw",
}
OPTIONS = [word for name, value in SMALL.items() for word in (f"--{name}", *value.split())]
OPTIONS += ["--text.template", "{title} {category}"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quickstart") / "demo"
    simulate = ["simulate", "--out", folder / "data", "--products", "48", "--sessions", "900"]
    run(*simulate)
    with contextlib.redirect_stdout(io.StringIO()) as again, contextlib.redirect_stderr(again):
        run(*simulate)
    assert again.getvalue() == f"catalogue  {folder / 'data'}  (simulated; already there)\n"
    place = ["--run-dir", folder, "--data.root", folder / "data"]
    run("mine", "--config", RECIPE, *place, *OPTIONS)
    run("train", "--config", RECIPE, *place, *OPTIONS)
    run("export", "--checkpoint", folder)
    run("index", "--vectors", folder / "vectors")
    run("evaluate", "--run", folder)
    run("report", "--run", folder)
    return folder


def test_the_demo_goes_all_the_way(demo: Path) -> None:
    config = tiny.run_config(demo)
    assert (config.training.steps, config.encoder.image.stem) == (2, "conv")
    vectors = read_vectors(demo / "vectors")
    assert set(vectors.vectors) == set("mti")
    assert vectors.present["i"].mean() > 0.8
    assert vectors.present["t"].all()  # by the template, an untitled listing's text is its category
    metrics = json.loads((demo / "metrics.json").read_text())
    assert metrics["protocol"] == {"queries": "test", "gallery": "test", "leave_one_out": True}
    assert len(metrics["directions"]) == 9
    assert metrics["directions"]["m-m"]["queries"] > 20
    assert len(metrics["breakdowns"]["category"]) > 2
    page = (demo / "report.html").read_text()
    assert config.data.note in page
    assert page.count("data:image/jpeg") > 20


def test_the_demo_can_be_searched(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(
        "search",
        "--run",
        demo,
        "--text",
        "orange fish mug",
        "--html",
        demo / "found.html",
        "--top",
        "6",
    )
    assert len(capsys.readouterr().out.splitlines()) == 7
    assert (demo / "found.html").read_text().count('class="rank"') == 6
