"""Titles to tokens and pictures to pixels."""

from __future__ import annotations

import string
from dataclasses import dataclass

from stylejax.config.error import require
from stylejax.config.phases import phases, require_starts

TEXT_FIELDS = ("title", "attributes", "category", "category_path")  # what a template may name


@dataclass(frozen=True)
class TextConfig:
    """Listings' words to tokens."""

    tokenizer: str = ""  # pretrained folder or hub name; "" = WordPiece trained on the train split
    vocab_size: int = 2048  # size of that WordPiece vocabulary
    max_tokens: int = 32  # tokens a text, [CLS] included; longer texts are cut
    drop_tokens: float = 0.0  # share of a training text's words dropped, with all their tokens
    template: str = "{title}"  # a text: {title} {attributes} {category} {category_path}, and words

    def __post_init__(self) -> None:
        try:
            plain = all(not (form or how) for _, _, form, how in self._parts())
        except ValueError as error:
            require(False, f"text.template is {self.template!r}: {error}")
            raise
        require(
            plain and "title" in self.fields and set(self.fields) <= set(TEXT_FIELDS),
            f"text.template is {self.template!r}; put {{title}} into it, and if you like "
            f"{', '.join(f'{{{name}}}' for name in TEXT_FIELDS[1:])}, each just so",
        )
        require(self.max_tokens >= 2, f"text.max_tokens is {self.max_tokens}; use 2 or more")
        require(self.vocab_size >= 4, f"text.vocab_size is {self.vocab_size}; use 4 or more")
        require(0 <= self.drop_tokens < 1, f"text.drop_tokens is {self.drop_tokens}; use [0, 1)")

    @property
    def fields(self) -> tuple[str, ...]:
        """What the template names, in its order."""
        return tuple(name for _, name, _, _ in self._parts() if name is not None)

    def _parts(self) -> list[tuple[str, str | None, str | None, str | None]]:
        return list(string.Formatter().parse(self.template))


@dataclass(frozen=True)
class PictureConfig:
    """Pictures to pixels, and what training may do to them."""

    size: int = 96  # side in pixels of the square the encoder is trained on at first
    later_sizes: tuple[int, ...] = ()  # sides in later parts of training: detail when it pays
    later_starts: tuple[float, ...] = ()  # shares of the steps after which each later side begins
    per_listing: int = 1  # most pictures of a listing that are encoded together (data.photos)
    eval_size: int = 0  # side that export, evaluation and search encode; 0 = the last trained
    eval_crops: tuple[float, ...] = (1.0,)  # they average centre crops of these shares of the side
    eval_mirror: bool = False  # they average the mirrored picture in as well
    stored_size: int = 128  # side that pictures in memory are resized to; training crops from it
    cache_mib: int = 2048  # memory for pictures; if not all fit, each crop is decoded from its file
    min_crop: float = 0.3  # smallest share of the picture's area a training crop keeps
    max_aspect: float = 1.33  # most a crop's sides may be stretched against each other
    flip: bool = True  # mirror half of the training pictures
    rotation: float = 15.0  # training pictures turn by up to so many degrees
    brightness: float = 0.3  # training pictures' light changes by up to this factor
    contrast: float = 0.3  # likewise contrast
    saturation: float = 0.3  # likewise colourfulness
    erase: float = 0.0  # share of training pictures with a grey rectangle over a part

    def __post_init__(self) -> None:
        for name in ("size", "stored_size", "per_listing"):
            require(getattr(self, name) >= 1, f"picture.{name} is {getattr(self, name)}; use >= 1")
        require(0 < self.min_crop <= 1, f"picture.min_crop is {self.min_crop}; use (0, 1]")
        require(self.max_aspect >= 1, f"picture.max_aspect is {self.max_aspect}; use >= 1")
        # A colour factor is drawn from 1 - value to 1 + value: beyond 1 it would be negative.
        for name in ("brightness", "contrast", "saturation", "erase"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"picture.{name} is {value}; use a share in [0, 1]")
        for name in ("cache_mib", "rotation"):
            value = getattr(self, name)
            require(0 <= value < float("inf"), f"picture.{name} is {value}; use 0 or more")
        names = "picture.later_starts", "picture.later_sizes"
        require_starts(self.later_starts, self.later_sizes, names)
        require(
            bool(self.eval_crops) and all(0 < share <= 1 for share in self.eval_crops),
            f"picture.eval_crops is {self.eval_crops}; give shares in (0, 1], such as 1.0 0.8",
        )

    @property
    def encoded_size(self) -> int:
        """Side in pixels that export, evaluation and search encode."""
        return self.eval_size or (self.size, *self.later_sizes)[-1]

    @property
    def read_size(self) -> int:
        """Side in pixels that pictures to be encoded are read at: the smallest crop is exact."""
        return round(self.encoded_size / min(self.eval_crops))

    def phases(self, steps: int) -> list[tuple[int, int]]:
        """First step and side in pixels of each part of a training of `steps` steps."""
        return phases(self.size, self.later_sizes, self.later_starts, steps)
