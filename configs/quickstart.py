"""The demo: the built-in simulated catalogue, a small encoder, minutes on two CPU cores."""

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
)

config = Config(
    run_dir="runs/demo",
    data=DataConfig(
        note="Everything here is simulated: a program drew the pictures, wrote the titles and "
        "clicked. The numbers tell whether the system works, not how well it would serve a shop."
    ),
    text=TextConfig(vocab_size=1024, max_tokens=24, drop_tokens=0.1),
    picture=PictureConfig(size=64, stored_size=96, min_crop=0.4),
    encoder=EncoderConfig(
        dim=128,
        image=ImageTowerConfig(
            stem="conv", patch=4, conv_widths=(64, 128, 256), conv_depths=(0, 2, 2)
        ),
        text=TextTowerConfig(depth=2),
        late_fusion="gated",
    ),
    loss=LossConfig(
        form="softmax",
        matching=("m-m", "t-m", "i-m", "i-i", "t-t"),
        distinctiveness=(),
        consistency=(),
        pooled=True,
        duplicates="positive",
        scale=10.0,
    ),
    training=TrainingConfig(
        batch_size=64,
        steps=400,
        optimizer="muon",
        learning_rate=4e-3,
        warmup_steps=40,
        ema=0.98,
        save_every=200,
        evaluate_every=100,
    ),
    evaluation=EvaluationConfig(query_split="test", gallery_split="test"),
)
