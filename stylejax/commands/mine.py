"""``stylejax mine``."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from stylejax.commands.page_pictures import warn_without_pictures
from stylejax.commands.recipe import parse_recipe

if TYPE_CHECKING:
    from input_pipeline.catalogue import Catalogue
    from input_pipeline.mining import MinedPairs
    from input_pipeline.sources import Sources
    from stylejax.config import Config


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Mines pairs and prints how many each constraint leaves."""
    parser.add_argument("--audit", action="store_true", help="write audit.html beside the pairs")
    parser.add_argument(
        "--sql",
        default="",
        metavar="DIALECT",
        help="write mining.sql for a warehouse, such as bigquery, instead of mining here",
    )
    parser.add_argument(
        "--from-index",
        default="",
        metavar="DIR",
        help="leave the log alone: find hard negatives and suspected pairs among the nearest "
        "listings of an index, beside the pairs that were mined before",
    )
    config, args = parse_recipe(parser, argv)
    if args.sql and args.audit:
        parser.error("--audit shows pairs, but --sql writes a query instead; leave one of them out")
    if args.from_index:
        if args.sql or args.audit:
            other = "--sql" if args.sql else "--audit"
            parser.error(f"{other} goes with mining the log; leave it or --from-index out")
        from stylejax.commands.near_mining import mine_near

        mine_near(config, Path(args.from_index))
        return
    from input_pipeline.catalogue import load_catalogue
    from input_pipeline.mining import mine, write_pairs
    from input_pipeline.sources import locate

    folder = Path(config.run_dir)
    sources = locate(config)
    if args.sql:  # the log is elsewhere
        catalogue = load_catalogue(config.data, sources.catalogue, sources.images)
        _write_sql(config, catalogue, args.sql)
        return
    log = sources.log()
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images)
    warn_without_pictures(
        catalogue, "--data.images", "mining needs no pictures, but training and the audit page do"
    )
    mined = mine(config.data, config.mining, catalogue, log)
    write_pairs(mined, folder)
    found = [finding for finding in mined.findings if finding.count]
    width = max(len(name) for name, _ in [*mined.funnel, *((f.name, 0) for f in found)])
    for finding in found:
        print(f"! {finding.name:<{width}}  {finding.count:>12,}  {finding.treatment}")
    for name, count in mined.funnel:
        print(f"  {name:<{width}}  {count:>12,}")
    print(f"pairs      {folder / 'pairs.parquet'}")
    if mined.negatives is not None:
        count = mined.negatives.num_rows
        print(f"negatives  {folder / 'negatives.parquet'}: {count:,} candidates")
    if mined.later is not None:
        print(
            f"later      {folder / 'pairs_later.parquet'}: {mined.later.num_rows:,} pairs; "
            f"{mined.confirmed():.1%} of the earlier pairs are among them"
        )
    if args.audit:
        _write_audit(config, sources, mined, folder / "audit.html")
        print(f"audit      {folder / 'audit.html'}")


def _write_sql(config: Config, catalogue: Catalogue, dialect: str) -> None:
    import pyarrow.parquet as pq

    from input_pipeline.mining import pairs_sql
    from input_pipeline.mining.miner import item_titles, numbered_listings

    sql = pairs_sql(config.data, config.mining, dialect)
    folder = Path(config.run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        numbered_listings(config.data, config.mining, catalogue), folder / "listings.parquet"
    )
    print(f"listings   {folder / 'listings.parquet'}: load it as table listings")
    if config.mining.relevance != "column":
        pq.write_table(item_titles(config.data, catalogue), folder / "titles.parquet")
        print(f"titles     {folder / 'titles.parquet'}: load it as table titles")
    (folder / "mining.sql").write_text(sql, encoding="utf-8")
    print(f"sql        {folder / 'mining.sql'}: reads them and the click log as table events")


def _write_audit(config: Config, sources: Sources, mined: MinedPairs, path: Path) -> None:
    from input_pipeline.catalogue import has_truth, load_catalogue
    from input_pipeline.mining.checks import UNSCORED
    from input_pipeline.sources import told
    from stylejax.retrieval.audit import Listings, write_audit

    catalogue = load_catalogue(
        config.data,
        sources.catalogue,
        sources.images,
        with_truth=has_truth(config.data, sources.catalogue),
    )
    rows = [int(row) for row in catalogue.rows(config.data.train_split)]
    level = config.mining.category_level
    data = dataclasses.replace(config.data, clicks=told(config.data.clicks))  # pages are passed on
    write_audit(
        path,
        name=path.parent.name,
        config=dataclasses.replace(config, data=data),
        pairs=mined.table,
        funnel=mined.funnel,
        findings=[(found.name, found.count, found.treatment) for found in mined.findings],
        listings=Listings(
            cards=[catalogue.card(row) for row in rows],
            category=[catalogue.category(row, level) for row in rows],
            group=None if catalogue.group is None else [catalogue.product(row) for row in rows],
        ),
        confirmed=mined.confirmed(),
        with_relevance=not any(found.name == UNSCORED for found in mined.findings),
        read=catalogue.picture_reader(),
    )
