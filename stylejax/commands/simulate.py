"""``stylejax simulate``."""

from __future__ import annotations

import argparse
from pathlib import Path


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Writes the simulated catalogue, its pictures and its click log."""
    from input_pipeline.synthetic import write_catalogue
    from input_pipeline.synthetic.write import is_written
    from stylejax.config import ConfigError, SyntheticConfig
    from stylejax.progress import progress

    default = SyntheticConfig()
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument("--products", type=int, default=default.products, help="products")
    parser.add_argument("--sessions", type=int, default=default.sessions, help="search sessions")
    parser.add_argument("--seed", type=int, default=default.seed, help="other seed, other products")
    args = parser.parse_args(argv)
    options = SyntheticConfig(products=args.products, sessions=args.sessions, seed=args.seed)
    out = Path(args.out)
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file; name a folder, which is made if it is not there")
    if is_written(out, options):
        print(f"catalogue  {out}  (simulated; already there)")
        return
    with progress("simulate", "products") as advance:
        try:
            write_catalogue(out, options, progress=advance)
        except ValueError as error:  # more products than the words of a category can tell apart
            raise ConfigError(str(error)) from error
    print(f"catalogue  {out}  (simulated)")
