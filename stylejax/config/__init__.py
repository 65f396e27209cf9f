"""Every setting of a run, as frozen dataclasses with one comment a field.

A recipe in ``configs/`` is a Python file that defines ``config = Config(...)``. The command line
overrides single fields (``--training.steps 100``); the run keeps the result as ``config.json``.
"""

from stylejax.config.data import (
    CatalogueColumns,
    ClickColumns,
    DataConfig,
    MiningConfig,
    SyntheticConfig,
)
from stylejax.config.encoder import (
    EncoderConfig,
    ImageTowerConfig,
    TextTowerConfig,
    TransformerConfig,
)
from stylejax.config.error import ConfigError
from stylejax.config.files import differences, from_json, load_config, override, to_json
from stylejax.config.inputs import PictureConfig, TextConfig
from stylejax.config.loss import VIEWS, Duplicates, LossConfig, View, parse_direction
from stylejax.config.mesh import MeshConfig, ShardingRule
from stylejax.config.near import NearConfig
from stylejax.config.phases import phase_at
from stylejax.config.rules import require_matches
from stylejax.config.run import MARKS, Config, EvaluationConfig, TrainingConfig, WeightRule
from stylejax.config.sampling import FurtherData, SamplingConfig

__all__ = [
    "MARKS",
    "VIEWS",
    "CatalogueColumns",
    "ClickColumns",
    "Config",
    "ConfigError",
    "DataConfig",
    "Duplicates",
    "EncoderConfig",
    "EvaluationConfig",
    "FurtherData",
    "ImageTowerConfig",
    "LossConfig",
    "MeshConfig",
    "MiningConfig",
    "NearConfig",
    "PictureConfig",
    "SamplingConfig",
    "ShardingRule",
    "SyntheticConfig",
    "TextConfig",
    "TextTowerConfig",
    "TrainingConfig",
    "TransformerConfig",
    "View",
    "WeightRule",
    "differences",
    "from_json",
    "load_config",
    "override",
    "parse_direction",
    "phase_at",
    "require_matches",
    "to_json",
]
