"""``stylejax search``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from stylejax.commands.opened import images_setting, open_run
from stylejax.commands.outputs import output_file
from stylejax.commands.page_pictures import warn_without_pictures
from stylejax.config import ConfigError

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from numpy.typing import NDArray

    from stylejax.retrieval.query import QueryReader


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Prints the listings nearest to a photo, a listing, words, or several of these."""
    parser.add_argument("--run", required=True, help="folder of a trained and indexed run")
    parser.add_argument("--index", default="", help="an index; empty = index/ in the run")
    parser.add_argument("--image", default="", help="a photo")
    parser.add_argument(
        "--like", default="", metavar="ITEM", help="an indexed listing, in a photo's place"
    )
    parser.add_argument(
        "--text",
        action="append",
        help="words; given again, it is another turn, which changes what was found",
    )
    parser.add_argument(
        "--without",
        default="",
        help="words that are not wanted: they are pushed away, not excluded",
    )
    parser.add_argument(
        "--method",
        default="sum",
        choices=("sum", "joint"),
        help="sum = the photo and --weight of the words for each turn; joint = the photo read with "
        "the words in the place of its title",
    )
    parser.add_argument(
        "--weight",
        type=float,
        help="how much each turn's words count, where the photo or listing counts 1: above 0, up "
        "to 4 (default: 0.5)",
    )
    parser.add_argument(
        "--category",
        default="",
        help="only listings below it, from the top: 'Drinkware > Mugs'",
    )
    parser.add_argument("--top", type=int, default=10, help="listings to show")
    parser.add_argument("--html", default="", help="page of pictures to write")
    opened, args = open_run(parser, argv)
    if args.html:
        output_file(Path(args.html), "--html")
    if args.top < 1:
        raise ConfigError(f"--top is {args.top}; use 1 or more")
    from stylejax.commands.query_reader import RunReader
    from stylejax.labels import require_in_catalogue
    from stylejax.retrieval.index.folder import load_index
    from stylejax.retrieval.query import Query, require_known
    from stylejax.retrieval.search import Searcher

    # Before the reader, which loads the encoder: that there is none is told at once.
    index = load_index(Path(args.index) if args.index else opened.folder / "index")
    reader = RunReader(opened)
    query = Query(
        image=_read(reader, args.image) if args.image else None,
        like=args.like,
        said=tuple(words for words in map(str.strip, args.text or []) if words),
        without=args.without.strip(),
        method=args.method,
        weight=args.weight,
        category=args.category.strip(),
        top=args.top,
    )
    require_known(query, reader)
    catalogue = opened.catalogue(args)
    multiple = opened.encoder.mesh.size
    searcher = Searcher(opened.encoder, index, reader, batch=1, most=args.top, multiple=multiple)
    (found,) = searcher.answer(query.lane, [query])
    row_of = {item: row for row, item in enumerate(catalogue.item_id)}
    require_in_catalogue((hit.item_id for hit in found), row_of)
    cards = [catalogue.card(row_of[hit.item_id]) for hit in found]
    for hit, card in zip(found, cards, strict=True):
        title = (card.title or "(no title)")[:56]
        print(f"{hit.rank:3}  {hit.score:z6.3f}  {hit.item_id:<12}  {title:<56}  {card.category}")
    if args.html:
        from stylejax.retrieval.page import write_results_page

        warn_without_pictures(catalogue, images_setting(args))
        picture = Path(args.image) if args.image else None
        if args.like in row_of:
            picture = catalogue.card(row_of[args.like]).image
        scores, read = [hit.score for hit in found], catalogue.picture_reader()
        note = opened.config.data.note if not args.catalog else ""
        write_results_page(Path(args.html), query, picture, cards, scores, note=note, read=read)
        print(f"page       {args.html}")


def _read(reader: QueryReader, image: str) -> UInt8[NDArray, "size size 3"]:
    try:
        return reader.picture(Path(image).read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read --image {image}: {error}") from error
