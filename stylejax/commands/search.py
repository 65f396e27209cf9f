"""``stylejax search``."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylejax.commands.opened import Run
from stylejax.config import ConfigError


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Prints the listings nearest to a photo, to words, or to both read together."""
    parser.add_argument("--run", required=True, help="folder of a trained and indexed run")
    parser.add_argument("--index", default="", help="an index; empty = index/ in the run")
    parser.add_argument("--image", default="", help="a photo")
    parser.add_argument("--text", default="", help="words, in the place of the photo's title")
    parser.add_argument("--top", type=int, default=10, help="listings to show")
    parser.add_argument("--html", default="", help="page of pictures to write")
    args = parser.parse_args(argv)
    words = args.text.strip()
    if not args.image and not words:
        raise ConfigError("nothing to search for: give --image FILE, --text WORDS, or both")
    if args.top < 1:
        raise ConfigError(f"--top is {args.top}; use 1 or more")
    import numpy as np

    from input_pipeline.listings import products
    from input_pipeline.pictures import read_picture
    from stylejax.retrieval.index import Index

    opened = Run(Path(args.run))
    size = opened.config.picture.read_size
    image = np.zeros((1, size, size, 3), np.uint8)
    if args.image:
        try:
            image[0] = read_picture(Path(args.image), size)
        except OSError as error:
            raise ConfigError(f"cannot read --image {args.image}: {error}") from error
    index = Index.load(Path(args.index) if args.index else opened.folder / "index")
    made_by, now = index.origin, opened.encoder
    if made_by and (made_by["step"], made_by["config"]) != (now.step, now.config_digest):
        raise ConfigError(
            f"the index was made at step {made_by['step']} of another training, the checkpoint is "
            f"at step {now.step}; export and index again"
        )
    view = "m" if args.image and words else "i" if args.image else "t"
    query = products(
        image, np.array([bool(args.image)]), opened.tokenizer([words]), opened.encoder.mesh.size
    )
    _, vectors, _ = next(opened.encoder.encode([(np.arange(1), query)], [view]))
    found, scores = index.search(vectors[view], args.top)

    catalogue = opened.catalogue()
    row_of = {item: row for row, item in enumerate(catalogue.item_id)}
    items = [index.item_id[position] for position in found[0]]
    strange = next((item for item in items if item not in row_of), None)
    if strange is not None:
        raise ConfigError(
            f"the index holds {strange!r}, which is not in the run's catalogue; "
            "index an export of that catalogue"
        )
    rows = [row_of[item] for item in items]
    for rank, (row, score) in enumerate(zip(rows, scores[0], strict=True), 1):
        title = catalogue.title[row] or "(no title)"
        print(
            f"{rank:3}  {score:6.3f}  {catalogue.item_id[row]:<12}  {title[:56]:<56}  "
            f"{catalogue.category_path[row]}"
        )
    if args.html:
        from stylejax.retrieval.page import write_results_page

        cards = [catalogue.card(row) for row in rows]
        write_results_page(Path(args.html), args.image, words, cards, scores[0].tolist())
        print(f"page       {args.html}")
