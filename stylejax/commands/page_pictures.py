"""A word when the pictures of a catalogue are not where its paths lead."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stylejax.config import ConfigError

if TYPE_CHECKING:
    from input_pipeline.catalogue import Catalogue


def warn_without_pictures(
    catalogue: Catalogue, setting: str, what: str = "the page will show no picture"
) -> None:
    """Prints one line when the catalogue names pictures and not one of a sample can be read.

    Args:
      catalogue: whose listings the page shows.
      setting: what names the folder of the pictures, e.g. ``"--images"``.
      what: follows from it.
    """
    from input_pipeline.pictures import require_pictures

    try:
        require_pictures(catalogue.image, catalogue.images, setting=setting)
    except ConfigError as error:
        print(f"warning: {what}: {error}", file=sys.stderr)
