"""Tests of stylejax/serving/schemas.py."""

import re
import sys

from stylejax.serving.schemas import PRINTED


def test_what_the_description_calls_blank_is_what_the_server_takes_for_blank() -> None:
    for letter in map(chr, range(sys.maxunicode + 1)):
        assert bool(re.search(PRINTED, letter)) == bool(letter.strip()), hex(ord(letter))
