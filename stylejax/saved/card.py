"""The model card: what a saved encoder is, how good it is, and a program that uses it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import jax

import stylejax
from stylejax.config import Config
from stylejax.origin import Origin
from stylejax.saved.families import Layout

DIRECTIONS = {
    "i-i": "photo finds photos",
    "t-t": "title finds titles",
    "m-m": "both find both",
    "i-m": "photo finds both",
    "t-m": "title finds both",
}


def model_card(
    config: Config, origin: Origin, layout: Layout, metrics: Mapping[str, Any] | None
) -> str:
    """README.md of a saved encoder, in Markdown with the front matter that model hubs read.

    Args:
      config: the run's.
      origin: the checkpoint.
      layout: of the folder; the program in the card depends on it.
      metrics: what ``stylejax evaluate`` wrote of this very checkpoint; None: the card says so.
    """
    library = {"stylejax": "jax", "transformers": "transformers", "open_clip": "open_clip"}[layout]
    usage = {"stylejax": _own, "transformers": _transformers, "open_clip": _open_clip}[layout]
    training, encoder, side = config.training, config.encoder, config.picture.encoded_size
    loss = f"{config.loss.form} loss on {', '.join(config.loss.matching)}"
    views = (
        "Vectors of a photo, of a title, and of both lie in one space."
        if layout == "stylejax"
        else "Vectors of a photo and of a title lie in one space. " + _both(config)
    )
    about = textwrap.fill(
        "An encoder of shop listings: two listings of the same product get vectors that point the "
        f"same way, although their photos and titles differ. {views} Trained with stylejax "
        f"{stylejax.__version__}, a JAX implementation and extension of eSSPR (WWW 2023, "
        "arXiv 2302.05093).",
        96,
    )
    crops = ""
    if layout != "stylejax" and (config.picture.eval_crops != (1.0,) or config.picture.eval_mirror):
        crops = (
            "\nThe run's own exports average several crops of a photo, which this layout has not: "
            "vectors of photos differ somewhat from those that were evaluated.\n"
        )
    return f"""---
library_name: {library}
pipeline_tag: feature-extraction
tags:
- product-retrieval
- multimodal
- stylejax
---

# {origin.run}: product embeddings

{about}

| | |
|---|---|
| vector | {encoder.dim} numbers, compared by cosine |
| photos | {side} x {side} pixels, squeezed to a square |
| titles | up to {config.text.max_tokens} tokens |
| training | {origin.step:,} steps of {training.batch_size:,} pairs, {loss} |
| checkpoint | SHA-256 of the weights {origin.weights[:16]} |

Training data: `{config.data.name}`. {config.data.note}
{crops}
## How good

{_scores(metrics, config)}

## Use

{usage(config)}
## Limits

It finds listings of the same product among products like those it was trained on. It does not know
prices, stock or sizes that neither photo nor title show, and scores of two models do not compare
unless the listings are the same.
"""


def _scores(metrics: Mapping[str, Any] | None, config: Config) -> str:
    if metrics is None:
        return "Not evaluated."
    queries, gallery = config.evaluation.query_split, config.evaluation.gallery_split
    told = f"Listings of split `{queries}` search "
    told += "each other" if queries == gallery else f"those of split `{gallery}`"
    told += "; a hit is another listing of the same product."
    rows = [
        f"| {name} | {found['recall@1']:.3f} | {found['recall@10']:.3f} | {found['map@r']:.3f} |"
        for direction, name in DIRECTIONS.items()
        if (found := metrics["directions"].get(direction)) and "recall@1" in found
    ]
    return "\n".join([told, "", "| | recall@1 | recall@10 | mAP@R |", "|---|---|---|---|", *rows])


def _both(config: Config) -> str:
    if config.encoder.late_fusion == "gated":
        return "The run's vector of both weighs them by a gate that this layout has not."
    return "The vector of both is the mean of the two unit vectors."


def _own(config: Config) -> str:
    side, most = config.picture.read_size, config.picture.per_listing
    shown = """photos = ["photo.jpg", None]  # None: no photo"""
    image = f"""image = np.zeros((len(photos), {side}, {side}, 3), np.uint8)
for row, photo in enumerate(photos):
    if photo:
        resized = Image.open(photo).convert("RGB").resize(({side}, {side}), Image.BICUBIC)
        image[row] = np.asarray(resized)
has_image = np.array([photo is not None for photo in photos])"""
    if most > 1:
        shown = f"""photos = [["photo.jpg"], []]  # up to {most} of each listing"""
        image = f"""image = np.zeros((len(photos), {most}, {side}, {side}, 3), np.uint8)
has_image = np.zeros((len(photos), {most}), bool)
for row, several in enumerate(photos):
    for place, photo in enumerate(several):
        resized = Image.open(photo).convert("RGB").resize(({side}, {side}), Image.BICUBIC)
        image[row, place], has_image[row, place] = np.asarray(resized), True"""
    template = config.text.template
    written = "" if template == "{title}" else f"texts as {template!r} makes them; "
    return f"""Needs `jax`, `numpy`, `pillow`, `flatbuffers`, `safetensors` and `tokenizers` (made
with JAX {jax.__version__}):

```python
import numpy as np
from jax import export
from PIL import Image
from safetensors.numpy import load_file
from tokenizers import Tokenizer

weights = load_file("model.safetensors")
encode = export.deserialize(bytearray(open("encoder.jax_export", "rb").read())).call
tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.enable_truncation({config.text.max_tokens})

titles = ["orange fish mug", ""]  # {written}empty: no title
{shown}

tokens = np.full((len(titles), {config.text.max_tokens}), -1, np.int32)
for row, title in enumerate(titles):
    if title.strip():
        ids = tokenizer.encode(title).ids
        tokens[row, : len(ids)] = ids
{image}

vectors = encode(weights, image, has_image, tokens)  # "i" photo, "t" title, "m" both
```

The vectors of `stylejax export` are the same. A training starts from this folder with
`encoder.image.weights`, `encoder.text.weights` and `encoder.fusion.weights`.
"""


def _transformers(config: Config) -> str:
    return f"""```python
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

model = AutoModel.from_pretrained(".").eval()
pictures = AutoImageProcessor.from_pretrained(".")(Image.open("photo.jpg"), return_tensors="pt")
words = AutoTokenizer.from_pretrained(".")(
    ["orange fish mug"], padding="max_length", max_length={config.text.max_tokens},
    truncation=True, return_tensors="pt", return_token_type_ids=False,
)
with torch.no_grad():
    photo = model.get_image_features(**pictures)
    title = model.get_text_features(**words)
```
"""


def _open_clip(config: Config) -> str:
    del config
    return """```python
import open_clip
import torch
from PIL import Image

model, preprocess = open_clip.create_model_from_pretrained("local-dir:.")
tokenizer = open_clip.get_tokenizer("local-dir:.")
with torch.no_grad():
    photo = model.encode_image(preprocess(Image.open("photo.jpg"))[None], normalize=True)
    title = model.encode_text(tokenizer(["orange fish mug"]), normalize=True)
```
"""
