"""The built-in catalogue: simulated products, photos, titles and clicks, of any size."""

from input_pipeline.synthetic.write import write_catalogue
from stylejax.config import SyntheticConfig

__all__ = ["SyntheticConfig", "write_catalogue"]
