"""Tests of stylejax/serving/searcher.py and query.py: what is found is what a slow search finds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import served

from stylejax.config import ConfigError
from stylejax.retrieval.search import Found
from stylejax.serving.query import LIKE, PICTURED, WORDS, Query, QueryReader
from stylejax.serving.searcher import Searcher


def slow(
    root: Path, query: np.ndarray, top: int, category: str = "", but: str = ""
) -> list[tuple[str, float]]:
    """Every listing's cosine, one by one."""
    searcher, found = served.searcher(root), []
    vectors = np.concatenate([part.vectors for part in searcher.index.parts])
    for card, vector in zip(served.cards(root).values(), vectors, strict=True):
        if card.item_id != but and card.category.lower().startswith(category.lower()):
            found.append((card.item_id, float(query @ vector)))
    return sorted(found, key=lambda one: -one[1])[:top]


def same(found: list[Found], expected: list[tuple[str, float]]) -> None:
    assert [hit.rank for hit in found] == list(range(1, len(expected) + 1))
    assert [hit.score for hit in found] == pytest.approx([s for _, s in expected], abs=1e-6)
    scores = {item: score for item, score in expected}
    assert all(hit.score == pytest.approx(scores[hit.item_id], abs=1e-6) for hit in found)


def asked(root: Path, *, photo: str, words: str) -> tuple[Query, np.ndarray]:
    """A query and its vector."""
    reader = served.Reader()
    image = reader.picture(served.photo(root, photo)) if photo else None
    products = reader.products([image], [words], 1)
    return Query(image, words), served.vector(products, 0)


@pytest.mark.parametrize("category", ["", "Home", "home > mugs", "Tools > Hammers"])
@pytest.mark.parametrize(("photo", "words"), [("L00", ""), ("", "red mug"), ("L00", "bolt m6")])
def test_it_finds_what_a_slow_search_finds(
    data_root: Path, photo: str, words: str, category: str
) -> None:
    query, vector = asked(data_root, photo=photo, words=words)
    searcher = served.searcher(data_root)
    (found,) = searcher.answer(query.lane, [replace(query, category=category, top=7)])
    same(found, slow(data_root, vector, 7, category))


def test_one_batch_may_have_many_categories_and_lengths(data_root: Path) -> None:
    wanted = [("", 3), ("Tools", 20), ("Home > Plates", 1), ("", 1), ("Tools", 2)]
    made = [asked(data_root, photo="", words=f"red {word}") for word in ("mug", "a", "b", "c", "d")]
    queries = [
        replace(query, category=category, top=top)
        for (query, _), (category, top) in zip(made, wanted, strict=True)
    ]
    answers = served.searcher(data_root).answer(WORDS, queries)
    for found, (_, vector), (category, top) in zip(answers, made, wanted, strict=True):
        same(found, slow(data_root, vector, top, category))


def test_more_like_a_listing_leaves_it_out(data_root: Path) -> None:
    searcher = served.searcher(data_root)
    for item in ("L00", "L20", served.ODD):
        place = searcher.index.item_id.index(item)
        vector = searcher.index.take(np.array([place]))[0]
        for top in (5, 20):
            (found,) = searcher.answer(LIKE, [Query(like=item, top=top)])
            assert item not in [hit.item_id for hit in found]
            same(found, slow(data_root, vector, top, but=item))
    assert "L00" in searcher
    assert "nobody" not in searcher


def test_batches_have_few_shapes_and_all_are_made_beforehand(data_root: Path) -> None:
    searcher = served.searcher(data_root, batch=6, multiple=2)
    encoder = searcher._encoder
    assert isinstance(encoder, served.Encoder)
    told = list(searcher.warm())
    assert told[-1] == (len(told), len(told))
    before = set(encoder.shapes)
    assert before == {(view, rows) for view in "mt" for rows in (2, 4, 6)}
    for photo, words in (("L00", ""), ("", "mug"), ("L00", "mug")):
        query, _ = asked(data_root, photo=photo, words=words)
        for count in range(1, 7):
            assert len(searcher.answer(query.lane, [query] * count)) == count
    assert set(encoder.shapes) == before


def test_lanes() -> None:
    photo = np.zeros((served.SIDE, served.SIDE, 3), np.uint8)
    lanes = {
        Query(photo, "mug").lane: "m",
        Query(words="mug").lane: Query(words="mug").view,
        Query(like="L00").lane: LIKE,
    }
    assert lanes == {PICTURED: "m", WORDS: "t", LIKE: LIKE}
    assert (Query(photo).lane, Query(photo).view) == (PICTURED, "i")


def test_categories_are_counted_with_what_lies_below(data_root: Path) -> None:
    searcher = served.searcher(data_root)
    assert searcher.categories == {
        "Home": 20,
        "Home > Mugs": 12,
        "Home > Plates": 8,
        "Tools": 12,
        "Tools > Bolts": 8,
        "Tools > Hammers": 4,
    }
    assert searcher.has_category(" home>MUGS ")
    assert not searcher.has_category("Mugs")


def test_another_way_of_composing_takes_the_place_of_ours(data_root: Path) -> None:
    """Here: whatever is asked, the answer is what is like L08."""
    place = np.array([8])

    def compose(
        encoder: object, reader: QueryReader, queries: list[Query], rows: int
    ) -> np.ndarray:
        assert rows >= len(queries)
        return np.repeat(searcher.index.take(place), len(queries), axis=0)

    searcher = served.searcher(data_root, compose=compose)
    (found,) = searcher.answer(WORDS, [Query(words="hammer", top=1)])
    assert (found[0].item_id, found[0].score) == ("L08", pytest.approx(1))


def test_an_index_of_another_checkpoint_is_refused(data_root: Path) -> None:
    made = served.searcher(data_root)
    old = replace(made.index, origin=replace(served.ORIGIN, weights="00ff"))
    with pytest.raises(ConfigError, match="out of date"):
        Searcher(served.Encoder(), old, served.Reader(), batch=1, most=1)
