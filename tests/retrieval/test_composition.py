"""Tests of stylejax/retrieval/composition.py."""

import numpy as np
import pytest
from clustered import unit

from stylejax.config import ConfigError
from stylejax.retrieval.composition import METHODS, Parts, compose

PHOTO, READ, WORDS, OFF = unit(4, 6)


def test_one_part_alone_is_itself() -> None:
    for method in METHODS:
        assert np.array_equal(compose(Parts(product=PHOTO), method), PHOTO)
        assert np.array_equal(compose(Parts(words=WORDS), method), WORDS)
    with pytest.raises(ConfigError, match="nothing to search for"):
        compose(Parts(without=OFF))


def test_the_sum_of_photo_and_words() -> None:
    expected = PHOTO + 0.5 * WORDS
    np.testing.assert_allclose(
        compose(Parts(PHOTO, words=WORDS)), expected / np.linalg.norm(expected), atol=1e-6
    )
    assert np.array_equal(compose(Parts(PHOTO, READ, WORDS), "joint"), READ)


def test_each_turn_brings_it_nearer_to_what_is_said() -> None:
    near = [float(compose(Parts(PHOTO, words=WORDS, turns=n)) @ WORDS) for n in (1, 2, 3)]
    assert near == sorted(near)
    assert near[0] > PHOTO @ WORDS


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_wanted_is_farther(method) -> None:
    for parts in (Parts(PHOTO, READ, WORDS), Parts(words=WORDS), Parts(product=PHOTO)):
        found = compose(Parts(parts.product, parts.joint, parts.words, without=OFF), method)
        assert found @ OFF < compose(parts, method) @ OFF
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
