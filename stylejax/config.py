"""Every setting of a run, as frozen dataclasses with one comment a field.

A recipe in ``configs/`` is a Python file that defines ``config = Config(...)``. The command line
overrides single fields (``--training.steps 100``); the run keeps the result as ``config.json``.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

View = Literal["m", "t", "i"]
VIEWS: tuple[View, ...] = ("m", "t", "i")


class ConfigError(ValueError):
    """A setting, a file or a column that cannot be used; the message names the fix."""


def _check(ok: bool, message: str) -> None:
    if not ok:
        raise ConfigError(message)


def parse_direction(direction: str) -> tuple[str, str]:
    """Splits ``"t-m"`` into query view and target view.

    Raises:
      ConfigError: when the text is not two of i, t, m joined by a hyphen.
    """
    query, _, target = direction.partition("-")
    _check(
        query in VIEWS and target in VIEWS,
        f"direction {direction!r} is not of the form QUERY-TARGET with views i, t, m, e.g. 't-m'",
    )
    return query, target


@dataclass(frozen=True)
class SyntheticConfig:
    """What to simulate; equal settings give equal bytes.

    Raises:
        ConfigError: a setting is out of range; the message names the value and the fix.
    """

    products: int = 700  # distinct products, 3 to 8 listings each; words end near 240,000
    unseen_share: float = 0.25  # share of products kept wholly for split "test"
    sessions: int = 20_000  # shopping sessions in the click log, 1 to 2 searches each
    suppliers: int = 48  # sellers, each with its own photo studio and way of writing titles
    image_size: int = 112  # pixels of a stored photo's longer side
    seed: int = 0  # the same seed and settings always give the same catalogue
    title_missing: float = 0.03  # share of listings without a title
    picture_missing: float = 0.02  # share of listings without a picture
    attribute_missing: float = 0.04  # chance that a supplier leaves out an attribute it could state
    attribute_wrong: float = 0.02  # chance that a supplier states a wrong value
    keyword_stuffing: float = 0.35  # share of suppliers that pad titles with sales words
    stray_clicks: float = 0.01  # chance of a click on a result whatever it shows
    position_bias: float = 0.25  # how fast attention falls: 1 / (1 + bias * (position - 1))
    popularity_skew: float = 0.7  # Zipf exponent of demand over products; 0 is even demand
    relevance_noise: float = 0.12  # standard deviation of the search engine's relevance score

    def __post_init__(self) -> None:
        """Check every range."""
        least = {"products": 1, "sessions": 0, "suppliers": 8, "image_size": 32, "seed": 0}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in least:
                if isinstance(value, bool) or not isinstance(value, int):
                    raise ConfigError(f"{field.name}={value!r} is not a whole number: pass an int")
                if value < least[field.name]:
                    raise ConfigError(
                        f"{field.name}={value} is too small: use {least[field.name]} or more"
                    )
            elif field.name in ("position_bias", "popularity_skew", "relevance_noise"):
                if not 0 <= value < float("inf"):
                    raise ConfigError(
                        f"{field.name}={value} is negative or infinite: use 0 or more"
                    )
            elif not 0 <= value <= 1:
                raise ConfigError(
                    f"{field.name}={value} is no share: use a value from 0 to 1, such as "
                    f"{field.default}"
                )
        if self.title_missing + self.picture_missing > 1:
            raise ConfigError(
                f"title_missing={self.title_missing} and picture_missing={self.picture_missing} "
                "add up to more than 1, but a listing keeps at least one of the two: lower one"
            )


@dataclass(frozen=True)
class CatalogueColumns:
    """Names of the catalogue's columns; an empty name = the catalogue has no such column."""

    item_id: str = "item_id"  # one listing, unique
    title: str = "title"  # the listing's text; may be empty
    image: str = "image"  # path of the listing's picture; may be empty
    category_path: str = "category_path"  # from broad to narrow, levels divided by " > "
    split: str = "split"  # name of the part a listing belongs to; empty = everything is train
    group: str = "group"  # the true product, for evaluation only; never read for mining or training


