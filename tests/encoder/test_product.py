"""Tests of stylejax/encoder/product.py: three depths, two stems, any choice of views."""

from functools import cache

import jax
import numpy as np
import pytest
import tiny

from stylejax.batch import NO_TOKEN, Products
from stylejax.config import (
    Config,
    ConfigError,
    EncoderConfig,
    ImageTowerConfig,
    PictureConfig,
    TextConfig,
    TextTowerConfig,
    TransformerConfig,
)
from stylejax.encoder import encoder_factory, present_views

VOCAB, ROWS = 32, 6
CONV = {"stem": "conv", "patch": 4, "conv_widths": (6, 10), "conv_depths": (1, 1)}
DEPTHS = {
    "fusion": (0, 0, 2),
    "towers and fusion": (1, 1, 1),
    "towers": (1, 1, 0),
    "gated towers": (1, 1, 0),
}


def config(depths: str = "towers and fusion", stem: str = "patch", **encoder) -> Config:
    image, text, fusion = DEPTHS[depths]
    pixels = CONV if stem == "conv" else {"patch": 8}
    options = EncoderConfig(
        dim=8,
        image=ImageTowerConfig(depth=image, **tiny.LAYERS, **pixels),
        text=TextTowerConfig(depth=text, **tiny.LAYERS),
        fusion=TransformerConfig(depth=fusion, **tiny.LAYERS),
        late_fusion="gated" if depths == "gated towers" else "mean",
    )
    return Config(
        encoder=tiny.changed(options, encoder),
        picture=PictureConfig(size=16, stored_size=20, per_listing=3),
        text=TextConfig(max_tokens=8),
    )


@cache
def built(depths: str, stem: str):
    """Weights, and `encode(products, views)` compiled once a choice of views."""
    init, bind = encoder_factory(config(depths, stem), VOCAB)
    parameters = jax.jit(init)(jax.random.key(0))

    @cache
    def compiled(views: tuple[str, ...]):
        return jax.jit(lambda parameters, products: bind(parameters)(products, views))

    def encode(products: Products, views: str = "mti") -> dict[str, np.ndarray]:
        on_device = jax.tree.map(jax.numpy.asarray, products)
        return jax.device_get(compiled(tuple(views))(parameters, on_device))

    return encode


every_depth = pytest.mark.parametrize("depths", DEPTHS)


@pytest.mark.parametrize(
    ("depths", "stem"), [*((depths, "patch") for depths in DEPTHS), ("towers and fusion", "conv")]
)
def test_views_are_float32_unit_vectors_that_differ(depths: str, stem: str) -> None:
    vectors = built(depths, stem)(tiny.products(ROWS))
    assert set(vectors) == {"m", "t", "i"}
    for x in vectors.values():
        assert x.shape == (ROWS, 8)
        assert x.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1.0, atol=1e-5)
        assert np.ptp(x, axis=0).max() > 1e-3  # listings differ
    for a, b in ("mt", "mi", "ti"):
        assert np.abs(vectors[a] - vectors[b]).max() > 1e-3


@every_depth
def test_a_single_view_does_not_depend_on_the_other_modality(depths: str) -> None:
    encode = built(depths, "patch")
    given, other = tiny.products(ROWS), tiny.products(ROWS, seed=1)
    mixed = given._replace(image=other.image, has_image=np.zeros(ROWS, bool))
    assert np.array_equal(encode(given)["t"], encode(mixed)["t"])
    assert np.abs(encode(given)["m"] - encode(mixed)["m"]).max() > 1e-3
    mixed = given._replace(tokens=other.tokens)
    assert np.array_equal(encode(given)["i"], encode(mixed)["i"])
    assert np.abs(encode(given)["m"] - encode(mixed)["m"]).max() > 1e-3


@every_depth
def test_the_choice_of_views_does_not_change_them(depths: str) -> None:
    encode, given = built(depths, "patch"), tiny.products(ROWS)
    together = encode(given)
    for view in "mti":
        alone = encode(given, view)
        assert set(alone) == {view}
        np.testing.assert_allclose(alone[view], together[view], atol=1e-5)


@every_depth
def test_rows_do_not_see_each_other(depths: str) -> None:
    encode, given = built(depths, "patch"), tiny.products(ROWS)
    order = np.random.default_rng(0).permutation(ROWS)
    shuffled = encode(jax.tree.map(lambda x: x[order], given))
    for view, x in encode(given).items():
        np.testing.assert_allclose(shuffled[view], x[order], atol=1e-5)


