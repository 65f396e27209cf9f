"""Tests of stylejax/saved: folders that transformers, open_clip or JAX alone load."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pretrained_models as models
import pytest
import verbs
from PIL import Image
from safetensors.numpy import load_file
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers import models as pieces

from input_pipeline.tokens import TitleTokenizer
from stylejax.batch import Products
from stylejax.config import (
    Config,
    ConfigError,
    EncoderConfig,
    ImageTowerConfig,
    PictureConfig,
    TextConfig,
    TextTowerConfig,
    TransformerConfig,
    open_clip,
)
from stylejax.config.own import own_config
from stylejax.config.pretrained import fusion_layers, image_tower, text_tower, two_towers
from stylejax.encoder import encoder_factory
from stylejax.encoder.pretrained import load_pretrained
from stylejax.origin import Origin
from stylejax.retrieval.vectors import read_vectors
from stylejax.saved.artifact import compiled_encoder
from stylejax.saved.card import model_card
from stylejax.saved.folder import write_weights
from stylejax.training.mesh import make_mesh
from stylejax.training.restore import TrainedEncoder

FAMILIES = {
    "clip": "transformers",
    "siglip": "transformers",
    "chinese_clip": "transformers",
    "open_clip": "open_clip",
    "open_clip_siglip": "open_clip",
}
TITLES = ["a b c", "d", "e f g h a b c d e f"]  # the last is cut


@pytest.fixture(scope="module", autouse=True)
def timms_tiny_vit():
    """A size of our own beside those of SigLIP's checkpoints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(open_clip.TIMM, "vit_test", (16, 2, 2, 32))
        from stylejax.saved import families

        patch.setitem(families.TIMM_SIDES, "vit_test_patch8_siglip_", (16,))
        yield


