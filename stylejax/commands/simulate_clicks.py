"""``stylejax simulate-clicks``."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylejax.commands.mapping import parse_mapping


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Writes a simulated click log for a catalogue whose true products are known."""
    from input_pipeline.click_simulation.options import ClickOptions

    rates = ClickOptions()
    parser.add_argument("--catalog", required=True, help="listings with a column of true products")
    parser.add_argument("--out", required=True, help='.csv, .csv.gz or .parquet, named "simulated"')
    parser.add_argument("--seed", type=int, default=rates.seed, help="another seed, another log")
    parser.add_argument("--sessions", type=int, default=rates.sessions, help="searches")
    parser.add_argument("--page", type=int, default=rates.page, help="listings a search shows")
    for flag, default, text in (
        ("--name-share", rates.name_share, "searches for a product's name, if data.columns.name"),
        ("--category-share", rates.category_share, "searches for a category; the rest: a title"),
        ("--popularity", rates.popularity, "Zipf exponent of demand over products; 0 = even"),
        ("--position-bias", rates.position_bias, "attention is 1 / (1 + bias * (position - 1))"),
        ("--stray-clicks", rates.stray_clicks, "chance of a click whatever the listing is"),
        ("--relevance-noise", rates.relevance_noise, "standard deviation of the engine's score"),
    ):
        parser.add_argument(flag, type=float, default=default, help=text)
    data, args = parse_mapping(parser, argv)
    from input_pipeline.catalogue import load_catalogue
    from input_pipeline.click_simulation.log import require_log_name, write_clicks
    from stylejax.config import ConfigError
    from stylejax.progress import progress

    path, out = Path(args.catalog), Path(args.out)
    require_log_name(out)
    if not path.is_file():
        raise ConfigError(f"no file {path}; --catalog names the table of listings")
    options = ClickOptions(**{name: getattr(args, name) for name in vars(rates)})
    catalogue = load_catalogue(data, path, path.parent, with_truth=True)
    with progress("simulate", "sessions") as advance:
        log = write_clicks(catalogue, data.train_split, out, options, progress=advance)
    print(f"clicks     {log.path}  (simulated: {log.events:,} events, {log.clicks:,} clicks)")
    print(f"rates      {log.note}")
