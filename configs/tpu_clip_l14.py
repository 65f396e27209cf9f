"""4,194,304 pairs a step: CLIP's ViT-L/14 and text tower, planned for TPU v5p (docs/scale.md).

The batch of Inf-CL's record (arXiv 2410.17243). The left listings' photos search the right ones'
titles, as CLIP does; the gradient cache encodes a batch in parts.
"""

from stylejax.config import (
    Config,
    DataConfig,
    EncoderConfig,
    ImageTowerConfig,
    LossConfig,
    PictureConfig,
    TextConfig,
    TextTowerConfig,
    TrainingConfig,
)

config = Config(
    run_dir="runs/tpu_clip_l14",
    data=DataConfig(catalogue="listings.parquet", clicks=""),
    text=TextConfig(vocab_size=49_408, max_tokens=77),
    picture=PictureConfig(size=224, stored_size=256),
    encoder=EncoderConfig(
        dim=768,
        image=ImageTowerConfig(
            depth=24,
            width=1024,
            heads=16,
            hidden=4096,
            patch=14,
            class_token=True,
            input_norm=True,
            pool="class",
            activation="quick_gelu",
        ),
        text=TextTowerConfig(
            depth=12,
            width=768,
            heads=12,
            hidden=3072,
            causal=True,
            pool="last",
            activation="quick_gelu",
        ),
        compute_dtype="bfloat16",
        remat="layers",
    ),
    loss=LossConfig(
        form="softmax", matching=("i-t",), distinctiveness=(), consistency=(), pooled=False
    ),
    training=TrainingConfig(
        batch_size=4_194_304,
        micro_batches=512,
        steps=5_000,
        learning_rate=5e-4,
        warmup_steps=500,
        weight_decay=0.2,
    ),
)