@dataclass(frozen=True)
class ClickColumns:
    """Names of the click log's columns."""

    query: str = "query"  # what the shopper typed
    item_id: str = "item_id"  # the listing shown
    clicked: str = "clicked"  # 1 when the shopper clicked it, 0 when it was only shown
    relevance: str = "relevance"  # the engine's score of listing and query, in [0, 1]; may be ""


@dataclass(frozen=True)
class DataConfig:
    """Where listings, pictures and clicks are."""

    name: str = "synthetic"  # folder below $STYLEJAX_DATA; "synthetic" = the built-in catalogue
    root: str = ""  # folder of the data set; empty = $STYLEJAX_DATA/<name>
    catalogue: str = "catalogue.parquet"  # listings: .parquet, .csv, .csv.gz or .jsonl, below root
    clicks: str = "clicks.parquet"  # click log: same formats, below root
    images: str = ""  # folder that picture paths start from, below root; empty = root
    train_split: str = "train"  # listings that are trained on
    note: str = ""  # what of the data is simulated, in a sentence; reports print it
    columns: CatalogueColumns = CatalogueColumns()  # column mapping of the catalogue
    click_columns: ClickColumns = ClickColumns()  # column mapping of the click log
    synthetic: SyntheticConfig = SyntheticConfig()  # the built-in catalogue, when it is used


@dataclass(frozen=True)
class MiningConfig:
    """From clicks to same-style pairs; see docs/mining.md."""

    category_level: int = 0  # levels of the category path a pair must share; 0 = the whole path
    min_relevance: float = 0.8  # mean relevance of a listing over all its showings for a query
    min_clicks: int = 1  # clicks of a listing under a query before it counts as evidence
    min_support: int = 2  # distinct queries under which both listings were clicked
    max_items_per_query: int = 200  # strongest listings kept for a query: bounds pairs per query
    max_pairs_per_item: int = 100  # strongest pairs kept for a listing: tames bestsellers

    def __post_init__(self) -> None:
        _check(
            self.category_level >= 0, f"mining.category_level is {self.category_level}; use >= 0"
        )
        _check(
            0 <= self.min_relevance <= 1,
            f"mining.min_relevance is {self.min_relevance}; use a number in [0, 1]",
        )
        for name in ("min_clicks", "min_support", "max_pairs_per_item"):
            _check(getattr(self, name) >= 1, f"mining.{name} is {getattr(self, name)}; use >= 1")
        _check(
            self.max_items_per_query >= 2,
            f"mining.max_items_per_query is {self.max_items_per_query}; a pair needs >= 2",
        )


@dataclass(frozen=True)
class TextConfig:
    """Titles to tokens."""

    vocab_size: int = 2048  # size of the WordPiece vocabulary trained on the train split's titles
    max_tokens: int = 32  # tokens a title, [CLS] included; longer titles are cut
    drop_tokens: float = 0.0  # share of a training title's tokens dropped at random

    def __post_init__(self) -> None:
        _check(self.max_tokens >= 2, f"text.max_tokens is {self.max_tokens}; use 2 or more")
        _check(self.vocab_size >= 4, f"text.vocab_size is {self.vocab_size}; use 4 or more")
        _check(0 <= self.drop_tokens < 1, f"text.drop_tokens is {self.drop_tokens}; use [0, 1)")