def tokenizer(ends: bool) -> Tokenizer:
    """24 ids; with `ends` texts begin with 22 and end with 23, else they begin with 22."""
    words = ["[PAD]", "</s>", "[UNK]", *"abcdefgh", *(f"x{n}" for n in range(11)), "[CLS]", "[END]"]
    made = Tokenizer(pieces.WordLevel({w: n for n, w in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [END]" if ends else "[CLS] $A",
        special_tokens=[("[CLS]", 22), ("[END]", 23)],
    )
    return made


def trained(config: Config, parameters: dict, ends: bool = True) -> TrainedEncoder:
    origin = Origin("shop", 7, "0" * 64, "1" * 64)
    definition = tokenizer(ends).to_str()
    return TrainedEncoder(config, definition, models.VOCAB, origin, parameters, make_mesh())


LAYERS = {"width": 16, "heads": 2, "hidden": 32}


def small(per_listing: int = 1, **encoder) -> Config:
    """An encoder of one image layer and what else is given."""
    return Config(
        encoder=EncoderConfig(dim=8, image=ImageTowerConfig(**LAYERS, depth=1, patch=8), **encoder),
        picture=PictureConfig(size=models.SIDE, stored_size=20, per_listing=per_listing),
        text=TextConfig(max_tokens=models.LENGTH),
    )


def towers(family: str, folder: Path) -> tuple[Config, dict]:
    """A family's tiny model, moved away from where it was loaded as a training would."""
    record = json.loads((models.RECORDS / f"{family}.json").read_text())
    config = Config(
        encoder=two_towers(str(models.write_model(record, folder))),
        picture=PictureConfig(size=models.SIDE, stored_size=20),
        text=TextConfig(max_tokens=models.LENGTH),
    )
    init, _ = encoder_factory(config, models.VOCAB)
    parameters, _ = load_pretrained(init(jax.random.key(0)), config.encoder)
    return config, parameters


def moved(parameters: dict) -> dict:
    rng = np.random.default_rng(3)
    return {
        name: x + jnp.asarray(0.05 * rng.standard_normal(x.shape), jnp.float32)
        for name, x in parameters.items()
    }


def vectors(config: Config, parameters: dict, size: int = models.VOCAB) -> dict[str, np.ndarray]:
    _, bind = encoder_factory(config, size)
    ids = TitleTokenizer(tokenizer(ends=True).to_str(), models.LENGTH)(TITLES)
    pictures = jnp.asarray(models.pictures())
    products = Products(pictures, jnp.ones(models.ROWS, bool), jnp.asarray(ids))
    return {v: np.asarray(x) for v, x in bind(parameters)(products, ("i", "t")).items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_towers_go_back_under_their_original_names(family: str, tmp_path: Path) -> None:
    config, parameters = towers(family, tmp_path / "in")
    out = tmp_path / "out"
    write_weights(out, trained(config, parameters), FAMILIES[family], {})
    wanted = json.loads((models.RECORDS / f"{family}.json").read_text())["shapes"]
    (path,) = out.glob("*.safetensors")
    found = {name: list(x.shape) for name, x in load_file(path).items()}
    for shapes in (wanted, found):
        shapes.pop("logit_scale")  # one number, with or without an axis
        shapes.pop("logit_bias", None)  # open_clip's model has one where its config says so
    assert found == wanted
    again = dataclasses.replace(config, encoder=two_towers(str(out)))
    init, _ = encoder_factory(again, models.VOCAB)
    after, report = load_pretrained(init(jax.random.key(1)), again.encoder)
    assert report.initialised == report.left_over == ()
    assert set(after) == set(parameters)
    for name, x in parameters.items():
        np.testing.assert_array_equal(after[name], x, err_msg=name)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_trained_models_vectors_survive_the_way_out_and_in(family: str, tmp_path: Path) -> None:
    """Training moves what a layout has no place for: the bias of patches, padding's own vector."""
    config, parameters = towers(family, tmp_path / "in")
    parameters = moved(parameters)
    out = tmp_path / "out"
    write_weights(out, trained(config, parameters), FAMILIES[family], {})
    attended = config.encoder.text.padding == "attended"
    size = models.VOCAB + attended
    again = dataclasses.replace(config, encoder=two_towers(str(out)))
    init, _ = encoder_factory(again, size)
    after, _ = load_pretrained(init(jax.random.key(1)), again.encoder)
    before = vectors(config, parameters)
    for view, x in vectors(again, after, size).items():
        np.testing.assert_allclose(x, before[view], atol=2e-6, err_msg=view)
    if attended:
        np.testing.assert_allclose(after["text/padding"], parameters["text/padding"], rtol=1e-6)


@pytest.mark.parametrize("family", [f for f, layout in FAMILIES.items() if layout != "open_clip"])
def test_transformers_loads_what_was_saved(family: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    models.import_torch()
    from transformers import AutoModel, AutoTokenizer

    config, parameters = towers(family, tmp_path / "in")
    parameters = moved(parameters)
    out = tmp_path / "out"
    loss = {"loss/log_scale": jnp.float32(2.0), "loss/bias": jnp.float32(-9.0)}
    write_weights(out, trained(config, parameters), "transformers", loss)
    model, info = AutoModel.from_pretrained(out, output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert float(model.logit_scale.detach().reshape(())) == pytest.approx(2.0)
    words = AutoTokenizer.from_pretrained(out)(
        TITLES,
        padding="max_length",
        max_length=models.LENGTH,
        truncation=True,
        return_tensors="pt",
        return_token_type_ids=False,
    )
    look = json.loads((out / "preprocessor_config.json").read_text())
    pixels = (models.pictures() / 255 - look["image_mean"]) / look["image_std"]
    pixels = torch.tensor(pixels, dtype=torch.float32).permute(0, 3, 1, 2)
    with torch.no_grad():
        made = {"i": model.eval().get_image_features(pixels)}
        if family == "siglip":  # it was trained without a mask
            words.pop("attention_mask", None)
        made["t"] = model.get_text_features(**words)
    close(made, vectors(config, parameters))


@pytest.mark.parametrize("family", [f for f, layout in FAMILIES.items() if layout == "open_clip"])
def test_open_clip_loads_what_was_saved(family: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    models.import_torch()
    library = pytest.importorskip("open_clip", reason="open_clip is not installed: extra `bench`")
    if family == "open_clip_siglip":
        models.register_tiny_vit()
    config, parameters = towers(family, tmp_path / "in")
    parameters = moved(parameters)
    out = tmp_path / "out"
    write_weights(out, trained(config, parameters), "open_clip", {})
    model, preprocess = library.create_model_from_pretrained(f"local-dir:{out}")
    words = library.get_tokenizer(f"local-dir:{out}")(TITLES)
    with torch.no_grad():
        pixels = torch.stack([preprocess(Image.fromarray(x)) for x in models.pictures()])
        made = {"i": model.eval().encode_image(pixels), "t": model.encode_text(words)}
    close(made, vectors(config, parameters))


def close(made: dict, expected: dict[str, np.ndarray]) -> None:
    for view, x in made.items():
        x = getattr(x, "pooler_output", x).numpy()
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        np.testing.assert_allclose(unit, expected[view], atol=2e-5, err_msg=view)


def test_a_whole_encoder_is_saved_and_started_from(tmp_path: Path) -> None:
    config = small(fusion=TransformerConfig(**LAYERS, depth=1))
    init, _ = encoder_factory(config, models.VOCAB)
    parameters = init(jax.random.key(0))
    names = write_weights(tmp_path, trained(config, parameters, ends=False), "stylejax", {})
    assert {"config.json", "encoder.jax_export", "model.safetensors"} <= set(names)
    source = str(tmp_path)
    encoder = EncoderConfig(
        dim=8,
        image=image_tower(source),
        text=text_tower(source),
        fusion=fusion_layers(source),
    )
    after, report = load_pretrained(init(jax.random.key(1)), encoder)
    assert report.initialised == report.resized == report.left_over == ()
    for name, x in parameters.items():
        np.testing.assert_array_equal(after[name], x, err_msg=name)
    assert own_config(dataclasses.replace(config, encoder=encoder)) == own_config(config)


def test_what_weighs_photo_title_and_pictures_is_started_from_too(tmp_path: Path) -> None:
    config = small(
        text=TextTowerConfig(**LAYERS, depth=1),
        late_fusion="gated",
        pictures="attention",
        per_listing=2,
    )
    init, _ = encoder_factory(config, models.VOCAB)
    parameters = moved(init(jax.random.key(0)))
    assert {"gate/kernel", "gate/bias", "telling/kernel"} <= set(parameters)
    write_weights(tmp_path, trained(config, parameters, ends=False), "stylejax", {})
    again = two_towers(str(tmp_path), late_fusion="gated", pictures="attention")
    after, report = load_pretrained(init(jax.random.key(1)), again)
    assert report.initialised == report.resized == report.left_over == ()
    for name, x in parameters.items():
        np.testing.assert_array_equal(after[name], x, err_msg=name)
    # A start without a gate leaves it over, and says so.
    plain = dataclasses.replace(config, encoder=two_towers(str(tmp_path)))
    init, _ = encoder_factory(plain, models.VOCAB)
    _, report = load_pretrained(init(jax.random.key(1)), plain.encoder)
    assert [name.split(": ")[1] for name in report.left_over] == [
        "gate/bias",
        "gate/kernel",
        "telling/kernel",
    ]


@pytest.fixture(scope="module")
def saved(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "shop"
    verbs.run("save-pretrained", "--checkpoint", trained_run, "--out", folder)
    return folder


def test_the_cards_program_encodes_without_this_library(trained_run: Path, saved: Path) -> None:
    """The vectors are those of an export, with this library out of reach."""
    card = (saved / "README.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    config = json.loads((trained_run / "config.json").read_text())
    root = Path(config["data"]["root"])
    rows = [line.split(",") for line in (root / "catalogue.csv").read_text().splitlines()[1:]]
    item, title, photo, *_ = rows[0]
    program = program.replace("orange fish mug", title)
    program = program.replace("photo.jpg", str(root / photo))
    script = (
        "import sys\nsys.modules['stylejax'] = sys.modules['flax'] = None\n"
        f"{program}\nnp.savez('out.npz', **vectors)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=saved, check=True, timeout=300)
    made, exported = np.load(saved / "out.npz"), read_vectors(trained_run / "vectors")
    row = exported.item_id.index(item)
    for view in ("m", "i", "t"):
        np.testing.assert_allclose(made[view][0], exported.vectors[view][row], atol=1e-6)


def test_the_card_tells_the_checkpoints_numbers(trained_run: Path, saved: Path) -> None:
    card = (saved / "README.md").read_text()
    metrics = json.loads((trained_run / "metrics.json").read_text())
    assert f"{metrics['directions']['m-m']['recall@1']:.3f}" in card
    assert str(trained_run.parent) not in card
    assert str(trained_run.parent) not in (saved / "config.json").read_text()


def test_a_card_without_numbers_says_so(tmp_path: Path) -> None:
    config, _ = towers("clip", tmp_path)
    card = model_card(config, Origin("shop", 7, "0" * 64, "1" * 64), "transformers", None)
    assert "Not evaluated." in card
    assert "mean of the two unit vectors" in card
    worded = dataclasses.replace(config.text, template="{title} {category}")
    worded = dataclasses.replace(config, text=worded)
    card = model_card(worded, Origin("shop", 7, "0" * 64, "1" * 64), "stylejax", None)
    assert "# texts as '{title} {category}' makes them; empty: no title" in card
    card = model_card(config, Origin("shop", 7, "0" * 64, "1" * 64), "stylejax", None)
    assert '""]  # empty: no title' in card
    gated = dataclasses.replace(config.encoder, late_fusion="gated")
    gated = dataclasses.replace(config, encoder=gated)
    card = model_card(gated, Origin("shop", 7, "0" * 64, "1" * 64), "open_clip", None)
    assert "by a gate that this layout has not" in card


def test_an_encoder_of_another_shape_is_refused(trained_run: Path, tmp_path: Path, capsys) -> None:
    words = ("save-pretrained", "--checkpoint", trained_run, "--out", tmp_path / "x")
    error = verbs.refused([*words, "--format", "transformers"], capsys)
    assert "this encoder differs from clip in encoder.fusion.depth 1 (0); encoder" in error
    assert not (tmp_path / "x").exists()


def test_a_folder_with_files_is_not_written_over(trained_run: Path, saved: Path, capsys) -> None:
    error = verbs.refused(["save-pretrained", "--checkpoint", trained_run, "--out", saved], capsys)
    assert "is not empty; choose another --out" in error


def test_clip_needs_a_token_that_ends_texts(tmp_path: Path) -> None:
    config, parameters = towers("clip", tmp_path / "in")
    for layout in ("transformers", "open_clip"):
        with pytest.raises(ConfigError, match="ends texts with no token of its own"):
            write_weights(tmp_path / "x", trained(config, parameters, ends=False), layout, {})


@pytest.mark.parametrize(
    ("family", "part", "change", "message"),
    [
        ("clip", "text", {"activation": "gelu"}, "quick_gelu in both towers or in none"),
        ("siglip", "text", {"activation": "quick_gelu"}, "no SigLIP with encoder.text.activation"),
        (
            "siglip",
            "image",
            {"hidden": 48},
            "timm, which has none of width 16, depth 2, 2 heads, 48",
        ),
        (
            "clip",
            "image",
            {"pool": "mean"},
            r"differs from clip in encoder.image.pool mean \(class\)",
        ),
    ],
)
def test_what_open_clip_has_no_words_for_is_refused(
    family: str, part: str, change: dict, message: str, tmp_path: Path
) -> None:
    config, parameters = towers(family, tmp_path / "in")
    tower = dataclasses.replace(getattr(config.encoder, part), **change)
    encoder = dataclasses.replace(config.encoder, **{part: tower})
    run = trained(dataclasses.replace(config, encoder=encoder), parameters)
    with pytest.raises(ConfigError, match=message):
        write_weights(tmp_path / "x", run, "open_clip", {})


def test_positions_are_those_of_the_size_that_is_encoded(tmp_path: Path) -> None:
    config, parameters = towers("clip", tmp_path / "in")
    config = dataclasses.replace(
        config, picture=PictureConfig(size=models.SIDE, eval_size=32, stored_size=32)
    )
    write_weights(tmp_path / "out", trained(config, parameters), "transformers", {})
    weights = load_file(tmp_path / "out" / "model.safetensors")
    name = "vision_model.embeddings.position_embedding.weight"
    assert weights[name].shape == (1 + 4 * 4, 16)
    described = json.loads((tmp_path / "out" / "config.json").read_text())
    assert described["vision_config"]["image_size"] == 32


def test_the_exported_function_has_no_kernel_of_one_kind_of_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a machine with an NVIDIA GPU, whose fused kernel a bfloat16 recipe would take."""
    from stylejax.encoder import attention

    asked = []

    def kernel(choice: str, *_: object) -> str:
        asked.append(choice)
        return "xla"

    monkeypatch.setattr(attention, "kernel", kernel)
    config = small(text=TextTowerConfig(**LAYERS, depth=1), compute_dtype="bfloat16")
    compiled_encoder(config, models.VOCAB)
    assert asked
    assert set(asked) == {"xla"}
