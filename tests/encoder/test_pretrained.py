"""Tests of stylejax/encoder/pretrained and stylejax/config/pretrained.py."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pretrained_models as models
import pytest
from safetensors.numpy import load_file, save_file

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
from stylejax.config.pretrained import (
    fusion_layers,
    image_tower,
    padding_id,
    pretrained_folder,
    text_tower,
)
from stylejax.encoder import encoder_factory
from stylejax.encoder.pretrained import Loaded, load_pretrained

FAMILIES = [path.stem for path in sorted(models.RECORDS.glob("*.json"))]
SMALL = {"width": 16, "heads": 2, "hidden": 32}


@pytest.fixture(scope="module", autouse=True)
def timms_tiny_vit():
    """A size of our own beside those that SigLIP's checkpoints name."""
    from stylejax.config import open_clip

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(open_clip.TIMM, "vit_test", (16, 2, 2, 32))
        yield


def recorded(family: str) -> dict:
    return json.loads((models.RECORDS / f"{family}.json").read_text())


def files(family: str, folder: Path) -> str:
    return str(models.write_model(recorded(family), folder))


def config(source: str, made: dict, dim: int = 8) -> Config:
    """An encoder with the towers that the model has, and small ones of ours beside them."""
    if "fusion" in made:
        towers = {
            "image": image_tower(source),
            "text": text_tower(source),
            "fusion": fusion_layers(source),
        }
    else:
        towers = {
            "image": image_tower(source) if "image" in made else ImageTowerConfig(**SMALL, patch=8),
            "text": text_tower(source) if "text" in made else TextTowerConfig(**SMALL),
        }
    if any(np.ndim(x) == 3 for x in made.values()):
        towers["fusion"] = TransformerConfig(depth=1, **SMALL)  # it reads every token
    return Config(
        encoder=EncoderConfig(dim=dim, **towers),
        picture=PictureConfig(size=models.SIDE, stored_size=20),
        text=TextConfig(max_tokens=models.LENGTH),
    )


def loaded(options: Config) -> tuple[dict, Loaded, object]:
    init, bind = encoder_factory(options, models.VOCAB)
    parameters, report = load_pretrained(init(jax.random.key(0)), options.encoder)
    return parameters, report, bind(parameters)


def made_by(encoder, family: str, names) -> dict[str, np.ndarray]:
    """The same outputs as `pretrained_models.outputs`, of ours."""
    ids = jnp.asarray(models.tokens(ends=family in ("clip", "open_clip", "open_clip_siglip")))
    pixels = jnp.asarray(models.pictures())
    made = {}
    every_token = np.ndim(next(iter(names.values()))) == 3
    if "image" in names:
        tokens = encoder.image(pixels)
        made["image"] = tokens if every_token else features(encoder.image, tokens)
    if "text" in names:
        tokens, present = encoder.text(ids)
        made["text"] = (
            tokens * present[..., None] if every_token else features(encoder.text, tokens, present)
        )
    if "fusion" in names:
        image, text = encoder.image(pixels), encoder.text(ids)
        made["fusion"] = encoder.fusion.first((image, jnp.ones(image.shape[:2], bool)), text)
    return made


def features(tower, *tokens) -> jax.Array:
    pooled = tower.pool(*tokens)
    return pooled if tower.head is None else tower.head(pooled)


def dim_of(made: dict) -> int:
    return len(made["image"][0]) if np.ndim(made.get("image")) == 2 else 8


