"""Writing a simulated catalogue: photos, listings and clicks, as the files of a real one."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from input_pipeline.synthetic.clicks import CLICK_SCHEMA, simulate_clicks
from input_pipeline.synthetic.listings import Listing, listing_photos, sample_listings
from input_pipeline.synthetic.products import sample_products
from input_pipeline.synthetic.suppliers import sample_suppliers
from stylejax.config import SyntheticConfig

CATALOGUE_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("category_path", pa.string()),
        ("image", pa.string()),
        ("supplier", pa.string()),
        ("group", pa.string()),
        ("split", pa.string()),
    ]
)
MARKER = "catalogue.parquet"  # written last
METADATA_KEY = b"stylejax.synthetic"
GENERATOR = 1  # raise it when the same options give other data
_ROWS = 5_000  # listings a row group

_NOTE = """# SIMULATED catalogue

Every product, photo, title, supplier and click in this folder was made by
`input_pipeline.synthetic` (generator {generator}). Nothing here is real.

- `catalogue.parquet`: one row a listing. `group` is the true product, for evaluation only. Split
  "test" holds products that never occur in split "train" nor in the click log.
- `clicks.parquet`: one row a search result shown. It covers split "train" only.
- `images/`: the listings' photos.

Options, which give the same bytes again with the same versions of Pillow, NumPy and PyArrow:

```json
{options}
```
"""


def write_catalogue(
    folder: Path,
    options: SyntheticConfig,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `catalogue.parquet`, `clicks.parquet`, `images/` and `README.md` into a folder.

    `catalogue.parquet` comes last and at once: where it exists, everything else does too.

    Args:
        folder: made if absent. If it holds a catalogue of the same options, nothing is done.
        options: what to simulate.
        progress: called as `progress(products done, products in all)`.

    Raises:
        FileExistsError: the folder holds another catalogue.
        ValueError: a category has too few distinct products to offer.
    """
    folder = Path(folder)
    if is_written(folder, options):
        return
    marker = folder / MARKER
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {METADATA_KEY: json.dumps(_label(options)).encode()}
    past: list[Listing] = []
    catalogue = _catalogue_tables(folder, options, past, progress)
    draft = folder / "catalogue.parquet.partial"
    _write_parquet(draft, CATALOGUE_SCHEMA.with_metadata(metadata), catalogue)
    clicks = simulate_clicks(past, options)
    _write_parquet(folder / "clicks.parquet", CLICK_SCHEMA.with_metadata(metadata), clicks)
    note = _NOTE.format(generator=GENERATOR, options=json.dumps(asdict(options), indent=2))
    (folder / "README.md").write_text(note, encoding="utf-8")
    draft.replace(marker)


def is_written(folder: Path, options: SyntheticConfig) -> bool:
    """Whether a folder holds the catalogue of these options; false where it holds none.

    Raises:
        FileExistsError: the folder holds another catalogue.
    """
    marker = folder / MARKER
    if not marker.exists():
        return False
    found = (pq.read_schema(marker).metadata or {}).get(METADATA_KEY, b"null")
    if json.loads(found) != _label(options):
        raise FileExistsError(
            f"{folder} already holds a catalogue made with other options: write to another "
            "folder, or delete this one first"
        )
    return True


def _label(options: SyntheticConfig) -> dict[str, object]:
    """What the catalogue's metadata says of how it was made."""
    return {"simulated": True, "generator": GENERATOR, "options": asdict(options)}


def _catalogue_tables(
    folder: Path,
    options: SyntheticConfig,
    past: list[Listing],
    progress: Callable[[int, int], None] | None,
) -> Iterable[pa.Table]:
    """Write the photos, add the listings of split "train" to `past` and yield the rows."""
    suppliers = sample_suppliers(options)
    rows: list[dict[str, object]] = []
    for done, product in enumerate(sample_products(options), 1):
        listings = sample_listings(product, suppliers, options)
        for listing, picture in listing_photos(listings, options):
            path = folder / str(listing.image)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture)
        rows += [_row(listing) for listing in listings]
        if not product.unseen:
            past += listings
        if len(rows) >= _ROWS:
            yield pa.Table.from_pylist(rows, CATALOGUE_SCHEMA)
            rows = []
        if progress is not None:
            progress(done, options.products)
    if rows:
        yield pa.Table.from_pylist(rows, CATALOGUE_SCHEMA)


def _row(listing: Listing) -> dict[str, object]:
    product = listing.product
    return {
        "item_id": listing.item_id,
        "title": listing.title,
        "attributes": list(listing.attributes.items()),
        "category_path": product.category.path,
        "image": listing.image,
        "supplier": listing.supplier.name,
        "group": product.product_id,
        "split": "test" if product.unseen else "train",
    }


def _write_parquet(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table.cast(schema))
