"""The command line: queries of photos, listings and words, put together."""

import re
from pathlib import Path

import numpy as np
import pytest
import tiny
from verbs import refused, run

from stylejax.retrieval.composition import METHODS, MOST_SAID, SAID
from stylejax.retrieval.stored_vectors import StoredVectors


def searched(capsys: pytest.CaptureFixture[str], *words) -> dict[str, float]:
    """Item to score of all listings that are found."""
    capsys.readouterr()
    run("search", *words, "--top", "32")
    lines = capsys.readouterr().out.splitlines()
    found = [line.split() for line in lines if re.match(r" *\d+ ", line)]
    return {words[2]: float(words[1]) for words in found}


def vector(run_dir: Path, item: str, view: str) -> np.ndarray:
    stored = StoredVectors(run_dir / "vectors")
    return stored.take(view, np.array([stored.item_id.index(item)]))[0]


def expected(run_dir: Path, query: np.ndarray, but: str) -> dict[str, float]:
    """Of all 32 listings but one."""
    stored = StoredVectors(run_dir / "vectors")
    query = query / np.linalg.norm(query)
    scores = stored.take("m", np.arange(len(stored))) @ query
    pairs = zip(stored.item_id, scores.tolist(), strict=True)
    return {item: score for item, score in pairs if item != but}


def test_a_listing_and_words(trained_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Words that are another listing's title have that title's vector."""
    rows = {row["item_id"]: row for row in tiny.catalogue_rows()}
    said, unwanted = rows["L02"]["title"], rows["L04"]["title"]
    own, words, off = (
        vector(trained_run, i, v) for i, v in (("L00", "m"), ("L02", "t"), ("L04", "t"))
    )
    like = ("--run", trained_run, "--like", "L00")
    assert searched(capsys, *like) == pytest.approx(expected(trained_run, own, "L00"), abs=2e-3)
    found = searched(capsys, *like, "--text", said)
    assert found == pytest.approx(expected(trained_run, own + 0.5 * words, "L00"), abs=2e-3)
    found = searched(capsys, *like, "--text", said, "--weight", "1.5")
    assert found == pytest.approx(expected(trained_run, own + 1.5 * words, "L00"), abs=2e-3)
    both = own + 0.5 * words
    found = searched(capsys, *like, "--text", said, "--without", unwanted)
    composed = both / np.linalg.norm(both) - 0.2 * off
    assert found == pytest.approx(expected(trained_run, composed, "L00"), abs=2e-3)


def test_turns_weigh_more_each_time(trained_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    title = {row["item_id"]: row["title"] for row in tiny.catalogue_rows()}["L02"]
    first, second = title.split(maxsplit=1)
    own, words = vector(trained_run, "L00", "m"), vector(trained_run, "L02", "t")
    found = searched(
        capsys, "--run", trained_run, "--like", "L00", "--text", second, "--text", first
    )
    assert found == pytest.approx(expected(trained_run, own + words, "L00"), abs=2e-3)


def test_what_makes_no_query_is_refused(
    trained_run: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["search", "--run", trained_run]
    photo = data_root / tiny.catalogue_rows()[0]["image"]
    assert "nothing to search for" in refused([*asked, "--without", "red"], capsys)
    assert "reads a photo with words" in refused(
        [*asked, "--text", "red", "--method", "joint"], capsys
    )
    assert "no word of 'кружка'" in refused([*asked, "--text", "кружка"], capsys)
    assert "nothing is weighed" in refused([*asked, "--text", "red", "--weight", "2"], capsys)
    assert "are no text" in refused([*asked, "--text", "a\ud800"], capsys)
    assert "not both" in refused([*asked, "--image", photo, "--like", "L00"], capsys)
    assert "no listing 'nobody'" in refused([*asked, "--like", "nobody"], capsys)
    assert "cannot read --image" in refused([*asked, "--image", data_root / "gone.jpg"], capsys)
    text = data_root / "text.jpg"
    text.write_text("no picture")
    assert "cannot read --image" in refused([*asked, "--image", text], capsys)
    text.unlink()


def test_a_photo_and_words_read_together(
    trained_run: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A listing's photo read with its own title is that listing."""
    row = tiny.catalogue_rows()[0]
    asked = ("--run", trained_run, "--image", data_root / row["image"], "--text", row["title"])
    found = searched(capsys, *asked, "--method", "joint")
    own = vector(trained_run, row["item_id"], "m")
    assert found == pytest.approx(expected(trained_run, own, ""), abs=2e-3)
    photo, words = (vector(trained_run, row["item_id"], view) for view in "it")
    found = searched(capsys, *asked)
    assert found == pytest.approx(expected(trained_run, photo + 0.5 * words, ""), abs=2e-3)


def test_the_page_of_a_changed_listing(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    asked = ("--like", "L00", "--text", "red", "--text", "mug", "--without", "blue")
    searched(capsys, "--run", trained_run, *asked, "--html", out)
    page = out.read_text(encoding="utf-8")
    assert "31 listings by a listing and words, without “blue”, best first." in page
    assert "&ldquo;red&rdquo;, then &ldquo;mug&rdquo;, without &ldquo;blue&rdquo;" in page


def test_the_help_tells_what_the_composition_does(capsys: pytest.CaptureFixture[str]) -> None:
    """The command knows these by heart: its help loads nothing heavy."""
    with pytest.raises(SystemExit):
        run("search", "--help")
    told = " ".join(capsys.readouterr().out.split())
    assert f"up to {MOST_SAID:g} (default: {SAID})" in told
    assert f"--method {{{','.join(METHODS)}}}" in told
