"""A folder with weights, settings, tokenizer and model card, in the layout of a library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from stylejax.config import Config
from stylejax.config.open_clip import OPEN_CLIP
from stylejax.config.own import own_config
from stylejax.encoder import Parameters
from stylejax.saved import families
from stylejax.saved.artifact import compiled_encoder
from stylejax.saved.families import Family, Layout, Words
from stylejax.saved.names import Tensors, renamed
from stylejax.training.restore import TrainedEncoder

ARTIFACT = "encoder.jax_export"
PADDINGS = ("[PAD]", "<pad>", "<|pad|>")


def write_weights(
    folder: Path, trained: TrainedEncoder, layout: Layout, loss: Parameters
) -> list[str]:
    """Writes all but the model card.

    Args:
      folder: empty or not there yet.
      trained: the encoder.
      layout: ``"stylejax"``: any encoder, with the function that `compiled_encoder` makes;
        ``"transformers"`` or ``"open_clip"``: the two towers of a CLIP or SigLIP.
      loss: the loss's own weights; `loss/log_scale` and `loss/bias` are written where the layout
        has them.

    Returns:
      Names of the files.

    Raises:
      ConfigError: when the layout has no such encoder.
      FileExistsError: when the folder is not empty.
    """
    config = trained.config
    if layout == "stylejax":
        words = Words(trained.vocab_size, 0, None)
        tensors = {name: np.asarray(x) for name, x in trained.parameters.items()}
        described = {"config.json": own_config(config)}
    else:
        family = families.family_of(config.encoder, layout)
        words = _words(trained)
        described = _described(layout, family, config, words)
        scale = float(np.exp(loss["loss/log_scale"])) if "loss/log_scale" in loss else 1 / 0.07
        bias = float(loss.get("loss/bias", config.loss.bias))
        tensors = renamed(layout, family, trained.parameters, config, words, scale, bias)
    if folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in described.items():
        (folder / name).write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    _write_tensors(folder / _weights_file(layout), tensors)
    _write_tokenizer(folder, trained, words if layout != "stylejax" else None)
    if layout == "stylejax":
        (folder / ARTIFACT).write_bytes(compiled_encoder(config, trained.vocab_size))
    return sorted(path.name for path in folder.iterdir())


def _described(layout: Layout, family: Family, config: Config, words: Words) -> dict[str, Any]:
    if layout == "open_clip":
        return {OPEN_CLIP: families.open_clip_config(family, config, words)}
    return {
        "config.json": families.transformers_config(family, config, words),
        "preprocessor_config.json": families.preprocessor_config(family, config),
    }


def _weights_file(layout: Layout) -> str:
    return "open_clip_model.safetensors" if layout == "open_clip" else "model.safetensors"


def _write_tensors(path: Path, tensors: Tensors) -> None:
    from safetensors.numpy import save_file

    # A view that is not contiguous would be written in the order of what it is a view of.
    whole = {name: np.ascontiguousarray(x).reshape(x.shape) for name, x in tensors.items()}
    save_file(whole, path, metadata={"format": "pt"})  # what other libraries look for


def _words(trained: TrainedEncoder) -> Words:
    """How texts end and what they are filled up with."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(trained.tokenizer)
    encoded = tokenizer.encode("a")
    end = encoded.ids[-1] if encoded.special_tokens_mask[-1] else None
    size, padding = trained.vocab_size, trained.parameters.get("text/padding")
    if padding is None:  # masked: any id will do
        ids = [tokenizer.token_to_id(token) for token in PADDINGS]
        return Words(size, next((i for i in [*ids, end] if i is not None), 0), end)
    table = np.asarray(trained.parameters["text/tokens/embedding"])
    same = np.flatnonzero((table == np.asarray(padding)).all(axis=1))
    if len(same):
        return Words(size, int(same[0]), end)
    return Words(size + 1, size, end)  # trained apart from every token's vector


def _write_tokenizer(folder: Path, trained: TrainedEncoder, words: Words | None) -> None:
    """tokenizer.json and its config, as `transformers` reads them."""
    from tokenizers import AddedToken, Tokenizer
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer.from_str(trained.tokenizer)
    special: dict[str, Any] = {}
    if words is not None:
        if words.pad >= trained.vocab_size:
            spare = words.pad - tokenizer.get_vocab_size(with_added_tokens=True)
            names = [f"<unused {number}>" for number in range(spare)]
            new = [*names, "<padding>"]
            tokenizer.add_special_tokens([AddedToken(n, normalized=False) for n in new])
        special["pad_token"] = tokenizer.id_to_token(words.pad)
        if words.end is not None:
            special["eos_token"] = tokenizer.id_to_token(words.end)
    saved = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=trained.config.text.max_tokens, **special
    )
    saved.save_pretrained(str(folder))
