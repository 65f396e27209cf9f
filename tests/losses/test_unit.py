"""Tests of stylejax/losses/unit.py: the loss unit as a whole, on one device and on eight."""

from dataclasses import replace

import jax
import loss_reference as reference
import numpy as np
import pytest
from tiny import paper_loss

from stylejax.config import LossConfig
from stylejax.losses import contrastive_loss_unit

ROWS = 8
GROUPS = np.array([0, 1, 2, 0, 3, 4, 1, 5], np.int32)
FORMS = ("hinge", "softmax", "sigmoid")


def side(seed: int) -> dict[str, np.ndarray]:
    return {v: reference.vectors(ROWS, seed=10 * seed + n) for n, v in enumerate("mti")}


def everywhere() -> dict[str, np.ndarray]:
    return {view: np.ones(ROWS, bool) for view in "mti"}


def unit(options: LossConfig, left=None, right=None, left_present=None, right_present=None, **more):
    return reference.jaxed(contrastive_loss_unit)(
        left or side(1),
        right or side(2),
        options,
        left_present=left_present or everywhere(),
        right_present=right_present or everywhere(),
        **more,
    )


def test_the_default_parts_are_the_papers() -> None:
    left, right = side(1), side(2)
    total, parts = unit(paper_loss(), left, right, left_groups=GROUPS, right_groups=GROUPS)
    expected = {
        f"ppm/{v}-m": reference.hinge(left[v], right["m"], 0.3, GROUPS, GROUPS) for v in "mti"
    }
    expected |= {
        f"pdc/{v}-m": reference.hinge(left[v], left["m"], 0.2, GROUPS, GROUPS) for v in "ti"
    }
    expected |= {
        f"plc/{v}": reference.consistency(left["m"], left[v], right["m"], 0.05, 10) for v in "ti"
    }
    assert set(parts) == set(expected)
    for name, rows in expected.items():
        np.testing.assert_allclose(parts[name], rows.mean(), atol=1e-6, err_msg=name)
    kinds = {
        kind: np.mean([rows.mean() for name, rows in expected.items() if name.startswith(kind)])
        for kind in ("ppm", "pdc", "plc")
    }
    weighted = (0.8 * kinds["ppm"] + 0.5 * kinds["pdc"] + 0.5 * kinds["plc"]) / 1.8
    np.testing.assert_allclose(total, weighted, atol=1e-6)