@dataclass(frozen=True)
class PictureConfig:
    """Pictures to pixels, and what training may do to them."""

    size: int = 96  # side in pixels of the square the encoder is trained on
    late_size: int = (
        0  # side in the last part of training, where detail is worth its cost; 0 = size
    )
    late_start: float = 0.75  # share of the steps after which the late size is used
    eval_size: int = 0  # side that export, evaluation and search encode; 0 = size
    eval_crops: tuple[float, ...] = (1.0,)  # they average centre crops of these shares of the side
    eval_mirror: bool = False  # they average the mirrored picture in as well
    stored_size: int = 128  # side pictures are resized to when read; training crops from it
    cache_mib: int = 2048  # memory for decoded pictures; what does not fit is decoded again
    min_crop: float = 0.3  # smallest share of the picture's area a training crop keeps
    max_aspect: float = 1.33  # most a crop's sides may be stretched against each other
    flip: bool = True  # mirror half of the training pictures
    rotation: float = 15.0  # training pictures turn by up to so many degrees
    brightness: float = 0.3  # training pictures' light changes by up to this factor
    contrast: float = 0.3  # likewise contrast
    saturation: float = 0.3  # likewise colourfulness
    erase: float = 0.0  # share of training pictures with a grey rectangle over a part

    def __post_init__(self) -> None:
        for name in ("size", "stored_size"):
            _check(getattr(self, name) >= 1, f"picture.{name} is {getattr(self, name)}; use >= 1")
        _check(0 < self.min_crop <= 1, f"picture.min_crop is {self.min_crop}; use (0, 1]")
        _check(self.max_aspect >= 1, f"picture.max_aspect is {self.max_aspect}; use >= 1")
        for name in ("late_start", "erase"):
            value = getattr(self, name)
            _check(0 <= value <= 1, f"picture.{name} is {value}; use a share in [0, 1]")
        _check(
            bool(self.eval_crops) and all(0 < share <= 1 for share in self.eval_crops),
            f"picture.eval_crops is {self.eval_crops}; give shares in (0, 1], such as 1.0 0.8",
        )

    @property
    def read_size(self) -> int:
        """Side in pixels that pictures to be encoded are read at: the smallest crop is exact."""
        return round((self.eval_size or self.size) / min(self.eval_crops))


@dataclass(frozen=True)
class EncoderConfig:
    """One encoder, three depths: image tower -> text tower -> fusion -> projection."""

    dim: int = 128  # length of a product vector
    width: int = 192  # channels of the text tower and the fusion transformer
    heads: int = 6  # attention heads
    mlp_ratio: int = 4  # hidden width of a transformer's MLP over its width
    image_depth: int = 0  # transformer layers over picture tokens alone
    text_depth: int = 0  # transformer layers over title tokens alone
    fusion_depth: int = 0  # transformer layers over both; 0 = m is the normalised mean of i and t
    stem: Literal["patch", "conv"] = "patch"  # pictures to tokens: linear patches or residual convs
    patch: int = 16  # side in pixels of a patch (of the first layer's patch for the conv stem)
    conv_widths: tuple[int, ...] = (
        64,
        128,
        256,
    )  # conv stem: channels a stage, each halves the side
    conv_depths: tuple[int, ...] = (1, 2, 2)  # conv stem: residual blocks a stage
    compute_dtype: Literal["float32", "bfloat16"] = (
        "float32"  # of activations; weights stay float32
    )

    def __post_init__(self) -> None:
        for name in ("dim", "width", "heads", "mlp_ratio", "patch"):
            _check(getattr(self, name) >= 1, f"encoder.{name} is {getattr(self, name)}; use >= 1")
        _check(
            self.width % self.heads == 0,
            f"encoder.width {self.width} is not divisible by encoder.heads {self.heads}",
        )
        _check(
            len(self.conv_widths) == len(self.conv_depths),
            f"encoder.conv_widths {self.conv_widths} and encoder.conv_depths {self.conv_depths} "
            "must have one entry a stage",
        )
        for name in ("image_depth", "text_depth", "fusion_depth"):
            _check(getattr(self, name) >= 0, f"encoder.{name} is {getattr(self, name)}; use >= 0")

    @property
    def stride(self) -> int:
        """Side in pixels of the square that becomes one picture token."""
        return self.patch * 2 ** (len(self.conv_widths) - 1) if self.stem == "conv" else self.patch

    def check_side(self, side: int, name: str) -> None:
        """Raises ConfigError when pictures of a side do not divide into tokens."""
        _check(
            side > 0 and side % self.stride == 0,
            f"{name} {side} is not a multiple of the stem's stride {self.stride}; try "
            f"{max(1, side // self.stride) * self.stride}",
        )


