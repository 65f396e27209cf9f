"""The model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stylejax.config.error import require


@dataclass(frozen=True)
class EncoderConfig:
    """One encoder, three depths: image tower -> text tower -> fusion -> projection."""

    dim: int = 128  # length of a product vector
    width: int = 192  # channels of the text tower and the fusion transformer
    heads: int = 6  # attention heads
    mlp_ratio: int = 4  # hidden width of a transformer's MLP over its width
    image_depth: int = 0  # transformer layers over picture tokens alone
    text_depth: int = 0  # transformer layers over title tokens alone
    fusion_depth: int = 0  # transformer layers over both; 0 = m is a mean of i and t
    late_fusion: Literal["mean", "gated"] = "mean"  # at fusion depth 0: equal or learned weights
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
            require(getattr(self, name) >= 1, f"encoder.{name} is {getattr(self, name)}; use >= 1")
        require(
            self.width % self.heads == 0,
            f"encoder.width {self.width} is not divisible by encoder.heads {self.heads}",
        )
        require(
            len(self.conv_widths) == len(self.conv_depths),
            f"encoder.conv_widths {self.conv_widths} and encoder.conv_depths {self.conv_depths} "
            "must have one entry a stage",
        )
        require(
            bool(self.conv_widths) and all(width >= 1 for width in self.conv_widths),
            f"encoder.conv_widths is {self.conv_widths}; give one stage at least, each width >= 1",
        )
        require(
            all(depth >= 0 for depth in self.conv_depths),
            f"encoder.conv_depths is {self.conv_depths}; use >= 0",
        )
        for name in ("image_depth", "text_depth", "fusion_depth"):
            require(getattr(self, name) >= 0, f"encoder.{name} is {getattr(self, name)}; use >= 0")

    @property
    def stride(self) -> int:
        """Side in pixels of the square that becomes one picture token."""
        return self.patch * 2 ** (len(self.conv_widths) - 1) if self.stem == "conv" else self.patch

    def check_side(self, side: int, name: str) -> None:
        """Raises ConfigError when pictures of a side do not divide into tokens."""
        require(
            side > 0 and side % self.stride == 0,
            f"{name} {side} is not a multiple of the stem's stride {self.stride}; try "
            f"{max(1, side // self.stride) * self.stride}",
        )
