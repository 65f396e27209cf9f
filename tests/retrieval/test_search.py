"""Tests of stylejax/retrieval/search.py: what is found is what a slow search finds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.monitoring
import numpy as np
import pytest
import served

from stylejax.config import ConfigError
from stylejax.retrieval.index.index import Index
from stylejax.retrieval.index.part import Part
from stylejax.retrieval.query import INDEXED, WORDS, Query
from stylejax.retrieval.search import Found, Searcher


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


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x)


def asked(
    root: Path, photo: str = "", like: str = "", said: tuple[str, ...] = (), **more: Any
) -> tuple[Query, np.ndarray]:
    """A query and its vector, put together by hand."""
    reader = served.Reader()
    image = reader.picture(served.photo(root, photo)) if photo else None
    words, without = " ".join(reversed(said)), more.get("without", "")

    def read(image: np.ndarray | None, text: str) -> np.ndarray:
        return served.vector(reader.products([image], [text], 1), 0)

    if more.get("method") == "joint":
        vector = read(image, words)
    elif photo or like:
        index = served.searcher(root).index
        own = read(image, "") if photo else index.take(np.array([index.item_id.index(like)]))[0]
        weight = more.get("weight", 0.5) * len(said)
        vector = unit(own + weight * read(None, words)) if said else own
    else:
        vector = read(None, words)
    if without:
        vector = unit(vector - 0.2 * read(None, without))
    return Query(image, like, said, **more), vector


QUERIES = {
    "photo": {"photo": "L00"},
    "words": {"said": ("red mug",)},
    "both": {"photo": "L00", "said": ("bolt m6",)},
    "read": {"photo": "L00", "said": ("bolt m6",), "method": "joint"},
    "turns": {"photo": "L00", "said": ("blue", "hammer", "m6")},
    "weighed": {"photo": "L00", "said": ("blue", "m6"), "weight": 1.75},
    "listing": {"like": "L20"},
    "listing and turns": {"like": "L20", "said": ("red", "plate")},
    "not words": {"said": ("mug", "blue"), "without": "red"},
    "not both": {"photo": "L08", "said": ("red",), "without": "plate"},
    "not read": {"photo": "L08", "said": ("red",), "without": "plate", "method": "joint"},
    "not a listing": {"like": "L08", "without": "black plate"},
}


@pytest.mark.parametrize("category", ["", "Home", "home > mugs", "Tools > Hammers"])
@pytest.mark.parametrize("parts", QUERIES.values(), ids=list(QUERIES))
def test_it_finds_what_a_slow_search_finds(data_root: Path, parts: dict, category: str) -> None:
    query, vector = asked(data_root, **parts)
    searcher = served.searcher(data_root)
    (found,) = searcher.answer(query.lane, [replace(query, category=category, top=7)])
    same(found, slow(data_root, vector, 7, category, but=query.like))


@pytest.mark.parametrize("lane", ["pictured", "words", "indexed"])
def test_queries_of_a_batch_do_not_disturb_each_other(data_root: Path, lane: str) -> None:
    """Some have words and others none, some are read and others summed up."""
    made = [asked(data_root, **parts) for parts in QUERIES.values()]
    made = [(replace(query, top=20), vector) for query, vector in made if query.lane == lane]
    assert made
    answers = served.searcher(data_root).answer(lane, [query for query, _ in made])
    for found, (query, vector) in zip(answers, made, strict=True):
        same(found, slow(data_root, vector, 20, but=query.like))


def test_an_index_of_prefixes_is_searched_by_prefixes(data_root: Path) -> None:
    """Of photo and words each: what was cut off neither adds to their sum nor to its length."""
    query, _ = asked(data_root, photo="L00", said=("red",))
    whole = served.searcher(data_root)
    short = np.stack([unit(v[:8]) for part in whole.index.parts for v in part.vectors])
    paths = [path for part in whole.index.parts for path in part.category_path]
    index = Index([Part(whole.index.item_id, paths, short)], "m", origin=served.ORIGIN)
    searcher = Searcher(served.Encoder(), index, served.Reader(), batch=1, most=5)
    reader = served.Reader()
    photo = served.vector(reader.products([query.image], [""], 1), 0)[:8]
    words = served.vector(reader.products([None], ["red"], 1), 0)[:8]
    scores = short @ unit(unit(photo) + 0.5 * (unit(words) if words.any() else words))
    (found,) = searcher.answer(query.lane, [replace(query, top=5)])
    assert [hit.score for hit in found] == pytest.approx(sorted(scores)[::-1][:5], abs=1e-6)


def test_one_batch_may_have_many_categories_and_lengths(data_root: Path) -> None:
    wanted = [("", 3), ("Tools", 20), ("Home > Plates", 1), ("", 1), ("Tools", 2)]
    made = [asked(data_root, said=(f"red {word}",)) for word in ("mug", "a", "b", "c", "d")]
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
            (found,) = searcher.answer(INDEXED, [Query(like=item, top=top)])
            assert item not in [hit.item_id for hit in found]
            same(found, slow(data_root, vector, top, but=item))
    assert "L00" in searcher
    assert "nobody" not in searcher
    with pytest.raises(ConfigError, match="no listing 'nobody' in the index"):
        searcher.answer(INDEXED, [Query(like="nobody")])
    with pytest.raises(ConfigError, match="no listing in category 'Toys'"):
        searcher.answer(INDEXED, [Query(like="L00", category="Toys")])


def test_batches_have_few_shapes_and_all_are_made_beforehand(data_root: Path) -> None:
    searcher = served.searcher(data_root, batch=6, multiple=2)
    encoder = searcher._encoder
    assert isinstance(encoder, served.Encoder)
    told = list(searcher.warm())
    assert told[-1] == (len(told), len(told))
    before = set(encoder.shapes)
    assert before == {(view, rows) for view in "mt" for rows in (2, 4, 6)}
    for parts in QUERIES.values():
        query, _ = asked(data_root, **parts)
        for count in range(1, 7):
            assert len(searcher.answer(query.lane, [query] * count)) == count
    assert set(encoder.shapes) == before


def test_nothing_is_compiled_after_all_was_made_beforehand() -> None:
    """Categories of all sizes, some in one part and some in several, by JAX's own account."""
    rng = np.random.default_rng(0)
    sizes = {"a": (2100, 0), "b": (2048, 0), "c": (2049, 7), "d": (1, 40), "e": (900, 1300)}
    sizes |= {"f": (0, 30), "g": (3, 3), "h": (0, 5000), "i > j": (6, 4100), "i > k": (19, 2)}
    parts = []
    for number in (0, 1):
        paths = [path for path, counts in sizes.items() for _ in range(counts[number])]
        vectors = rng.normal(size=(len(paths), 29)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        parts.append(Part([f"{number}-{row}" for row in range(len(paths))], paths, vectors))
    index = Index(parts, "m", origin=served.ORIGIN)
    searcher = Searcher(served.Encoder(), index, served.Reader(), batch=5, most=20)
    compiled: list[str] = []

    def note(event: str, *_: Any, **__: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        list(searcher.warm())
        assert compiled  # it is told
        compiled.clear()
        for category in ("", *searcher.categories):
            for count in (1, 3, 5):
                like = Query(like="1-0", category=category)
                answers = searcher.answer(INDEXED, [like] * count)
                assert all(len(found) >= min(20, 6) for found in answers)
        assert compiled == []
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


def test_an_answer_is_no_longer_and_a_batch_no_larger_than_was_said(data_root: Path) -> None:
    searcher = served.searcher(data_root, batch=2, most=3)
    query = Query(said=("mug",), top=9)
    assert [len(found) for found in searcher.answer(WORDS, [query] * 2)] == [3, 3]
    (found,) = searcher.answer(INDEXED, [Query(like="L00", top=9)])
    assert len(found) == 3
    for lane, asked in ((WORDS, query), (INDEXED, Query(like="L00"))):
        with pytest.raises(ConfigError, match="3 queries at a time; a batch has 2"):
            searcher.answer(lane, [asked] * 3)


def test_a_level_that_is_empty_is_none(data_root: Path) -> None:
    whole = served.searcher(data_root)
    paths = ["Home >  > Mugs", "home>mugs", "Home > Mugs > ", ">", " ", ""]
    vectors = whole.index.parts[0].vectors[:6]
    index = Index([Part(whole.index.item_id[:6], paths, vectors)], "m", origin=served.ORIGIN)
    searcher = Searcher(served.Encoder(), index, served.Reader(), batch=1, most=5)
    assert searcher.categories == {"Home": 3, "Home > Mugs": 3}
    assert searcher.has_category("Home > > Mugs >")
    assert not searcher.has_category(" > ")


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


def test_an_index_of_another_checkpoint_is_refused(data_root: Path) -> None:
    made = served.searcher(data_root)
    old = replace(made.index, origin=replace(served.ORIGIN, weights="00ff"))
    with pytest.raises(ConfigError, match="out of date"):
        Searcher(served.Encoder(), old, served.Reader(), batch=1, most=1)