@dataclass(frozen=True)
class LossConfig:
    """The contrastive loss unit; see docs/losses.md.

    The reference publishes no margins and no weights: the defaults are those of a successor by the
    same team (weights are divided by their sum).
    """

    form: Literal["hinge", "softmax", "sigmoid"] = "hinge"  # of matching and distinctiveness
    matching: tuple[str, ...] = ("m-m", "t-m", "i-m")  # PPM: left view - right view
    distinctiveness: tuple[str, ...] = ("t-m", "i-m")  # PDC: left view - left view
    consistency: tuple[str, ...] = ("t", "i")  # PLC: left views that must see m's neighbourhood
    pooled: bool = False  # PPM over both sides at once: 2B queries, each against all other listings
    matching_weight: float = 0.8  # weight of the mean over the PPM parts
    distinctiveness_weight: float = 0.5  # weight of the mean over the PDC parts
    consistency_weight: float = 0.5  # weight of the mean over the PLC parts
    matching_margin: float = 0.3  # hinge form: margin of PPM
    distinctiveness_margin: float = 0.2  # hinge form: margin of PDC
    consistency_tolerance: float = 0.05  # squared difference of cosines that PLC forgives
    consistency_k: int = 10  # neighbours that PLC compares
    duplicates: Literal["exclude", "positive"] = "exclude"  # softmax, sigmoid: same-group columns
    scale: float = 20.0  # softmax, sigmoid: inverse temperature at the start
    bias: float = -10.0  # sigmoid: bias at the start
    learn_scale: bool = True  # softmax, sigmoid: train scale and bias

    def __post_init__(self) -> None:
        for name in ("matching", "distinctiveness"):
            for direction in getattr(self, name):
                parse_direction(direction)
        for view in self.consistency:
            _check(view in ("t", "i"), f"loss.consistency has {view!r}; use t or i")
        _check(
            bool(self.matching or self.distinctiveness or self.consistency),
            "loss has no part at all: give loss.matching at least one direction such as m-m",
        )
        _check(self.scale > 0, f"loss.scale is {self.scale}; use > 0")
        _check(self.consistency_k >= 1, f"loss.consistency_k is {self.consistency_k}; use >= 1")


@dataclass(frozen=True)
class TrainingConfig:
    """The training job."""

    batch_size: int = 128  # pairs a step, over all devices
    steps: int = 300  # optimizer steps
    optimizer: Literal["adamw", "muon"] = "adamw"  # muon: inner matrices by Muon, rest by AdamW
    learning_rate: float = 1e-3  # peak of the cosine schedule
    warmup_steps: int = 20  # linear warm-up
    weight_decay: float = 0.05  # of kernels and embeddings; with muon, of the matrices it takes
    clip_norm: float = 1.0  # gradients are scaled down to this global norm
    beta2: float = 0.98  # AdamW second moment
    ema: float = 0.0  # decay of the averaged weights that are exported; 0 = off
    save_every: int = 100  # steps between checkpoints
    keep: int = 2  # newest checkpoints kept
    evaluate_every: int = 100  # steps between retrieval evaluations; 0 = only at the end
    unpaired: bool = False  # listings without a partner join in, paired with themselves
    log_every: int = 10  # steps between lines of metrics
    devices: int = 0  # devices of the mesh; 0 = all

    def __post_init__(self) -> None:
        for name in ("batch_size", "steps", "save_every", "keep", "log_every"):
            value = getattr(self, name)
            _check(value >= 1, f"training.{name} is {value}; use >= 1")
        _check(0 <= self.ema < 1, f"training.ema is {self.ema}; use [0, 1)")
        _check(
            0 <= self.warmup_steps < self.steps,
            f"training.warmup_steps {self.warmup_steps} must be below training.steps {self.steps}",
        )


