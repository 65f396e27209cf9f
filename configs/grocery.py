"""Real shop photos: 64 grocery products, names from their descriptions, a simulated click log.

Ten minutes on two CPU cores. The positives are photos of other shop visits, so the photo-to-photo
direction has a loss of its own beside photo-to-title.
"""

from stylejax.config import (
    CatalogueColumns,
    Config,
    DataConfig,
    EncoderConfig,
    EvaluationConfig,
    ImageTowerConfig,
    LossConfig,
    PictureConfig,
    TextConfig,
    TrainingConfig,
)

config = Config(
    run_dir="runs/grocery",
    data=DataConfig(
        name="grocery",
        catalogue="listings.csv",
        clicks="clicks_simulated.csv.gz",
        note="Photos, names and descriptions are real; the click log is simulated.",
        columns=CatalogueColumns(group="product_id"),
    ),
    text=TextConfig(vocab_size=1024, max_tokens=16, drop_tokens=0.2),
    picture=PictureConfig(
        size=64,
        later_sizes=(80,),
        later_starts=(0.7,),
        eval_crops=(0.9, 0.7, 0.5),
        eval_mirror=True,
        stored_size=128,
        min_crop=0.15,
        rotation=20.0,
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        erase=0.35,
    ),
    encoder=EncoderConfig(
        dim=192,
        image=ImageTowerConfig(
            stem="conv", patch=4, conv_widths=(64, 96, 192), conv_depths=(0, 2, 2)
        ),
    ),
    loss=LossConfig(
        form="softmax",
        matching=("i-i", "i-t"),
        distinctiveness=(),
        consistency=(),
        pooled=True,
        duplicates="positive",
        scale=10.0,
    ),
    training=TrainingConfig(
        batch_size=64,
        steps=1300,
        optimizer="muon",
        learning_rate=5e-3,
        warmup_steps=120,
        ema=0.985,
        unpaired=True,
        save_every=500,
        evaluate_every=0,
    ),
    evaluation=EvaluationConfig(query_split="val", gallery_split="train"),
)