@pytest.mark.parametrize(
    ("text", "pad_token", "found"),
    [
        ({"vocab_size": 256_000}, None, 0),  # SigLIP 2 at a fixed resolution names no id
        ({"vocab_size": 32_000}, None, 1),
        ({"vocab_size": 256_000, "pad_token_id": 1}, "<pad>", 0),
        ({"vocab_size": 32_000}, {"content": "</s>"}, 1),
        ({"vocab_size": 32_000}, "<none of these>", 1),
    ],
)
def test_padding_is_the_tokenizers(text: dict, pad_token, found: int, tmp_path: Path) -> None:
    settings = {"model_type": "siglip", "text_config": {"model_type": "siglip_text_model"} | text}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    if pad_token:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"pad_token": pad_token}))
        added = [{"id": 0, "content": "<pad>"}, {"id": 1, "content": "</s>"}]
        (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    assert padding_id(str(tmp_path)) == found


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tower_gives_what_pytorch_gave(family: str, tmp_path: Path) -> None:
    expected = recorded(family)["outputs"]
    options = config(files(family, tmp_path), expected, dim_of(expected))
    _, report, encoder = loaded(options)
    found = made_by(encoder, family, expected)
    assert set(found) == set(expected)
    for name, x in found.items():
        np.testing.assert_allclose(x, np.array(expected[name]), atol=2e-5, err_msg=name)
    random = {name.split("/")[0] for name in report.initialised if "head" not in name}
    pretrained = {"image", "text", "fusion"} if "fusion" in expected else set(expected)
    assert random <= {"image", "text", "fusion"} - pretrained
    left = [name for name in report.left_over if "pooler" not in name]
    assert left == [], report


@pytest.mark.parametrize("family", FAMILIES)
def test_pytorch_gives_what_was_recorded(family: str, tmp_path: Path) -> None:
    pytest.importorskip(
        "torch", reason="PyTorch is not installed; its recorded outputs are compared"
    )
    if family in models.OPEN_CLIP:
        pytest.importorskip("timm", reason="open_clip is not installed: the extra `bench` has it")
    now, before = models.record(family, tmp_path), recorded(family)
    assert now["shapes"] == before["shapes"]
    for name, x in before["outputs"].items():
        np.testing.assert_allclose(now["outputs"][name], x, atol=2e-6, err_msg=name)


def test_the_names_of_older_checkpoints_are_read_too(tmp_path: Path) -> None:
    """A tower within a larger model has that model's name before its own."""
    record = recorded("bert")
    record["shapes"] = {f"bert.{name}": shape for name, shape in record["shapes"].items()}
    source = str(models.write_model(record, tmp_path))
    _, report, _ = loaded(config(source, {"text": []}))
    assert "text/layers/layers/qkv/kernel" in report.loaded


def test_positions_are_interpolated_to_another_size_and_cut_to_shorter_texts(
    tmp_path: Path,
) -> None:
    source = files("clip", tmp_path)
    options = dataclasses.replace(
        config(source, {"image": [], "text": []}),
        picture=PictureConfig(size=32, stored_size=32),
        text=TextConfig(max_tokens=4),
    )
    parameters, report, encoder = loaded(options)
    assert report.resized == ("image/positions", "text/positions")
    assert parameters["image/positions"].shape == (4, 4, 16)
    name = "text_model.embeddings.position_embedding.weight"
    given = models.weight(name, [models.LENGTH, 16])
    np.testing.assert_array_equal(parameters["text/positions"], given[:4])
    assert np.isfinite(encoder.image(jnp.zeros((1, 32, 32, 3), jnp.uint8))).all()
    with pytest.raises(
        ConfigError, match=r"max_tokens is 9, .* trained for 6 tokens; use at most 6"
    ):
        loaded(dataclasses.replace(options, text=TextConfig(max_tokens=9)))


@pytest.mark.parametrize("side", [8, 32, 64])
def test_positions_are_interpolated_as_open_clip_does_it(side: int, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: extra `parity`")
    source = files("clip", tmp_path)
    trained, _, _ = loaded(config(source, {"image": [], "text": []}))
    other = dataclasses.replace(
        config(source, {"image": [], "text": []}), picture=PictureConfig(size=side, stored_size=64)
    )
    found = loaded(other)[0]["image/positions"]
    # open_clip's resize_pos_embed: bicubic, with antialiasing where a grid gets smaller.
    given = torch.tensor(np.asarray(trained["image/positions"])).permute(2, 0, 1)[None]
    expected = torch.nn.functional.interpolate(
        given, size=found.shape[:2], mode="bicubic", antialias=True, align_corners=False
    )
    np.testing.assert_allclose(found, expected[0].permute(1, 2, 0), atol=1e-5)


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_the_scale_that_a_model_was_trained_with_is_told(family: str, tmp_path: Path) -> None:
    source = Path(files(family, tmp_path))
    shapes = recorded(family)["shapes"]
    (path,) = source.glob("*.safetensors")
    tensors = load_file(path) | {"logit_scale": np.full(shapes["logit_scale"], np.log(50.0), "f4")}
    if "logit_bias" in shapes:
        tensors["logit_bias"] = np.full(shapes["logit_bias"], -12.5, "f4")
    save_file(tensors, path)
    dim = {"clip": 8, "siglip": 16}[family]
    _, report, _ = loaded(config(str(source), {"image": [], "text": []}, dim))
    expected = ["trained with a scale of 50 (--loss.scale sets ours)"]
    if family == "siglip":
        expected = ["trained with a bias of -12.5 (--loss.bias sets ours)", *expected]
    assert list(report.temperature) == expected
    assert str(report).endswith("; ".join(["left over", *expected]))
    assert f"temperature ({len(expected)})" in report.listed()


def test_towers_of_two_models_go_under_one_fusion(tmp_path: Path) -> None:
    image, text = files("dinov2", tmp_path / "a"), files("xlm-roberta", tmp_path / "b")
    options = dataclasses.replace(
        config(image, {"image": []}),
        encoder=EncoderConfig(
            dim=8,
            image=image_tower(image),
            text=text_tower(text),
            fusion=TransformerConfig(depth=1, width=24, heads=2, hidden=24),
        ),
    )
    _, report, _ = loaded(options)
    assert all(name.startswith("fusion/") for name in report.initialised)
    assert {"image/registers", "fusion/adapters/0/kernel"}.isdisjoint(report.loaded)
    assert {"image/class_token", "text/tokens/embedding"} <= set(report.loaded)
    assert "36 weights loaded, 0 resized, 21 initialised" in str(report)
    assert "initialised (" in report.listed()
    assert "\n  fusion/class_token\n" in report.listed()


def test_a_single_stream_starts_from_bert(tmp_path: Path) -> None:
    source = files("bert", tmp_path)
    text = dataclasses.replace(text_tower(source), depth=0)
    options = dataclasses.replace(
        config(source, {"text": []}),
        encoder=EncoderConfig(
            dim=8,
            image=ImageTowerConfig(**SMALL, patch=8),
            text=text,
            fusion=fusion_layers(source),
        ),
    )
    _, report, _ = loaded(options)
    assert "fusion/layers/layers/qkv/kernel" in report.loaded
    assert "text/tokens/embedding" in report.loaded


def test_the_names_of_the_first_berts_norms_are_read(tmp_path: Path) -> None:
    record = recorded("bert")
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    for now, then in old.items():
        record["shapes"] = {n.replace(now, then): shape for n, shape in record["shapes"].items()}
    _, report, _ = loaded(config(str(models.write_model(record, tmp_path)), {"text": []}))
    assert "text/input_norm/scale" in report.loaded


def test_pixels_are_those_that_the_folder_says(tmp_path: Path) -> None:
    source = files("vit", tmp_path)
    assert image_tower(source).pixel_mean == (0.5, 0.5, 0.5)
    look = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(look))
    tower = image_tower(source)
    assert (tower.pixel_mean, tower.pixel_std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_a_head_that_does_not_fit_is_left_over_and_told(tmp_path: Path) -> None:
    source = files("clip", tmp_path)
    _, report, _ = loaded(config(source, {"image": [], "text": []}, dim=12))
    assert report.left_over[0] == "image/head/kernel (16, 8), here (16, 12)"
    assert {"image/head/kernel", "text/head/kernel"} <= set(report.initialised)


def test_an_open_clip_tower_of_another_kind_is_refused(tmp_path: Path) -> None:
    source = files("open_clip", tmp_path)
    path = tmp_path / "open_clip_config.json"
    text = json.loads(path.read_text())
    text["model_cfg"]["vision_cfg"] |= {"pool_type": "avg", "final_ln_after_pool": True}
    path.write_text(json.dumps(text))
    with pytest.raises(ConfigError, match=r"is no ViT with CLIP's class token"):
        image_tower(source)


def test_the_same_weights_under_two_names_are_read_once(tmp_path: Path) -> None:
    source = files("open_clip", tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "open_clip_model.safetensors")
    models.write_model(recorded("vit") | {"files": {}}, tmp_path)
    _, report, _ = loaded(config(source, {"image": [], "text": []}))
    assert report.left_over == ()


def test_a_smaller_vocabulary_is_another_one(tmp_path: Path) -> None:
    options = config(files("bert", tmp_path), {"text": []})
    init, _ = encoder_factory(options, models.VOCAB - 5)
    with pytest.raises(ConfigError, match=r"tokenizer has 19 ids, .* has 24"):
        load_pretrained(init(jax.random.key(0)), options.encoder)


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    options = config(files("bert", tmp_path), {"text": []})
    init, _ = encoder_factory(options, models.VOCAB + 3)
    with pytest.raises(ConfigError, match=r"tokenizer has 27 ids, .* has 24: .*text\.tokenizer"):
        load_pretrained(init(jax.random.key(0)), options.encoder)


def test_wrong_shapes_name_both(tmp_path: Path) -> None:
    options = config(files("vit", tmp_path), {"image": []})
    encoder = dataclasses.replace(
        options.encoder, image=dataclasses.replace(options.encoder.image, hidden=48)
    )
    with pytest.raises(ConfigError, match=r"mlp/.* is \(2, .*48.*\) in the encoder, but \(2, .*32"):
        loaded(dataclasses.replace(options, encoder=encoder))


def test_a_missing_weight_is_named(tmp_path: Path) -> None:
    record = recorded("vit")
    record["shapes"].pop("layernorm.weight")
    source = str(models.write_model(record, tmp_path))
    with pytest.raises(ConfigError, match=r"has no weight layernorm\.weight; it has "):
        loaded(config(source, {"image": []}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"model_type": "t5"}, "is a t5, which has no image tower known here"),
        ({"model_type": "dinov2", "use_swiglu_ffn": True}, "has gated MLPs"),
        ({"model_type": "vit", "hidden_act": "relu"}, "has the activation relu; known are gelu"),
        ({"model_type": "no_such_model"}, "holds no model that is known here"),
    ],
)
def test_models_that_do_not_fit_are_refused(text: dict, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(text))
    with pytest.raises(ConfigError, match=message):
        image_tower(str(tmp_path))


def test_the_name_of_a_repository_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetched(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetched)
    assert pretrained_folder("google/siglip2-base-patch16-224") == tmp_path
    ((name, patterns),) = asked
    assert name == "google/siglip2-base-patch16-224"
    assert "*.safetensors" in patterns
    assert not any("bin" in pattern or "pt" in pattern for pattern in patterns)  # no pickles


def test_a_repository_that_cannot_be_fetched_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("offline\nand more")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refused)
    with pytest.raises(ConfigError, match=r"no/such is no folder, and .* failed: offline$"):
        pretrained_folder("no/such")


def test_a_folder_without_config_or_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has neither config\.json nor open_clip_config\.json"):
        image_tower(str(tmp_path))
    source = files("vit", tmp_path)
    options = config(source, {"image": []})
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ConfigError, match=r"cannot read .*safetensors"):
        loaded(options)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"has no \.safetensors file"):
        loaded(options)
