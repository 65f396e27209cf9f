"""A whole run: the job, the judgement, and everything together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stylejax.config.data import DataConfig, MiningConfig
from stylejax.config.encoder import EncoderConfig
from stylejax.config.error import require
from stylejax.config.inputs import PictureConfig, TextConfig
from stylejax.config.loss import LossConfig
from stylejax.config.mesh import MeshConfig
from stylejax.config.phases import phases, require_starts
from stylejax.config.rules import NameRule
from stylejax.config.sampling import SamplingConfig

# What a model is judged by while it is trained: by direction and metric.
MARKS = tuple(f"retrieval/{d}/{m}" for d in ("m-m", "i-i", "t-t") for m in ("recall@1", "map@r"))


@dataclass(frozen=True)
class WeightRule(NameRule):
    """How the weights of some names are trained."""

    setting = "training.rules"
    rate: float = 1.0  # factor of the learning rate; 0 = frozen
    decay: float = 1.0  # factor of the weight decay

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("rate", "decay"):
            value = getattr(self, name)
            require(0 <= value < float("inf"), f"training.rules: {name} is {value}; use 0 or more")


@dataclass(frozen=True)
class TrainingConfig:
    """The training job."""

    batch_size: int = 128  # pairs a step, over all devices
    later_batch_sizes: tuple[int, ...] = ()  # pairs a step in later parts of training
    later_batch_starts: tuple[float, ...] = ()  # shares of the steps after which each begins
    micro_batches: int = 1  # parts that a batch is encoded in; the loss still sees it whole
    steps: int = 300  # optimizer steps
    optimizer: Literal["adamw", "lion", "muon"] = "adamw"  # muon: inner matrices, rest by AdamW
    learning_rate: float = 1e-3  # peak of the schedule
    schedule: Literal["cosine", "linear", "constant"] = "cosine"  # of the rate, after the warm-up
    warmup_steps: int = 20  # linear warm-up
    weight_decay: float = 0.05  # of kernels and embeddings; with muon, of the matrices it takes
    rules: tuple[WeightRule, ...] = ()  # the first that matches a weight's name counts for it
    clip_norm: float = 1.0  # gradients are scaled down to this global norm
    beta2: float = 0.98  # AdamW's second moment, Lion's momentum
    ema: float = 0.0  # decay of the averaged weights that are exported; 0 = off
    save_every: int = 100  # steps between checkpoints
    keep: int = 2  # newest checkpoints kept
    keep_every: int = 0  # checkpoints of multiples of so many steps are kept for good; 0 = none
    best: str = ""  # e.g. "retrieval/m-m/recall@1": the checkpoint best by it is kept, and used
    evaluate_every: int = 100  # steps between retrieval evaluations; 0 = only at the end
    unpaired: bool = False  # listings without a partner join in, paired with themselves
    log_every: int = 10  # steps between lines of metrics
    wandb: str = ""  # project at Weights & Biases that metrics are written to as well; "" = none
    bad_steps: Literal["stop", "skip"] = "stop"  # on a loss that is no number, or a spike
    spike: float = 0.0  # a loss of so many times the usual is a spike; 0 = none is
    data_timeout: float = 900.0  # seconds to wait for a batch before the run ends; 0 = for ever

    def __post_init__(self) -> None:
        for name in ("batch_size", "micro_batches", "steps", "save_every", "keep", "log_every"):
            value = getattr(self, name)
            require(value >= 1, f"training.{name} is {value}; use >= 1")
        for name in ("learning_rate", "clip_norm"):
            value = getattr(self, name)
            require(0 < value < float("inf"), f"training.{name} is {value}; use > 0")
        for name in ("weight_decay", "evaluate_every", "keep_every", "data_timeout"):
            value = getattr(self, name)
            require(0 <= value < float("inf"), f"training.{name} is {value}; use 0 or more")
        require(
            self.spike == 0 or 1 < self.spike < float("inf"),
            f"training.spike is {self.spike}; use more than 1 (times the usual loss), or 0",
        )
        require(
            self.keep_every % self.save_every == 0,
            f"training.keep_every {self.keep_every} is no multiple of training.save_every "
            f"{self.save_every}: there would be no such checkpoints; make it one",
        )
        require(
            self.best in ("", *MARKS),
            f'training.best is "{self.best}"; the evaluation on the way gives {", ".join(MARKS)}',
        )
        for name in ("ema", "beta2"):
            value = getattr(self, name)
            require(0 <= value < 1, f"training.{name} is {value}; use [0, 1)")
        names = "training.later_batch_starts", "training.later_batch_sizes"
        require_starts(self.later_batch_starts, self.later_batch_sizes, names)
        for setting, size in self.batch_sizes:
            require(size >= 1, f"{setting} is {size}; use >= 1")
            require(
                size % self.micro_batches == 0,
                f"{setting} {size} cannot be divided into training.micro_batches "
                f"{self.micro_batches}; make it a multiple",
            )
        require(
            0 <= self.warmup_steps < self.steps,
            f"training.warmup_steps {self.warmup_steps} must be below training.steps {self.steps}",
        )

    @property
    def batch_sizes(self) -> list[tuple[str, int]]:
        """The setting and the pairs a step of each part of the training."""
        later = [("training.later_batch_sizes:", size) for size in self.later_batch_sizes]
        return [("training.batch_size", self.batch_size), *later]

    @property
    def largest_batch(self) -> int:
        """Most pairs of any step."""
        return max(size for _, size in self.batch_sizes)

    def phases(self) -> list[tuple[int, int]]:
        """First step and pairs a step of each part of the training."""
        return phases(self.batch_size, self.later_batch_sizes, self.later_batch_starts, self.steps)

    def rule(self, name: str) -> WeightRule:
        """How a weight is trained."""
        return next((rule for rule in self.rules if rule.matches(name)), WeightRule())


@dataclass(frozen=True)
class EvaluationConfig:
    """Offline retrieval evaluation."""

    query_split: str = "test"  # listings that search
    gallery_split: str = "test"  # listings that are found; the query split itself = leave one out
    category_level: int = 1  # levels of the category path that divide the results; 0 = all of them
    batch_size: int = 128  # listings encoded at a time, over all devices

    def __post_init__(self) -> None:
        require(self.batch_size >= 1, f"evaluation.batch_size is {self.batch_size}; use 1 or more")
        level = self.category_level
        require(level >= 0, f"evaluation.category_level is {level}; use 0 or more")


@dataclass(frozen=True)
class Config:
    """A run: data in, pairs, encoder, vectors and numbers out."""

    run_dir: str = "runs/run"  # everything the run writes
    seed: int = 0  # of weights, batches and augmentation
    data: DataConfig = DataConfig()  # listings, pictures and clicks
    mining: MiningConfig = MiningConfig()  # clicks to pairs
    sampling: SamplingConfig = SamplingConfig()  # pairs to batches
    text: TextConfig = TextConfig()  # titles to tokens
    picture: PictureConfig = PictureConfig()  # pictures to pixels
    encoder: EncoderConfig = EncoderConfig()  # the model
    loss: LossConfig = LossConfig()  # the loss unit
    training: TrainingConfig = TrainingConfig()  # the job
    mesh: MeshConfig = MeshConfig()  # the devices
    evaluation: EvaluationConfig = EvaluationConfig()  # the judgement

    def __post_init__(self) -> None:
        picture = self.picture
        self.encoder.image.check_side(picture.size, "picture.size")
        for side in picture.later_sizes:
            self.encoder.image.check_side(side, "picture.later_sizes:")
        if picture.eval_size:
            self.encoder.image.check_side(picture.eval_size, "picture.eval_size")
        require(
            self.encoder.pictures == "mean" or picture.per_listing > 1,
            f'encoder.pictures is "{self.encoder.pictures}", but picture.per_listing is '
            f"{picture.per_listing}: there is nothing to choose from",
        )
        require(
            max(self.loss.prefixes, default=0) < self.encoder.dim,
            f"loss.prefixes is {self.loss.prefixes}; each is to be shorter than encoder.dim "
            f"{self.encoder.dim}",
        )
        for _, size in self.training.batch_sizes:
            self.sampling.batch_rows(size)
        require(
            self.loss.memory == 0 or not self.training.later_batch_sizes,
            "loss.memory remembers batches of one size; leave training.later_batch_sizes empty",
        )

    @property
    def pictures_read(self) -> tuple[bool, bool]:
        """Whether training reads the pictures of the left and of the right listings.

        The loss reads some views of each; words may be chosen by the picture, though.
        """
        guided = self.encoder.prune > 0 and self.encoder.prune_by == "image"
        left, right = (bool(views & {"m", "i"}) or guided for views in self.loss.views)
        return left, right
