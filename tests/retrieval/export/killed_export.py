"""An export that may be killed at any moment; called again, it goes on.

python killed_export.py FOLDER
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from export_jobs import TitleEncoder, cut, job, titles

from stylejax.retrieval.export.finish import finish
from stylejax.retrieval.export.run import export


class Slow(TitleEncoder):
    """Takes its time, so that a kill may come at any moment of the work."""

    def encode(self, batches, views):
        for batch in super().encode(batches, views):
            time.sleep(0.003)
            yield batch


if __name__ == "__main__":
    shards = cut(titles(1200), 40)
    folder = Path(sys.argv[1])
    export(Slow(), shards, job(shards), folder, 1200)
    assert finish(job(shards), folder) is not None
