"""Schemathesis reads the API's own description and tries what it allows, and what it does not."""

import os
import subprocess
import sys
from pathlib import Path

import served

# What the description calls a file: pictures, so that forms of the right kind are found too.
HOOKS = """
import io

import jsonschema_rs
import schemathesis
from hypothesis import strategies as st
from PIL import Image


def photo(colour, kind):
    written = io.BytesIO()
    Image.new("RGB", (9, 9), colour).save(written, kind)
    return written.getvalue()


byte = st.integers(0, 255)
colour = st.tuples(byte, byte, byte)
schemathesis.openapi.format("binary", st.builds(photo, colour, st.sampled_from(["PNG", "JPEG"])))


def as_sent(value, field):
    "Every field of a form is a file or text, and a list is a field given several times."
    if field and field["type"] == "array":
        values = value if isinstance(value, list) else [value]
        return [as_sent(one, field["items"]) for one in values]
    if type(value) not in (str, int, float, bool, list, dict, type(None)):
        return "a file"
    return str(value) if field and field["type"] == "string" else value


@schemathesis.hook
def filter_body(context, body):
    "A form has text alone: an object is text there, a list of one that one, of none no field."
    return not isinstance(body, dict) or all(
        not isinstance(value, dict)
        and (not isinstance(value, list) or len(value) > (0 if name == "words" else 1))
        for name, value in body.items()
    )


@schemathesis.hook
def filter_case(context, case):
    "A photo may be missing where there are words: such a form is right, whatever it is taken for."
    if case.path != "/api/search" or not case.meta.generation.mode.is_negative:
        return True
    if not isinstance(case.body, dict):
        return True
    operation = case.operation.schema.raw_schema["paths"][case.path]["post"]
    schema = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    fields = schema["properties"]
    text = {name: as_sent(value, fields.get(name)) for name, value in case.body.items()}
    return not jsonschema_rs.is_valid(schema, text)
"""


def test_it_finds_nothing(data_root: Path, tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text(HOOKS)
    with served.running(served.app(data_root)) as address:
        words = ["run", f"{address}/openapi.json", "--checks", "all", "--max-examples", "25"]
        words += ["--seed", "1", "--generation-database", "none", "--no-color"]
        done = subprocess.run(
            [Path(sys.executable).parent / "schemathesis", *words],
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout
