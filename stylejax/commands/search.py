"""``stylejax search``."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylejax.commands.opened import images_setting, open_run
from stylejax.commands.outputs import output_file
from stylejax.commands.page_pictures import warn_without_pictures
from stylejax.config import ConfigError


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Prints the listings nearest to a photo, to words, or to both read together."""
    parser.add_argument("--run", required=True, help="folder of a trained and indexed run")
    parser.add_argument("--index", default="", help="an index; empty = index/ in the run")
    parser.add_argument("--image", default="", help="a photo")
    parser.add_argument("--text", default="", help="words, in the place of the photo's title")
    parser.add_argument(
        "--category", default="", help="only listings below it, from the top: 'Home > Mugs'"
    )
    parser.add_argument("--top", type=int, default=10, help="listings to show")
    parser.add_argument("--html", default="", help="page of pictures to write")
    opened, args = open_run(parser, argv)
    words = args.text.strip()
    if args.html:
        output_file(Path(args.html), "--html")
    if args.top < 1:
        raise ConfigError(f"--top is {args.top}; use 1 or more")
    import numpy as np

    from input_pipeline.listing_text import composed
    from input_pipeline.listings import products
    from input_pipeline.pictures import read_picture
    from stylejax.retrieval.index.folder import load_index
    from stylejax.retrieval.search import query_view, require_listed, search

    view = query_view(image=bool(args.image), words=bool(words))
    # As the checkpoint reads pictures, which is how the index was made.
    look = opened.encoder.config.picture
    size = look.read_size
    shown = (1, look.per_listing) if look.per_listing > 1 else (1,)
    image, has_image = np.zeros((*shown, size, size, 3), np.uint8), np.zeros(shown, bool)
    if args.image:
        has_image.flat[0] = True
        try:
            image.reshape(-1, size, size, 3)[0] = read_picture(Path(args.image), size)
        except OSError as error:
            raise ConfigError(f"cannot read --image {args.image}: {error}") from error
    index = load_index(Path(args.index) if args.index else opened.folder / "index")
    catalogue = opened.catalogue(args)
    encoder = opened.encoder
    tokens = opened.tokenizer([composed(encoder.config.text, title=words)])
    query = products(image, has_image, tokens, encoder.mesh.size)
    (found,) = search(
        encoder, index, [(np.arange(1), query)], view, args.top, category=args.category
    )
    row_of = {item: row for row, item in enumerate(catalogue.item_id)}
    require_listed(found, row_of)
    cards = [catalogue.card(row_of[hit.item_id]) for hit in found]
    for hit, card in zip(found, cards, strict=True):
        title = (card.title or "(no title)")[:56]
        print(f"{hit.rank:3}  {hit.score:6.3f}  {hit.item_id:<12}  {title:<56}  {card.category}")
    if args.html:
        from stylejax.retrieval.page import write_results_page

        warn_without_pictures(catalogue, images_setting(args))
        scores = [hit.score for hit in found]
        read = catalogue.picture_reader()
        write_results_page(Path(args.html), args.image, words, cards, scores, read=read)
        print(f"page       {args.html}")
