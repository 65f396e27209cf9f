"""65,536 pairs a step on 256 chips: a plan for a TPU v5e slice (docs/scale.md).

ViT-B/16 at 224 pixels, 64 title tokens, a fusion transformer of 12 layers, all views, bfloat16. The
loss unit is the paper's, over the whole batch; 256 pairs a chip are encoded in 8 parts.
"""

from dataclasses import replace
from pathlib import Path

from stylejax.config import load_config

base = load_config(Path(__file__).with_name("esspr_base.py"))

config = replace(
    base,
    run_dir="runs/tpu_v5e_256",
    encoder=replace(base.encoder, image=replace(base.encoder.image, depth=12), remat="layers"),
    training=replace(
        base.training,
        batch_size=65_536,
        micro_batches=8,
        steps=20_000,
        learning_rate=1e-3,
        warmup_steps=1_000,
    ),
    evaluation=replace(base.evaluation, batch_size=8_192),
)
