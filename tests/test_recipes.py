"""Every recipe in configs/ loads, survives JSON, and describes an encoder that can be built."""

from pathlib import Path

import jax
import pytest

from stylejax.config import from_json, load_config, to_json
from stylejax.encoder import encoder_factory

RECIPES = sorted((Path(__file__).parent.parent / "configs").glob("*.py"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe(path: Path) -> None:
    config = load_config(path)
    assert from_json(to_json(config)) == config
    assert config.run_dir.startswith("runs/")
    init, _ = encoder_factory(config, config.text.vocab_size)
    shapes = jax.eval_shape(init, jax.random.key(0))
    assert shapes["text/tokens/embedding"].shape == (
        config.text.vocab_size,
        config.encoder.text.width,
    )


def test_the_reference_recipe_is_a_single_stream_of_bert_base_size() -> None:
    config = load_config(Path(__file__).parent.parent / "configs" / "esspr_base.py")
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
