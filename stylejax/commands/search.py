"""``stylejax search``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from stylejax.commands.opened import images_setting, open_run
from stylejax.commands.outputs import output_file
from stylejax.commands.page_pictures import warn_without_pictures
from stylejax.config import ConfigError
from stylejax.retrieval.composition import METHODS


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Prints the listings nearest to a photo, to words, or to both read together."""
    parser.add_argument("--run", required=True, help="folder of a trained and indexed run")
    parser.add_argument("--index", default="", help="an index; empty = index/ in the run")
    parser.add_argument("--image", default="", help="a photo")
    parser.add_argument("--like", default="", metavar="ITEM", help="a listing, in a photo's place")
    parser.add_argument(
        "--text", action="append", default=[], help="words; several times = one turn after another"
    )
    parser.add_argument("--without", default="", help="words that are not wanted")
    parser.add_argument(
        "--method",
        default=METHODS[0],
        choices=METHODS,
        help="sum = photo plus half of the words for each turn; read = the photo read with the "
        "words in place of its title",
    )
    parser.add_argument(
        "--category", default="", help="only listings below it, from the top: 'Home > Mugs'"
    )
    parser.add_argument("--top", type=int, default=10, help="listings to show")
    parser.add_argument("--html", default="", help="page of pictures to write")
    opened, args = open_run(parser, argv)
    said = [words for words in map(str.strip, args.text) if words]
    if args.html:
        output_file(Path(args.html), "--html")
    if args.top < 1:
        raise ConfigError(f"--top is {args.top}; use 1 or more")
    if args.image and args.like:
        raise ConfigError("give --image or --like, not both: each is what the words are about")
    from stylejax.commands.composed_query import Asked, query_vector
    from stylejax.retrieval.index.folder import load_index
    from stylejax.retrieval.search import nearest, require_listed

    index = load_index(Path(args.index) if args.index else opened.folder / "index")
    catalogue = opened.catalogue(args)
    row_of = {item: row for row, item in enumerate(catalogue.item_id)}
    read = catalogue.picture_reader()
    asked = Asked(said=said, without=args.without.strip(), method=args.method)
    if args.image:
        asked = replace(asked, photo=_photo(Path(args.image)))
    if args.like:
        about = catalogue.card(_row(row_of, args.like))
        photo = read(about.image) if about.image else b""
        asked = replace(asked, photo=photo, title=about.title)
    try:
        query = query_vector(opened, asked)
    except OSError as error:
        raise ConfigError(f"cannot read --image {args.image or args.like}: {error}") from error
    found = nearest(index, opened.origin, query, args.top, category=args.category)
    require_listed(found, row_of)
    cards = [catalogue.card(row_of[hit.item_id]) for hit in found]
    for hit, card in zip(found, cards, strict=True):
        title = (card.title or "(no title)")[:56]
        print(f"{hit.rank:3}  {hit.score:6.3f}  {hit.item_id:<12}  {title:<56}  {card.category}")
    if args.html:
        from stylejax.retrieval.page import write_results_page

        warn_without_pictures(catalogue, images_setting(args))
        scores = [hit.score for hit in found]
        words = ", ".join(said)
        write_results_page(Path(args.html), asked.photo, words, cards, scores, read=read)
        print(f"page       {args.html}")


def _photo(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read --image {path}: {error}") from error


def _row(row_of: dict[str, int], item: str) -> int:
    if item not in row_of:
        raise ConfigError(f"no listing {item!r} in the catalogue; name one with --like")
    return row_of[item]
