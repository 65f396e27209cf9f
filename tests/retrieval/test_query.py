"""Tests of stylejax/retrieval/query.py; what is searched with its vectors is in test_search.py."""

import numpy as np
import pytest
import served

from stylejax.config import ConfigError
from stylejax.retrieval.query import (
    INDEXED,
    PICTURED,
    WORDS,
    Query,
    encoded_parts,
    require_known,
)

PHOTO = np.full((served.SIDE, served.SIDE, 3), 200, np.uint8)


@pytest.mark.parametrize(
    ("query", "lane", "made_of"),
    [
        (Query(PHOTO), PICTURED, ["photo"]),
        (Query(PHOTO, said=("red", "mug")), PICTURED, ["photo", "words"]),
        (Query(said=("mug",), without="red"), WORDS, ["words", "without"]),
        (Query(like="L00"), INDEXED, ["listing"]),
        (Query(like="L00", said=("red",)), WORDS, ["listing", "words"]),
        (Query(like="L00", without="red"), WORDS, ["listing", "without"]),
    ],
)
def test_lanes(query: Query, lane: str, made_of: list[str]) -> None:
    assert (query.lane, query.made_of) == (lane, made_of)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({}, "nothing to search for"),
        ({"without": "red"}, "nothing to search for"),
        ({"image": PHOTO, "like": "L00"}, "not both"),
        ({"image": PHOTO, "method": "joint"}, "a photo with words"),
        ({"like": "L00", "said": ("red",), "weight": 0.0}, r"weight of words is 0.0; use a number"),
        ({"said": ("red",), "weight": 1.0}, "nothing is weighed"),
        ({"like": "L00", "weight": 1.0}, "nothing is weighed"),
        ({"image": PHOTO, "said": ("a",), "method": "joint", "weight": 1.0}, "nothing is weighed"),
        ({"said": ("red", " ")}, "words are blank"),
        ({"said": ("a\ud800",)}, r"words 'a\\ud800' are no text"),
        ({"said": ("a",), "without": "\udfff"}, "are no text"),
        ({"like": "L00", "said": ("red",), "weight": 4.5}, "above 0, up to 4"),
        ({"like": "L00", "said": ("red",), "weight": float("nan")}, "weight of words is nan"),
        ({"like": "L00", "said": ("red",), "method": "joint"}, "a photo with words"),
    ],
)
def test_what_is_no_query_is_refused(parts: dict, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Query(**parts)


def test_nothing_is_encoded_that_no_query_of_the_batch_has() -> None:
    def views(*queries: Query) -> list[str]:
        encoder = served.Encoder()
        encoded_parts(encoder, served.Reader(), queries, 4, served.DIM)
        assert {rows for _, rows in encoder.shapes} == {4}
        return [view for view, _ in encoder.shapes]

    photo, read = Query(PHOTO), Query(PHOTO, said=("red",), method="joint")
    assert views(photo) == ["m"]
    assert views(read) == ["m"]
    assert views(photo, Query(PHOTO, said=("red",))) == ["m", "t"]
    assert views(photo, read) == ["m", "m"]
    assert views(Query(said=("mug",))) == ["t"]
    assert views(Query(said=("mug",)), Query(said=("mug",), without="red")) == ["t", "t"]


def test_parts_are_of_their_own_query() -> None:
    queries = [Query(PHOTO), Query(PHOTO, said=("a", "b")), Query(PHOTO, without="c")]
    first, second, third = encoded_parts(served.Encoder(), served.Reader(), queries, 3, served.DIM)
    assert (first.words, first.without, first.turns) == (None, None, 1)
    assert (second.words is not None, second.without, second.turns) == (True, None, 2)
    assert (third.words, third.without is not None, third.turns) == (None, True, 1)
    assert np.array_equal(first.product, third.product)


def test_of_several_turns_the_newest_is_read_first() -> None:
    assert Query(said=("red mug", "now in teal", "3d")).words == "3d now in teal red mug"


def test_words_that_the_encoder_does_not_know_are_refused() -> None:
    reader = served.Reader()
    require_known(Query(said=("red", "mug"), without="blue"), reader)
    for parts in ({"said": ("red", "кружка")}, {"said": ("red",), "without": "кружка"}):
        with pytest.raises(ConfigError, match="no word of 'кружка' is known"):
            require_known(Query(**parts), reader)
