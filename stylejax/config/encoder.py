"""The model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stylejax.config.error import require

Remat = Literal["none", "elementwise", "attention", "layers"]


@dataclass(frozen=True)
class TransformerConfig:
    """A stack of transformer layers of one shape."""

    depth: int = 0  # layers; 0 = none
    width: int = 192  # channels
    heads: int = 6  # attention heads
    hidden: int = 768  # hidden channels of the MLP
    activation: Literal["gelu_tanh", "gelu", "quick_gelu"] = "gelu_tanh"  # of the MLP
    norm: Literal["pre", "post"] = "pre"  # before attention and MLP, or after their residuals
    epsilon: float = 1e-6  # added to the variance that a layer norm divides by
    layer_scale: bool = False  # learned factor a channel on attention and MLP (CaiT, DINOv2)
    weights: str = ""  # pretrained folder or hub name they start from (docs/pretrained.md)

    def check(self, name: str) -> None:
        """Raises ConfigError with the field's full name, of which `name` is the front."""
        for field in ("width", "heads", "hidden"):
            value = getattr(self, field)
            require(value >= 1, f"{name}.{field} is {value}; use >= 1")
        require(self.depth >= 0, f"{name}.depth is {self.depth}; use >= 0")
        require(self.epsilon > 0, f"{name}.epsilon is {self.epsilon}; use > 0")
        require(
            not self.attends or self.width % self.heads == 0,
            f"{name}.width {self.width} is not divisible by {name}.heads {self.heads}",
        )

    @property
    def attends(self) -> bool:
        """Whether there is anything that has heads."""
        return self.depth > 0


@dataclass(frozen=True)
class ImageTowerConfig(TransformerConfig):
    """Pictures to tokens, and transformer layers over them."""

    stem: Literal["patch", "conv"] = "patch"  # linear patches or residual convolutions
    patch: int = 16  # side in pixels of a patch (of the first layer's patch for the conv stem)
    conv_widths: tuple[int, ...] = (64, 128, 256)  # conv stem: channels a stage, each halves sides
    conv_depths: tuple[int, ...] = (1, 2, 2)  # conv stem: residual blocks a stage
    pixel_mean: tuple[float, float, float] = (0.5, 0.5, 0.5)  # taken off red, green, blue in [0, 1]
    pixel_std: tuple[float, float, float] = (0.25, 0.25, 0.25)  # and that is divided by: unit size
    class_token: bool = False  # a learned token before the patches
    registers: int = 0  # learned tokens after the class token, never read out (DINOv2)
    input_norm: bool = False  # layer norm before the first layer (CLIP)
    pool: Literal["mean", "class", "attention"] = "mean"  # tokens to a vector at fusion depth 0
    head: Literal["linear", "affine", "none"] = "linear"  # that vector to the product's

    def check(self, name: str) -> None:
        """Raises ConfigError for values that do not go together."""
        super().check(name)
        require(self.patch >= 1, f"{name}.patch is {self.patch}; use >= 1")
        require(
            len(self.conv_widths) == len(self.conv_depths),
            f"{name}.conv_widths {self.conv_widths} and {name}.conv_depths {self.conv_depths} "
            "must have one entry a stage",
        )
        require(
            bool(self.conv_widths) and all(width >= 1 for width in self.conv_widths),
            f"{name}.conv_widths is {self.conv_widths}; give one stage at least, each width >= 1",
        )
        require(
            all(depth >= 0 for depth in self.conv_depths),
            f"{name}.conv_depths is {self.conv_depths}; use >= 0",
        )
        require(
            all(std > 0 for std in self.pixel_std),
            f"{name}.pixel_std is {self.pixel_std}; use three numbers > 0",
        )
        require(self.registers >= 0, f"{name}.registers is {self.registers}; use >= 0")
        require(
            self.pool != "class" or self.class_token,
            f'{name}.pool is "class", but {name}.class_token is False',
        )

    @property
    def attends(self) -> bool:
        """Whether there is anything that has heads."""
        return self.depth > 0 or self.pool == "attention"

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


@dataclass(frozen=True)
class TextTowerConfig(TransformerConfig):
    """Tokens of a text, and transformer layers over them."""

    causal: bool = False  # a token sees those before it only (CLIP)
    input_norm: bool = False  # layer norm before the first layer (BERT)
    padding: Literal["masked", "attended"] = "masked"  # attended: SigLIP was trained that way
    pool: Literal["mean", "first", "last"] = "mean"  # tokens to a vector at fusion depth 0
    head: Literal["linear", "affine", "none"] = "linear"  # that vector to the product's


@dataclass(frozen=True)
class EncoderConfig:
    """One encoder, three depths: image tower -> text tower -> fusion -> projection."""

    dim: int = 128  # length of a product vector
    image: ImageTowerConfig = ImageTowerConfig()  # pictures
    text: TextTowerConfig = TextTowerConfig()  # titles
    fusion: TransformerConfig = TransformerConfig()  # both; depth 0 = m is a mean of i and t
    late_fusion: Literal["mean", "gated"] = "mean"  # at fusion depth 0: equal or learned weights
    pictures: Literal["mean", "attention"] = "mean"  # of one listing to one vector, without fusion
    prune: float = 0.0  # share of a title's tokens, the least telling, unread while training
    prune_by: Literal["text", "image"] = "image"  # told by likeness to the title, to the picture
    compute_dtype: Literal["float32", "bfloat16"] = "float32"  # of activations; weights: float32
    remat: Remat = "elementwise"  # what the backward pass computes again instead of keeping it
    attention: Literal["auto", "xla"] = "auto"  # kernel: cuDNN's on NVIDIA GPUs in bfloat16, XLA's

    def __post_init__(self) -> None:
        require(self.dim >= 1, f"encoder.dim is {self.dim}; use >= 1")
        require(
            self.pictures == "mean" or self.fusion.depth == 0,
            f'encoder.pictures is "{self.pictures}", but a fusion transformer (encoder.fusion.'
            f"depth {self.fusion.depth}) reads the tokens of all pictures; leave it out",
        )
        require(0 <= self.prune < 1, f"encoder.prune is {self.prune}; use [0, 1)")
        require(
            self.prune == 0 or self.fusion.depth > 0 or self.text.pool == "mean",
            f"encoder.prune is {self.prune}, which needs a fusion transformer or encoder.text.pool "
            f'"mean"; here the pool is "{self.text.pool}"',
        )
        require(
            self.prune == 0 or self.text.padding == "masked",
            f'encoder.prune is {self.prune}, but encoder.text.padding is "{self.text.padding}": '
            "padding would be read as words are; leave encoder.prune at 0",
        )
        require(
            self.late_fusion == "mean" or self.fusion.depth == 0,
            f'encoder.late_fusion is "{self.late_fusion}", but a fusion transformer (encoder.fusion'
            f".depth {self.fusion.depth}) makes the vector of both; leave it out",
        )
        for name in ("image", "text", "fusion"):
            getattr(self, name).check(f"encoder.{name}")
        for name, tower in (("image", self.image), ("text", self.text)):
            require(
                self.fusion.depth > 0 or tower.head != "none" or tower.width == self.dim,
                f'encoder.{name}.head is "none", but its width {tower.width} is not encoder.dim '
                f"{self.dim}",
            )
