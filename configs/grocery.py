"""Real shop photos: 64 grocery products, names from their descriptions, a simulated click log."""

from stylejax.config import (
    CatalogueColumns,
    Config,
    DataConfig,
    EvaluationConfig,
)

config = Config(
    run_dir="runs/grocery",
    data=DataConfig(
        name="grocery",
        catalogue="listings.csv",
        clicks="clicks_simulated.csv.gz",
        note="Photos, names and descriptions are real; the click log is simulated.",
        columns=CatalogueColumns(group="product_id"),
    ),
    evaluation=EvaluationConfig(query_split="val", gallery_split="train"),
)
