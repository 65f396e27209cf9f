"""SigLIP 2 (base, patch 16) fine-tuned on pairs of listings with its own loss.

The photos and clicks are those of configs/grocery.py; put your own tables in their place. The
model is fetched from its hub, or read from the folder that STYLEJAX_PRETRAINED names
(docs/pretrained.md). Batch, resolution and depth are for an accelerator.
"""

import os
from dataclasses import replace
from pathlib import Path

from stylejax.config import (
    LossConfig,
    PictureConfig,
    TextConfig,
    TrainingConfig,
    WeightRule,
    load_config,
)
from stylejax.config.pretrained import two_towers

SOURCE = os.environ.get("STYLEJAX_PRETRAINED", "google/siglip2-base-patch16-224")
grocery = load_config(Path(__file__).with_name("grocery.py"))

config = replace(
    grocery,
    run_dir="runs/siglip2_finetune",
    text=TextConfig(tokenizer=SOURCE, max_tokens=64, drop_tokens=0.1),
    picture=PictureConfig(size=224, stored_size=256, min_crop=0.4),
    encoder=two_towers(SOURCE, late_fusion="gated", compute_dtype="bfloat16", remat="attention"),
    loss=LossConfig(
        form="sigmoid",
        matching=("m-m", "i-i", "t-i"),
        distinctiveness=(),
        consistency=(),
        pooled=False,
        duplicates="positive",
        scale=110.0,
        max_scale=200.0,
        bias=-16.0,
    ),
    training=TrainingConfig(
        batch_size=256,
        steps=2_000,
        learning_rate=1e-4,
        warmup_steps=200,
        weight_decay=0.1,
        # What is new learns at the full rate, what is known at a tenth of it or less.
        rules=(
            WeightRule("text/(tokens|positions)", rate=0.0),
            WeightRule("(image|text)/", rate=0.1),
        ),
        unpaired=True,
        save_every=500,
        evaluate_every=500,
    ),
)
