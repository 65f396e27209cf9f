"""The loss unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from stylejax.config.error import require

View = Literal["m", "t", "i"]
VIEWS: tuple[View, ...] = ("m", "t", "i")
Form = Literal["hinge", "softmax", "sigmoid"]
Duplicates = Literal["exclude", "positive"]


def parse_direction(direction: str) -> tuple[str, str]:
    """Splits ``"t-m"`` into query view and target view.

    Raises:
      ConfigError: when the text is not two of i, t, m joined by a hyphen.
    """
    query, _, target = direction.partition("-")
    require(
        query in VIEWS and target in VIEWS,
        f"direction {direction!r} is not of the form QUERY-TARGET with views i, t, m, e.g. 't-m'",
    )
    return query, target


@dataclass(frozen=True)
class LossConfig:
    """The contrastive loss unit; see docs/losses.md.

    Form and pooling are those that were measured to be best (docs/losses.md); the reference's are
    "hinge" and not pooled. It publishes no margins and no weights: these are those of a successor
    by the same team (weights are divided by their sum).
    """

    form: Form = "softmax"  # of matching and distinctiveness
    matching: tuple[str, ...] = ("m-m", "t-m", "i-m")  # PPM: left view - right view
    distinctiveness: tuple[str, ...] = ("t-m", "i-m")  # PDC: left view - left view
    consistency: tuple[str, ...] = ("t", "i")  # PLC: left views that must see m's neighbourhood
    pooled: bool = True  # both sides alike: 2B queries, each against all other listings
    matching_weight: float = 0.8  # weight of the mean over the PPM parts
    distinctiveness_weight: float = 0.5  # weight of the mean over the PDC parts
    consistency_weight: float = 0.5  # weight of the mean over the PLC parts
    matching_margin: float = 0.3  # hinge form: margin of PPM
    distinctiveness_margin: float = 0.2  # hinge form: margin of PDC
    consistency_tolerance: float = 0.05  # squared difference of cosines that PLC forgives
    consistency_k: int = 10  # neighbours that PLC compares
    duplicates: Duplicates = "exclude"  # softmax, sigmoid: same-group columns
    scale: float = 20.0  # softmax, sigmoid: inverse temperature at the start
    bias: float = -10.0  # sigmoid: bias at the start
    learn_scale: bool = True  # softmax, sigmoid: train scale and bias
    max_scale: float = 100.0  # softmax, sigmoid: where a trained scale ends (CLIP)
    weight_exponent: float = 0.0  # a pair counts in proportion to its weight ** this; 0 = all alike
    memory: int = 0  # earlier batches whose vectors are further candidates of matching; 0 = none
    prefixes: tuple[int, ...] = ()  # Matryoshka: lengths of vectors that serve alone as well

    def __post_init__(self) -> None:
        for name, known in (("form", get_args(Form)), ("duplicates", get_args(Duplicates))):
            value = getattr(self, name)
            require(value in known, f'loss.{name} is "{value}"; use {", ".join(known)}')
        for name in ("matching", "distinctiveness"):
            for direction in getattr(self, name):
                parse_direction(direction)
        for view in self.consistency:
            require(view in ("t", "i"), f"loss.consistency has {view!r}; use t or i")
        require(
            bool(self.matching or self.distinctiveness or self.consistency),
            "loss has no part at all: give loss.matching at least one direction such as m-m",
        )
        parts = ("matching", "distinctiveness", "consistency")
        margins = ("matching_margin", "distinctiveness_margin", "consistency_tolerance")
        for name in (*(f"{part}_weight" for part in parts), *margins):
            value = getattr(self, name)
            require(0 <= value < float("inf"), f"loss.{name} is {value}; use 0 or more")
        used = [part for part in parts if getattr(self, part)]
        require(
            any(getattr(self, f"{part}_weight") for part in used),
            f"the weights of all parts of the loss ({', '.join(used)}) are 0; raise "
            f"loss.{used[0]}_weight",
        )
        require(self.scale > 0, f"loss.scale is {self.scale}; use > 0")
        require(
            self.max_scale >= self.scale,
            f"loss.max_scale {self.max_scale} is below loss.scale {self.scale}, where it starts",
        )
        require(
            self.form != "hinge" or self.duplicates == "exclude",
            f'loss.duplicates is "{self.duplicates}", but loss.form "hinge" always leaves '
            "duplicates out; use softmax or sigmoid, or exclude",
        )
        require(self.memory >= 0, f"loss.memory is {self.memory}; use 0 or more batches")
        require(
            self.memory == 0 or bool(self.matching),
            f"loss.memory is {self.memory}, but loss.matching is empty: nothing would search it",
        )
        require(
            0 <= self.weight_exponent < float("inf"),
            f"loss.weight_exponent is {self.weight_exponent}; use 0 or more",
        )
        require(
            all(length >= 1 for length in self.prefixes)
            and len(set(self.prefixes)) == len(self.prefixes),
            f"loss.prefixes is {self.prefixes}; give lengths >= 1, each once",
        )
        require(self.consistency_k >= 1, f"loss.consistency_k is {self.consistency_k}; use >= 1")

    @property
    def views(self) -> tuple[frozenset[str], frozenset[str]]:
        """Names of the left views and the right views that the loss reads."""
        left: set[str] = set()
        right: set[str] = set()
        for direction in self.matching:
            q, t = parse_direction(direction)
            left.add(q)
            right.add(t)
            if self.pooled:
                left.add(t)
                right.add(q)
        for direction in self.distinctiveness:
            left.update(parse_direction(direction))
            if self.pooled:
                right.update(parse_direction(direction))
        if self.consistency:
            left.update(("m", *self.consistency))
            right.update(("m", *self.consistency) if self.pooled else ("m",))
        return frozenset(left), frozenset(right)
