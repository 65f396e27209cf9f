"""Every recipe in configs/ loads, survives JSON, and describes an encoder that can be built."""

import ast
import json
import re
from pathlib import Path

import jax
import pretrained_models as models
import pytest

from stylejax.config import Config, from_json, load_config, to_json
from stylejax.encoder import encoder_factory

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "configs").glob("*.py"))


def load(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The recipe; one that starts from a pretrained model with a tiny one of its family."""
    if path.stem.endswith("_finetune"):
        family = path.stem.removesuffix("_finetune")
        models.write_model(json.loads((models.RECORDS / f"{family}.json").read_text()), folder)
        monkeypatch.setenv("STYLEJAX_PRETRAINED", str(folder))
    return load_config(path)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(path, tmp_path, monkeypatch)
    assert from_json(to_json(config)) == config
    assert ast.get_docstring(ast.parse(path.read_text()))
    assert config.run_dir.startswith("runs/")
    init, _ = encoder_factory(config, config.text.vocab_size)
    shapes = jax.eval_shape(init, jax.random.key(0))
    assert shapes["text/tokens/embedding"].shape == (
        config.text.vocab_size,
        config.encoder.text.width,
    )


def test_the_recipe_in_the_docs_can_be_copied(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "your_catalogue.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    (recipe,) = (block for block in blocks if "config = Config(" in block)
    path = tmp_path / "shop.py"
    path.write_text(recipe)
    config = load_config(path)
    assert f"runs/{path.stem}" == config.run_dir
    assert f"--run {config.run_dir} --data.columns.group" in text
    init, _ = encoder_factory(config, config.text.vocab_size)
    assert jax.eval_shape(init, jax.random.key(0))


def test_the_reference_recipe_is_a_single_stream_of_bert_base_size() -> None:
    config = load_config(ROOT / "configs" / "esspr_base.py")
    init, _ = encoder_factory(config, config.text.vocab_size)
    shapes = jax.eval_shape(init, jax.random.key(0))
    assert not any(name.startswith(("image/layers", "text/layers")) for name in shapes)
    fused = {
        name: x.shape for name, x in shapes.items() if name.startswith("fusion/layers/layers/")
    }
    assert fused["fusion/layers/layers/qkv/kernel"] == (12, 768, 3 * 768)
    layers = sum(x.size for name, x in shapes.items() if name.startswith("fusion/layers/layers/"))
    assert layers == pytest.approx(85e6, rel=0.01)  # BERT-base without embeddings
    assert config.loss.form == "hinge"
    assert config.loss.matching == ("m-m", "t-m", "i-m")