@dataclass(frozen=True)
class EvaluationConfig:
    """Offline retrieval evaluation."""

    query_split: str = "test"  # listings that search
    gallery_split: str = "test"  # listings that are found; the query split itself = leave one out
    category_level: int = 1  # levels of the category path that results are broken down by
    batch_size: int = 128  # listings encoded at a time, over all devices

    def __post_init__(self) -> None:
        _check(self.batch_size >= 1, f"evaluation.batch_size is {self.batch_size}; use 1 or more")


@dataclass(frozen=True)
class Config:
    """A run: data in, pairs, encoder, vectors and numbers out."""

    run_dir: str = "runs/run"  # everything the run writes
    seed: int = 0  # of weights, batches and augmentation
    data: DataConfig = DataConfig()  # listings, pictures and clicks
    mining: MiningConfig = MiningConfig()  # clicks to pairs
    text: TextConfig = TextConfig()  # titles to tokens
    picture: PictureConfig = PictureConfig()  # pictures to pixels
    encoder: EncoderConfig = EncoderConfig()  # the model
    loss: LossConfig = LossConfig()  # the loss unit
    training: TrainingConfig = TrainingConfig()  # the job
    evaluation: EvaluationConfig = EvaluationConfig()  # the judgement

    def __post_init__(self) -> None:
        for name in ("size", "late_size", "eval_size"):
            side = getattr(self.picture, name)
            if side or name == "size":
                self.encoder.check_side(side, f"picture.{name}")


def load_config(path: str | os.PathLike[str]) -> Config:
    """Runs a recipe file and returns its `config`.

    Raises:
      ConfigError: when the file is missing or defines no `config` of type `Config`.
    """
    path = Path(path)
    _check(path.is_file(), f"no recipe {path}; the ones that come along are in configs/")
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is no Python file; a recipe defines config = Config(...)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ConfigError:
        raise
    except Exception as error:  # whatever a recipe's Python may raise
        raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error
    config = getattr(module, "config", None)
    if not isinstance(config, Config):
        raise ConfigError(f"{path} defines no `config = Config(...)`")
    return config


def override(config: Config, arguments: list[str], prog: str) -> Config:
    """Applies ``--field.subfield value`` arguments; prints help or an error like argparse.

    Raises:
      SystemExit: 2 on an unknown field or a wrong type, naming the nearest field.
    """
    import tyro

    return tyro.cli(Config, default=config, args=arguments, prog=prog)


def to_json(config: Config) -> str:
    """The config as indented JSON."""
    return json.dumps(dataclasses.asdict(config), indent=1) + "\n"


def from_json(text: str) -> Config:
    """The config that `to_json` wrote.

    Raises:
      ConfigError: naming every field that is unknown or has a value of the wrong type.
    """
    import cattrs

    converter = cattrs.Converter(forbid_extra_keys=True)
    try:
        values = json.loads(text)
        _check(isinstance(values, dict), "config.json does not fit this version: it is no object")
        return converter.structure(values, Config)
    except (cattrs.BaseValidationError, json.JSONDecodeError) as error:
        lines = (
            cattrs.transform_error(error)
            if isinstance(error, cattrs.BaseValidationError)
            else [str(error)]
        )
        raise ConfigError("config.json does not fit this version: " + "; ".join(lines)) from error


def differences(old: Config, new: Config) -> list[str]:
    """Lines ``field: old -> new`` for every setting that differs."""

    def walk(a: Any, b: Any, name: str) -> list[str]:
        if isinstance(a, dict):
            return [line for key in a for line in walk(a[key], b[key], f"{name}.{key}".strip("."))]
        return [] if a == b else [f"{name}: {a} -> {b}"]

    return walk(dataclasses.asdict(old), dataclasses.asdict(new), "")