@every_depth
def test_a_listing_that_lacks_a_modality_is_what_it_has(depths: str) -> None:
    """Absent tokens masked in m give what dropping them gives in t and i."""
    encode, given = built(depths, "patch"), tiny.products(ROWS)
    gone = np.arange(ROWS) % 2 == 0
    vectors = encode(given._replace(has_image=~gone))
    np.testing.assert_allclose(vectors["m"][gone], vectors["t"][gone], atol=1e-5)
    assert np.abs(vectors["m"][~gone] - vectors["t"][~gone]).max(axis=1).min() > 1e-4
    vectors = encode(given._replace(tokens=np.where(gone[:, None], NO_TOKEN, given.tokens)))
    np.testing.assert_allclose(vectors["m"][gone], vectors["i"][gone], atol=1e-5)
    assert np.abs(vectors["m"][~gone] - vectors["i"][~gone]).max(axis=1).min() > 1e-4


@pytest.mark.parametrize("depths", ["towers and fusion", "towers"])
def test_a_listing_with_nothing_has_finite_vectors_and_gradients(depths: str) -> None:
    init, bind = encoder_factory(config(depths), VOCAB)
    parameters = jax.jit(init)(jax.random.key(0))
    nothing = Products(
        np.zeros((ROWS, 16, 16, 3), np.uint8),
        np.zeros(ROWS, bool),
        np.full((ROWS, 8), NO_TOKEN, np.int32),
    )

    def total(parameters, products):
        return sum((x[:, 0] ** 2).sum() for x in bind(parameters)(products).values())

    on_device = jax.tree.map(jax.numpy.asarray, nothing)
    value, gradients = jax.jit(jax.value_and_grad(total))(parameters, on_device)
    assert np.isfinite(value)
    assert all(np.isfinite(x).all() for x in gradients.values())


@every_depth
def test_the_pixels_of_an_absent_picture_do_not_matter(depths: str) -> None:
    encode, given = built(depths, "patch"), tiny.products(ROWS)
    absent = given._replace(has_image=np.zeros(ROWS, bool))
    blank = absent._replace(image=np.zeros_like(given.image))
    np.testing.assert_allclose(encode(absent)["m"], encode(blank)["m"], atol=1e-6)


@every_depth
def test_padding_does_not_matter(depths: str) -> None:
    encode = built(depths, "patch")
    given = tiny.products(ROWS)
    tokens = given.tokens.copy()
    tokens[:, 5:] = NO_TOKEN
    full = encode(given._replace(tokens=tokens))
    cut = encode(given._replace(tokens=tokens[:, :5]))
    for view in "mt":
        np.testing.assert_allclose(cut[view], full[view], atol=1e-5)


@every_depth
def test_the_order_of_words_matters(depths: str) -> None:
    encode, given = built(depths, "patch"), tiny.products(ROWS)
    given.tokens[:, 1:] = np.arange(3, 10)
    turned = given.tokens.copy()
    turned[:, 1:] = turned[:, :0:-1]
    apart = encode(given)["t"] - encode(given._replace(tokens=turned))["t"]
    # At fusion depth 0 without a text layer order could not matter; here there is one.
    assert np.abs(apart).max() > 1e-6


def test_at_fusion_depth_0_both_is_the_normalised_mean() -> None:
    vectors = built("towers", "patch")(tiny.products(ROWS))
    mean = vectors["t"] + vectors["i"]
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors["m"], mean, atol=1e-5)


def test_the_gate_weighs_a_listings_photo_against_its_title() -> None:
    """Equal at the start; the two weights add up to one; an absent modality changes nothing."""
    init, bind = encoder_factory(config("gated towers"), VOCAB)
    parameters = dict(jax.jit(init)(jax.random.key(0)))
    given = jax.tree.map(jax.numpy.asarray, tiny.products(ROWS))
    start = bind(parameters)(given)
    mean = start["t"] + start["i"]
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(start["m"], mean, atol=1e-5)
    for bias, winner, loser in ((20.0, "i", "t"), (-20.0, "t", "i")):
        vectors = bind(parameters | {"gate/bias": jax.numpy.array([bias])})(given)
        np.testing.assert_allclose(vectors["m"], start[winner], atol=1e-5)
        without = given._replace(
            has_image=given.has_image & (winner == "t"),
            tokens=jax.numpy.where(winner == "i", given.tokens, NO_TOKEN),
        )
        alone = bind(parameters | {"gate/bias": jax.numpy.array([bias])})(without)
        np.testing.assert_allclose(alone["m"], start[loser], atol=1e-5)


@pytest.mark.parametrize("depths", ["towers and fusion", "towers", "gated towers"])
def test_every_weight_is_used(depths: str) -> None:
    """A weight without a gradient is a mistake in the wiring."""
    init, bind = encoder_factory(config(depths), VOCAB)
    parameters = jax.jit(init)(jax.random.key(0))
    given = jax.tree.map(jax.numpy.asarray, tiny.products(16, vocab=VOCAB))
    weights = np.random.default_rng(0).normal(size=(3, 16, 8)).astype(np.float32)

    def total(parameters):
        vectors = bind(parameters)(given)
        return sum((x * w).sum() for x, w in zip(vectors.values(), weights, strict=True))

    for name, gradient in jax.jit(jax.grad(total))(parameters).items():
        assert np.abs(gradient).max() > 0, name