def test_weights_are_divided_by_the_sum_of_those_that_are_used() -> None:
    options = paper_loss(matching=("m-m",), distinctiveness=(), consistency=())
    total, parts = unit(options)
    assert total == parts["ppm/m-m"]
    doubled = replace(paper_loss(), matching_weight=1.6)
    doubled = replace(doubled, distinctiveness_weight=1.0, consistency_weight=1.0)
    np.testing.assert_allclose(unit(paper_loss())[0], unit(doubled)[0], rtol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_forms_are_their_losses(form: str) -> None:
    options = paper_loss(form=form, matching=("t-m",), distinctiveness=("i-m",), consistency=())
    left, right = side(1), side(2)
    groups = {"left_groups": GROUPS, "right_groups": GROUPS[::-1].copy()}
    _, parts = unit(options, left, right, scale=7.0, bias=-3.0, **groups)

    def slow(a, b, margin, right_groups):
        if form == "hinge":
            return reference.hinge(a, b, margin, GROUPS, right_groups).mean()
        if form == "softmax":
            return reference.softmax(a, b, 7.0, GROUPS, right_groups).mean()
        return reference.sigmoid(a, b, 7.0, -3.0, GROUPS, right_groups).mean()

    ppm, pdc = (
        slow(left["t"], right["m"], 0.3, GROUPS[::-1]),
        slow(left["i"], left["m"], 0.2, GROUPS),
    )
    np.testing.assert_allclose(parts["ppm/t-m"], ppm, rtol=1e-5)
    np.testing.assert_allclose(parts["pdc/i-m"], pdc, rtol=1e-5)


@pytest.mark.parametrize("given", ["left_groups", "right_groups"])
def test_groups_of_one_side_are_those_of_its_partners(given: str) -> None:
    options, sides = paper_loss(form="softmax"), (side(1), side(2))
    alone, _ = unit(options, *sides, scale=7.0, **{given: GROUPS})
    both, _ = unit(options, *sides, scale=7.0, left_groups=GROUPS, right_groups=GROUPS)
    assert alone == both
    assert alone != unit(options, *sides, scale=7.0)[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("direction", ["i-i", "i-t"])
def test_pooled_matches_both_sides_against_all_other_listings(form: str, direction: str) -> None:
    """Row r of 2B asks with listing r, its partner stands at r, and r itself is no target."""
    options = paper_loss(
        form=form,
        matching=(direction,),
        distinctiveness=(),
        consistency=(),
        pooled=True,
        duplicates="exclude" if form == "hinge" else "positive",
    )
    left, right = side(1), side(2)
    present = everywhere(), everywhere()
    present[0]["i"][1] = False
    present[1]["t"][4] = False
    groups = {"left_groups": GROUPS, "right_groups": GROUPS}
    _, parts = unit(options, left, right, *present, scale=7.0, bias=-3.0, **groups)
    q, t = direction.split("-")
    query, target = np.concatenate([left[q], right[q]]), np.concatenate([right[t], left[t]])
    asks = np.concatenate([present[0][q], present[1][q]])
    found = np.concatenate([present[1][t], present[0][t]])
    ids = np.arange(2 * ROWS)
    both, others = np.tile(GROUPS, 2), np.roll(ids, ROWS)
    if form == "hinge":
        rows = reference.hinge(query, target, 0.3, both, both, found)
    elif form == "softmax":
        rows = reference.softmax(
            query, target, 7.0, both, both, "positive", asks, found, ids, others
        )
    else:
        rows = reference.sigmoid(
            query, target, 7.0, -3.0, both, both, "positive", found, ids, others
        )
    np.testing.assert_allclose(parts[f"ppm/{direction}"], rows[asks & found].mean(), rtol=2e-5)


def test_pooled_asks_both_sides_for_distinct_and_consistent_views() -> None:
    options = paper_loss(matching=(), consistency_tolerance=0.001, pooled=True)
    left, right = side(1), side(2)
    present = everywhere(), everywhere()
    present[0]["t"][1] = present[1]["i"][4] = present[1]["m"][5] = False
    groups = {"left_groups": GROUPS, "right_groups": GROUPS}
    _, parts = unit(options, left, right, *present, **groups)
    both = np.tile(GROUPS, 2)
    full = np.concatenate([left["m"], right["m"]])
    there = {v: np.concatenate([present[0][v], present[1][v]]) for v in "mti"}
    for v in "ti":
        view = np.concatenate([left[v], right[v]])
        rows = reference.hinge(view, full, 0.2, both, both, there["m"])
        expected = rows[there[v] & there["m"]].mean()
        np.testing.assert_allclose(parts[f"pdc/{v}-m"], expected, rtol=1e-5)
        rows = np.concatenate(
            [
                reference.consistency(a["m"], a[v], b["m"], 0.001, 10, where["m"])
                for a, b, where in ((left, right, present[1]), (right, left, present[0]))
            ]
        )
        np.testing.assert_allclose(parts[f"plc/{v}"], rows[there[v]].mean(), rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_all_nine_directions_may_match(form: str) -> None:
    """Every view of one side searches every view of the other (CommerceMM, omni-retrieval)."""
    directions = tuple(f"{q}-{t}" for q in "mti" for t in "mti")
    options = paper_loss(form=form, matching=directions, distinctiveness=(), consistency=())
    assert options.views == (frozenset("mti"), frozenset("mti"))
    total, parts = unit(options, scale=7.0, bias=-3.0)
    assert set(parts) == {f"ppm/{direction}" for direction in directions}
    left, right, alone = side(1), side(2), np.arange(ROWS)
    slow = {
        "hinge": lambda a, b: reference.hinge(a, b, 0.3, alone, alone),
        "softmax": lambda a, b: reference.softmax(a, b, 7.0, alone, alone),
        "sigmoid": lambda a, b: reference.sigmoid(a, b, 7.0, -3.0, alone, alone),
    }[form]
    for q in "mti":
        for t in "mti":
            expected = slow(left[q], right[t]).mean()
            np.testing.assert_allclose(parts[f"ppm/{q}-{t}"], expected, rtol=1e-5)
    np.testing.assert_allclose(total, np.mean(list(parts.values())), rtol=1e-6)


@pytest.mark.parametrize("form", ["hinge", "softmax"])
def test_pooled_is_the_same_when_the_sides_change_places(form: str) -> None:
    options = paper_loss(form=form, matching=("i-t",), consistency_tolerance=0.001, pooled=True)
    forth, back = unit(options, side(1), side(2)), unit(options, side(2), side(1))
    np.testing.assert_allclose(forth[0], back[0], rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        paper_loss(),
        paper_loss(pooled=True),
        paper_loss(matching=("i-t",), distinctiveness=(), consistency=()),
        paper_loss(matching=("i-t",), distinctiveness=(), consistency=(), pooled=True),
        paper_loss(matching=(), distinctiveness=("t-i",), consistency=()),
        paper_loss(matching=(), distinctiveness=("t-i",), consistency=(), pooled=True),
        paper_loss(matching=(), distinctiveness=(), consistency=("t",)),
        paper_loss(matching=(), distinctiveness=(), consistency=("t",), pooled=True),
        paper_loss(form="softmax", matching=("m-m",), consistency=()),
    ],
)
def test_views_needed_are_exactly_the_views_used(options: LossConfig) -> None:
    """A view is used when it has a gradient or, for a mapping, when it is looked up."""
    needed_left, needed_right = options.views
    sides = side(1), side(2)
    left = {view: sides[0][view] for view in needed_left}
    right = {view: sides[1][view] for view in needed_right}
    given = unit(options, left, right)[0]  # nothing more is read, or this fails
    np.testing.assert_array_equal(given, unit(options, *sides)[0])
    # Tolerance 0 and margins beyond every cosine: no term is cut off, so each view shows.
    sharp = replace(
        options, matching_margin=3.0, distinctiveness_margin=3.0, consistency_tolerance=0.0
    )
    step = jax.grad(lambda left, right: unit(sharp, left, right)[0], argnums=(0, 1))
    gradients = jax.jit(step)(*sides)
    used = [{view for view, x in side.items() if np.abs(x).max() > 0} for side in gradients]
    assert used == [needed_left, needed_right]


@pytest.mark.parametrize("form", FORMS)
def test_absent_views_do_not_contribute(form: str) -> None:
    """The loss does not change with the vectors of absent rows and has no gradient there."""
    left_present, right_present = everywhere(), everywhere()
    left_present["t"][[1, 4]] = False
    left_present["i"][2] = False
    right_present["m"][5] = False
    present = {"left_present": left_present, "right_present": right_present}
    options = paper_loss(form=form)
    left, right = side(1), side(2)

    def total(left, right):
        return unit(options, left, right, scale=5.0, bias=-2.0, **present)[0]

    step = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))
    before, gradients = step(left, right)
    assert np.isfinite(before)
    for vectors, slopes, presence in zip(
        (left, right), gradients, (left_present, right_present), strict=True
    ):
        for view, rows in presence.items():
            assert np.array_equal(slopes[view][~rows], np.zeros(((~rows).sum(), 6)))
            vectors[view][~rows] = 9.0
    np.testing.assert_array_equal(before, step(left, right)[0])


