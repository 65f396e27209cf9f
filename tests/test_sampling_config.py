"""Tests of stylejax/config/sampling.py and of the settings of texts."""

import dataclasses

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from stylejax.config import (
    Config,
    ConfigError,
    DataConfig,
    FurtherData,
    SamplingConfig,
    TextConfig,
    TrainingConfig,
    differences,
    from_json,
    override,
    to_json,
)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SamplingConfig(weight_exponent=-1.0), "weight_exponent is -1"),
        (lambda: SamplingConfig(category_exponent=float("nan")), "category_exponent is nan"),
        (lambda: SamplingConfig(category_exponent=float("inf")), "category_exponent is inf"),
        (
            lambda: SamplingConfig(epoch="pairs", weight_exponent=0.5),
            "weight_exponent is 0.5, but with sampling.epoch pairs",
        ),
        (lambda: SamplingConfig(category_level=-1), "category_level is -1"),
        (lambda: SamplingConfig(block=0), "block is 0"),
        (lambda: SamplingConfig(hard_share=0.0), "hard_share is 0"),
        (lambda: SamplingConfig(hard_share=0.6), "hard_share is 0.6"),
        (lambda: FurtherData(rate=0.0), "rate is 0"),
        (lambda: FurtherData(rate=1.0), "rate is 1"),
        (lambda: SamplingConfig(further=(FurtherData(rate=0.5),) * 2), "add up to 1; leave"),
        (lambda: SamplingConfig(block=3).batch_rows(8), "batch_size 8 is not a multiple of .* 3"),
        (
            lambda: Config(sampling=SamplingConfig(block=5), training=TrainingConfig(batch_size=8)),
            "batch_size 8 is not a multiple",
        ),
        (
            lambda: SamplingConfig(further=(FurtherData(rate=0.05),)).batch_rows(8),
            "rate 0.05 of a batch of 8 is less than one block of 1",
        ),
        (
            lambda: SamplingConfig(block=4, further=(FurtherData(rate=0.9),)).batch_rows(8),
            "leaves no block of 4 in a batch of 8",
        ),
        (lambda: TextConfig(template="mug"), r"template is 'mug'; put \{title\} into it"),
        (lambda: TextConfig(template="{title} {group}"), r"'\{title\} \{group\}'; put"),
        (lambda: TextConfig(template="{title!r}"), r"'\{title!r\}'; put"),
        (lambda: TextConfig(template="{title:>9}"), r"'\{title:>9\}'; put"),
        (lambda: TextConfig(template="{title"), r"template is '\{title': expected"),
        (lambda: TextConfig(template="{title} {}"), r"'\{title\} \{\}'; put"),
    ],
)
def test_settings_that_cannot_be_are_refused(build, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()


@given(
    rates=st.lists(st.floats(0.05, 0.3), max_size=3),
    block=st.sampled_from([1, 2, 8]),
    blocks=st.integers(20, 100),
)
def test_rows_of_a_batch_are_whole_blocks_near_their_rates(
    rates: list[float], block: int, blocks: int
) -> None:
    options = SamplingConfig(block=block, further=tuple(FurtherData(rate=r) for r in rates))
    rows = options.batch_rows(block * blocks)
    assert sum(rows) == block * blocks
    assert all(count % block == 0 and count > 0 for count in rows)
    for rate, count in zip(rates, rows[1:], strict=True):
        assert abs(count - rate * block * blocks) <= block / 2 + 1e-9


def test_further_data_survives_json_and_the_command_line() -> None:
    more = FurtherData(DataConfig(name="other", clicks="log.csv"), "runs/other/pairs.parquet", 0.25)
    config = tiny.config("", "", sampling={"further": (more,), "block": 2})
    assert from_json(to_json(config)) == config
    changed = override(config, ["--sampling.block", "1"], "test")
    assert changed.sampling == dataclasses.replace(config.sampling, block=1)
    assert differences(config, changed) == ["sampling.block: 2 -> 1"]


def test_the_fields_of_a_template_are_in_its_order() -> None:
    assert TextConfig(template="{category}, {title} {{}}").fields == ("category", "title")
