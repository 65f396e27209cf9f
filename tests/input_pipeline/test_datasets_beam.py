"""Tests of building with Apache Beam; skipped where the extra `beam` is not installed."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tiny

from input_pipeline.datasets.build import build_dataset
from input_pipeline.datasets.catalogue import ProductCatalogue
from input_pipeline.datasets.records import RecordPictures


def test_beam_makes_the_same_data_set(data_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("apache_beam", reason="the extra `beam` is not installed")
    rows = tiny.catalogue_rows()
    rows[4]["image"] = "images/gone.jpg"
    path = tiny.write_csv(tmp_path / "catalogue.csv", rows)
    tables, records = [], []
    for beam in (False, True):
        out = str(tmp_path / f"beam {beam}")
        builder = ProductCatalogue(catalogue=path, images=data_root, beam=beam, data_dir=out)
        built = build_dataset(builder, beam_options="runner=DirectRunner" if beam else "")
        assert (built.listings, built.pictures) == ({"train": 24, "val": 8}, 30)
        assert "L04,images/gone.jpg,No such file" in (built.folder / "failures.csv").read_text()
        tables.append(pq.read_table(built.folder / "listings.parquet"))
        pictures = RecordPictures(built.folder)
        images = tables[-1]["image"].to_pylist()
        records.append([pictures[image] if image else b"" for image in images])
        assert [path.name for path in Path(out).iterdir() if path.name != "downloads"] == [
            "product_catalogue"
        ]
    assert tables[0].drop_columns("image").equals(tables[1].drop_columns("image"))
    assert records[0] == records[1]
