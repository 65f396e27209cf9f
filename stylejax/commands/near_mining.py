"""``stylejax mine --from-index``: what the vectors of an index say beside the log."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from stylejax.config import Config


def mine_near(config: Config, folder: Path) -> None:
    """Writes hard negatives and suspected pairs of an index, and prints what each rule left.

    Args:
      config: the recipe; its pairs are mined already.
      folder: of the index.

    Raises:
      ConfigError: when there are no pairs or no index, or the two are of different catalogues.
    """
    from input_pipeline.pairs_file import require_pairs

    run_dir = Path(config.run_dir)
    require_pairs(run_dir / "pairs.parquet")
    from input_pipeline.catalogue import load_catalogue
    from input_pipeline.mining import read_pairs
    from input_pipeline.mining.near import (
        NEGATIVES,
        SUSPECTED,
        indexed,
        negatives_table,
        suspected_table,
        write_near,
    )
    from input_pipeline.sources import locate
    from stylejax.retrieval.index.folder import load_index
    from stylejax.retrieval.near import near_pairs

    index = load_index(folder)
    sources = locate(config)
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images)
    pairs = read_pairs(run_dir / "pairs.parquet")
    split, level = config.data.train_split, config.mining.category_level
    known = indexed(index.item_id, catalogue, pairs, split, level)
    options = config.mining.near
    found = near_pairs(index, known.category, known.group, known.mined, known.paired, options)
    lacking = len(catalogue.rows(split)) - int((known.category >= 0).sum())
    counts = [("train listings without a vector", lacking), *found.counts]
    suspected = suspected_table(known, found.suspected, found.suspected_cosine, pairs)
    negatives = negatives_table(known, found.negatives, found.negatives_cosine)
    made_by = None if index.origin is None else asdict(index.origin)
    told = {
        "funnel": counts,
        "threshold": found.threshold,
        "settings": asdict(options),
        "index": {"view": index.view, "origin": made_by},
    }
    write_near(run_dir, suspected, negatives, told)
    width = max(len(name) for name, _ in counts)
    for name, count in counts:
        print(f"  {name:<{width}}  {count:>12,}")
    print(
        f"suspected  {run_dir / SUSPECTED}: {len(suspected):,} pairs with a cosine of "
        f"{found.threshold:z.3f} or more"
    )
    print(f"negatives  {run_dir / NEGATIVES}: {len(negatives):,} pairs")
