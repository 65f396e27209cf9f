"""Retrieval while a model is trained: the one reader of the truth beside `evaluate`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from stylejax.config import MARKS, VIEWS, Config

if TYPE_CHECKING:
    import numpy as np
    from jax.sharding import Mesh

    from input_pipeline.listings import ListingPictures
    from input_pipeline.sources import Sources
    from input_pipeline.tokens import TitleTokenizer
    from stylejax.encoder import Parameters


def retrieval_evaluation(
    config: Config,
    sources: Sources,
    tokenizer: TitleTokenizer,
    tokens: np.ndarray,
    pictures: ListingPictures,
    mesh: Mesh,
) -> Callable[[Parameters], dict[str, float]] | None:
    """Encoder weights to retrieval metrics: the one reader of the truth, None if there is none.

    Raises:
      ConfigError: when no listing searches or none is found.
    """
    import numpy as np

    from input_pipeline.catalogue import has_truth, load_catalogue
    from input_pipeline.listings import product_batches
    from stylejax.encoder import encoder_factory
    from stylejax.encoder.inference import encode_all, make_encode
    from stylejax.retrieval.evaluation.evaluate import evaluate_splits, split_rows
    from stylejax.retrieval.vectors import collect
    from stylejax.training.mesh import by_row, local_rows, replicated

    if not has_truth(config.data, sources.catalogue):
        if name := config.data.columns.group:
            print(
                f"not evaluated: {sources.catalogue} has no column {name!r} of true products "
                "(--data.columns.group)",
                file=sys.stderr,
            )
        return None
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images, with_truth=True)
    options = config.evaluation
    labels = catalogue.labels(options.category_level)
    rows = np.union1d(*split_rows(catalogue.split, options.query_split, options.gallery_split))
    _, bind = encoder_factory(config, tokenizer.vocab_size)
    encode = make_encode(bind, VIEWS, config.picture, by_row(mesh), replicated(mesh))
    mine = local_rows(mesh, options.batch_size)

    def evaluate(parameters: Parameters) -> dict[str, float]:
        listings = product_batches(rows, pictures, tokens.__getitem__, options.batch_size, mine)
        result = evaluate_splits(
            collect(encode_all(encode, parameters, listings), catalogue.item_id),
            labels,
            options.query_split,
            options.gallery_split,
            directions=("m-m", "i-i", "t-t"),
        )
        found = {
            f"retrieval/{direction}/{name}": value
            for direction, values in result.metrics["directions"].items()
            for name, value in values.items()
        }
        return {name: found[name] for name in MARKS if name in found}

    return evaluate
