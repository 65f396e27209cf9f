"""The reference system's setup, as far as it is published: eSSPR, WWW 2023, arXiv 2302.05093.

Published: one single-stream transformer over title tokens and picture patches, four views of a
pair, the loss unit PPM + PDC + PLC in hinge form with k = 10. Not published, and chosen here:
BERT-base's size, patches of 16 at 224 pixels, 256 numbers a vector, margins and weights (those of a
successor by the same team), batch size, optimizer and schedule.

Its data set is what `stylejax build --dataset esspr` writes (docs/your_catalogue.md): --data.root
names that folder, and its pairs.parquet belongs into the run's folder.
"""

from stylejax.config import (
    Config,
    DataConfig,
    EncoderConfig,
    EvaluationConfig,
    ImageTowerConfig,
    LossConfig,
    PictureConfig,
    TextConfig,
    TextTowerConfig,
    TrainingConfig,
    TransformerConfig,
)

config = Config(
    run_dir="runs/esspr_base",
    data=DataConfig(name="esspr", catalogue="listings.parquet", clicks=""),
    text=TextConfig(vocab_size=30_000, max_tokens=64),
    picture=PictureConfig(size=224, stored_size=256),
    encoder=EncoderConfig(
        dim=256,
        image=ImageTowerConfig(width=768, heads=12, hidden=3072, patch=16),
        text=TextTowerConfig(width=768, heads=12, hidden=3072),
        fusion=TransformerConfig(depth=12, width=768, heads=12, hidden=3072),
        compute_dtype="bfloat16",
    ),
    loss=LossConfig(form="hinge", pooled=False),
    training=TrainingConfig(
        batch_size=4096,
        steps=100_000,
        learning_rate=5e-4,
        warmup_steps=2_000,
        save_every=1_000,
        keep=3,
        evaluate_every=5_000,
        log_every=50,
    ),
    evaluation=EvaluationConfig(query_split="eval", gallery_split="eval", batch_size=512),
)