def test_a_part_is_the_mean_over_the_rows_that_have_its_views() -> None:
    left_present, right_present = everywhere(), everywhere()
    left_present["t"][[0, 3]] = False
    right_present["m"][7] = False
    options = paper_loss(matching=("t-m",), distinctiveness=(), consistency=())
    _, parts = unit(options, left_present=left_present, right_present=right_present)
    rows = reference.hinge(side(1)["t"], side(2)["m"], 0.3, valid=right_present["m"])
    both = left_present["t"] & right_present["m"]
    np.testing.assert_allclose(parts["ppm/t-m"], rows[both].mean(), atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_prefixes_are_units_of_their_own(form: str) -> None:
    options = paper_loss(form=form, prefixes=(4, 2))
    more = {"scale": 5.0, "bias": -2.0, "left_groups": GROUPS, "right_groups": GROUPS}
    total, parts = unit(options, **more)
    alone = replace(options, prefixes=())
    cuts = {
        ending: unit(
            alone,
            {view: x[:, :length] for view, x in side(1).items()},
            {view: x[:, :length] for view, x in side(2).items()},
            **more,
        )
        for ending, length in (("", 6), ("@4", 4), ("@2", 2))
    }
    np.testing.assert_allclose(total, np.mean([found for found, _ in cuts.values()]), rtol=1e-6)
    expected = {
        name + ending: value for ending, (_, found) in cuts.items() for name, value in found.items()
    }
    assert parts.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(parts[name], value, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_pairs_count_by_their_weight_to_a_power(form: str, pooled: bool) -> None:
    """A pair of weight 4 counts, at the power of one half, like two of weight 1."""
    weights = np.random.default_rng(0).integers(1, 9, ROWS).astype(np.float32)
    present = everywhere()
    present["i"][[0, 3]] = False
    options = paper_loss(form=form, matching=("m-m", "i-m"), pooled=pooled, weight_exponent=0.5)
    more = {"scale": 5.0, "bias": -2.0, "left_present": present, "right_present": present}
    _, parts = unit(options, weights=weights, **more)
    # The loss of one row is the part in which the others' weights vanish.
    single = []
    for row in range(ROWS):
        alone = np.where(np.arange(ROWS) == row, 1.0, 1e-12).astype(np.float32)
        single.append(unit(replace(options, weight_exponent=1.0), weights=alone, **more)[1])
    there = {"ppm/m-m": slice(None), "ppm/i-m": present["i"], "pdc/i-m": present["i"]}
    for name, rows in there.items():
        losses = np.array([found[name] for found in single])[rows]
        expected = np.average(losses, weights=np.sqrt(weights[rows]))
        np.testing.assert_allclose(parts[name], expected, rtol=1e-5, err_msg=name)


def test_weights_count_nothing_unless_they_are_wanted() -> None:
    weights = np.arange(1, ROWS + 1, dtype=np.float32)
    np.testing.assert_array_equal(unit(paper_loss(), weights=weights)[0], unit(paper_loss())[0])


def test_a_batch_without_any_view_costs_nothing() -> None:
    nowhere = {view: np.zeros(ROWS, bool) for view in "mti"}
    options = paper_loss()

    def total(left):
        return unit(options, left, left_present=nowhere, right_present=nowhere)[0]

    value, gradients = jax.jit(jax.value_and_grad(total))(side(1))
    assert value == 0.0
    assert all(np.array_equal(x, np.zeros_like(x)) for x in gradients.values())