def test_bfloat16_is_near_float32() -> None:
    given = jax.tree.map(jax.numpy.asarray, tiny.products(ROWS))
    results = []
    for dtype in ("float32", "bfloat16"):
        init, bind = encoder_factory(config(compute_dtype=dtype), VOCAB)
        parameters = jax.jit(init)(jax.random.key(0))
        assert {x.dtype for x in parameters.values()} == {np.dtype("float32")}
        results.append(jax.jit(lambda p, x, bind=bind: bind(p)(x))(parameters, given))
    for view in "mti":
        assert results[1][view].dtype == np.float32
        cosines = (results[0][view] * results[1][view]).sum(axis=1)
        assert cosines.min() > 0.98
        assert np.abs(results[0][view] - results[1][view]).max() > 1e-5  # it was bfloat16


@pytest.mark.parametrize("views", [(), ("m", "x"), ("image",)])
def test_unknown_views_are_refused(views: tuple[str, ...]) -> None:
    _, bind = encoder_factory(config(), VOCAB)
    init, _ = encoder_factory(config(), VOCAB)
    given = jax.tree.map(jax.numpy.asarray, tiny.products(2))
    with pytest.raises(ConfigError, match="must be some of m, t, i"):
        jax.eval_shape(lambda key: bind(init(key))(given, views), jax.random.key(0))


def test_present_views_are_what_a_listing_has() -> None:
    given = tiny.products(4)
    given.tokens[[1, 3]] = NO_TOKEN
    present = present_views(given._replace(has_image=np.array([True, True, False, False])))
    assert present["i"].tolist() == [True, True, False, False]
    assert present["t"].tolist() == [True, False, True, False]
    assert present["m"].tolist() == [True, True, True, False]


def test_another_depth_than_divides_the_width_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"width 16 is not divisible by .*text\.heads 3"):
        config(text={"heads": 3})


# ---- Several pictures of a listing


def several(seed: int = 0) -> Products:
    """Listings 0 to 2 have three pictures, 3 and 4 one, 5 none; all have titles."""
    parts = [tiny.products(ROWS, seed=seed + n) for n in range(3)]
    there = np.array([[1, 1, 1]] * 3 + [[1, 0, 0]] * 2 + [[0, 0, 0]], bool)
    image = np.stack([part.image for part in parts], axis=1)
    return parts[0]._replace(image=image, has_image=there)


@every_depth
def test_one_of_several_pictures_is_a_single_picture(depths: str) -> None:
    given = several()
    first = given._replace(image=given.image[:, 0], has_image=given.has_image[:, 0])
    found, expected = built(depths, "patch")(given), built(depths, "patch")(first)
    for view in "mti":
        rows = slice(3, 5) if view == "i" else slice(3, 6)
        np.testing.assert_allclose(found[view][rows], expected[view][rows], atol=1e-5)
        assert np.isfinite(found[view]).all()
    assert np.abs(found["i"][:3] - expected["i"][:3]).max(axis=1).min() > 1e-3


@every_depth
def test_the_order_of_pictures_does_not_matter(depths: str) -> None:
    given = several()
    turned = given._replace(image=given.image[:, ::-1], has_image=given.has_image[:, ::-1])
    found, expected = built(depths, "patch")(turned), built(depths, "patch")(given)
    for view in "mt":
        np.testing.assert_allclose(found[view], expected[view], atol=1e-5)
    np.testing.assert_allclose(found["i"][:5], expected["i"][:5], atol=1e-5)


def test_pictures_are_averaged_or_weighed() -> None:
    """Weights start alike; then those of a listing's pictures sum to one."""
    made = {}
    given = jax.tree.map(jax.numpy.asarray, several())
    for kind in ("mean", "attention"):
        init, bind = encoder_factory(config("towers", pictures=kind), VOCAB)
        parameters = init(jax.random.key(0))
        if kind == "attention":
            start = bind(parameters)(given, "i")["i"]
            np.testing.assert_allclose(start[:5], made["mean"][:5], atol=1e-5)
            scores = jax.random.normal(jax.random.key(1), parameters["telling/kernel"].shape)
            parameters["telling/kernel"] = 3 * scores
        made[kind] = bind(parameters)(given, "i")["i"]
        encoder = bind(parameters)
    tokens = [encoder.image(given.image[:, place]) for place in range(3)]
    pooled = np.stack([encoder.image.pool(x) for x in tokens], axis=1)[:3]
    telling = np.exp(np.asarray(pooled) @ np.asarray(parameters["telling/kernel"]))
    expected = encoder.image.head((telling / telling.sum(1, keepdims=True) * pooled).sum(1))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(made["attention"][:3], expected, atol=1e-5)
    assert np.abs(made["attention"][:3] - made["mean"][:3]).max() > 1e-3


def test_weights_of_pictures_are_for_encoders_without_fusion() -> None:
    with pytest.raises(ConfigError, match=r"fusion transformer .* reads the tokens of all"):
        config("fusion", pictures="attention")
