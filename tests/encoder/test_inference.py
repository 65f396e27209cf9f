"""Tests of stylejax/encoder/inference.py."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import tiny

from stylejax.config import PictureConfig
from stylejax.encoder import encoder_factory, present_views
from stylejax.encoder.inference import encode_all, make_encode, picture_variants
from stylejax.training.mesh import by_row, make_mesh, replicated


@pytest.mark.parametrize("devices", [1, 8])
def test_batches_are_encoded_in_order_without_their_padding(devices: int) -> None:
    config = tiny.config("", "")
    init, bind = encoder_factory(config, 32)
    parameters = jax.jit(init)(jax.random.key(0))
    mesh = make_mesh(devices)
    encode = make_encode(bind, ("m", "i"), config.picture, by_row(mesh), replicated(mesh))
    batches = [
        (np.arange(8 * n, 8 * n + size), tiny.products(8, seed=n))
        for n, size in enumerate((8, 8, 3))
    ]
    batches[1][1].has_image[2] = False
    whole = jax.jit(lambda p, x: bind(p)(x, ("m", "i")))
    results = list(encode_all(encode, parameters, batches))
    assert len(results) == 3
    for (rows, given), (found, vectors, present) in zip(batches, results, strict=True):
        assert np.array_equal(found, rows)
        assert set(vectors) == {"m", "i"}
        expected = whole(parameters, jax.tree.map(jax.numpy.asarray, given))
        for view, x in vectors.items():
            assert x.shape == (len(rows), 8)
            np.testing.assert_allclose(x, expected[view][: len(rows)], atol=1e-5)
            assert np.array_equal(present[view], present_views(given)[view][: len(rows)])


def test_nothing_in_nothing_out() -> None:
    _, bind = encoder_factory(tiny.config("", ""), 32)
    mesh = make_mesh(1)
    encode = make_encode(bind, ("m",), PictureConfig(), by_row(mesh), replicated(mesh))
    assert list(encode_all(encode, {}, [])) == []


PLAIN = PictureConfig(size=16, stored_size=20)


def test_by_default_the_picture_is_encoded_as_it_is() -> None:
    image = jax.numpy.asarray(tiny.products(2).image)
    assert PLAIN.read_size == 16
    (variant,) = picture_variants(image, PLAIN)
    assert np.array_equal(variant, image)


def test_the_mirrored_picture_is_added() -> None:
    image = jax.numpy.asarray(tiny.products(2).image)
    plain, mirrored = picture_variants(image, replace(PLAIN, eval_mirror=True))
    assert np.array_equal(plain, image)
    assert np.array_equal(mirrored, image[:, :, ::-1])


@pytest.mark.parametrize("size", [10, 16, 64, 80, 96])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.8, 0.9, 0.95])
def test_the_smallest_crop_is_cut_without_resizing(size: int, share: float) -> None:
    picture = PictureConfig(eval_size=size, eval_crops=(1.0, share))
    read = picture.read_size
    image = np.random.default_rng(0).integers(0, 256, (1, read, read, 3)).astype(np.uint8)
    whole, centre = picture_variants(jax.numpy.asarray(image), picture)
    assert whole.shape == centre.shape == (1, size, size, 3)
    start = (read - size) // 2
    assert np.array_equal(centre, image[:, start : start + size, start : start + size])
    assert abs(float(whole.mean()) - image.mean()) < 3.0


def test_the_vector_is_the_mean_over_the_variants() -> None:
    config = tiny.config("", "", picture={"eval_crops": (1.0, 0.8), "eval_mirror": True})
    init, bind = encoder_factory(config, 32)
    parameters = jax.jit(init)(jax.random.key(0))
    mesh = make_mesh(1)
    encode = make_encode(bind, ("m", "t"), config.picture, by_row(mesh), replicated(mesh))
    given = tiny.products(4, size=config.picture.read_size)
    given.has_image[1] = False
    on_device = jax.tree.map(jax.numpy.asarray, given)
    vectors, present = encode(parameters, on_device)
    plain = jax.jit(lambda p, x: bind(p)(x, ("m", "t")))
    each = [
        plain(parameters, on_device._replace(image=image))
        for image in picture_variants(on_device.image, config.picture)
    ]
    assert len(each) == 4
    assert np.asarray(present["m"]).all()
    assert np.asarray(present["t"]).all()
    for view in ("m", "t"):
        mean = sum(np.asarray(x[view]) for x in each)
        mean /= np.linalg.norm(mean, axis=1, keepdims=True)
        np.testing.assert_allclose(vectors[view], mean, atol=1e-5)
    np.testing.assert_allclose(vectors["t"], each[0]["t"], atol=1e-5)
    np.testing.assert_allclose(vectors["m"][1], vectors["t"][1], atol=1e-5)
