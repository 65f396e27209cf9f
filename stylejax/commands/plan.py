"""``stylejax plan``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stylejax.commands.recipe import parse_recipe, vocabulary

if TYPE_CHECKING:
    from stylejax.planning import Plan

GIB = 2.0**30


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Compiles a recipe's step for devices and prints what it will need."""
    parser.add_argument(
        "--topology",
        default="",
        help="a TPU slice that need not be there, e.g. v5e:16x16; empty = the devices that are",
    )
    parser.add_argument(
        "--largest",
        action="store_true",
        help="look for the largest batch that fits too, with parts of the recipe's size",
    )
    config, flags = parse_recipe(parser, argv)
    from stylejax.planning import largest_batch, make_plan, plan_devices

    devices = plan_devices(flags.topology)
    vocab_size = vocabulary(config)
    print(f"compiling  for {len(devices)} x {devices[0].device_kind}", flush=True)
    plan = make_plan(config, vocab_size, devices)
    show(plan)
    if flags.largest:
        plans = largest_batch(config, vocab_size, devices, plan)
        show_largest(plans)


def show(plan: Plan) -> None:
    """Prints a plan, a line for each thing that is worth knowing."""
    from stylejax.cost.work import total_flops

    axes = " x ".join(f"{axis} {size}" for axis, size in plan.mesh.items())
    name = plan.chip.name if plan.chip else plan.kind
    line("devices", f"{plan.devices} x {name} ({axes})")
    parts = f" in {plan.parts} parts" if plan.parts > 1 else ""
    line("batch", f"{plan.pairs:,} pairs, {plan.pairs // plan.devices:,} a device{parts}")
    line("model", f"{plan.parameters / 1e6:,.1f} million parameters")
    memory = plan.memory
    limit = f" of {readable(memory.limit)}" if memory.limit else ""
    verdict = "" if memory.limit is None else (": fits" if memory.fits else ": DOES NOT FIT")
    line("memory", f"{readable(memory.needed)}{limit} a device{verdict}")
    named = {
        "parameters": memory.parameters,
        "average": memory.average,
        "optimizer": memory.optimizer,
        "remembered": memory.remembered,
        "batch": memory.batch,
        "next batch": memory.waiting,
    }
    for part, size in named.items():
        if size:
            line(f"  {part}", readable(size))
    if memory.temporary is not None and memory.loss is not None:
        share = memory.loss / memory.temporary
        rest = max(0.0, memory.temporary - memory.parameters - memory.loss)
        line("  temporary", readable(memory.temporary))
        line("    gradients", readable(memory.parameters))
        line("    loss", f"{readable(memory.loss)}, {share:.1%} of the temporary")
        line("    activations", f"{readable(rest)}, and whatever else the encoder needs")
    flops = total_flops(list(plan.products))
    line("FLOPs", f"{flops:.3g} a step, {plan.model_flops:.3g} where nothing is computed again")
    line("  loss", f"{plan.loss_share():.2%} of them")
    for kind, found in sorted((plan.collectives or {}).items()):
        line(f"  {kind}", f"{found.count:,} messages, {found.bytes / 1e6:,.1f} MB a device")
    seconds, least, messages = plan.step_seconds(), plan.least_seconds(), plan.message_seconds()
    if plan.chip is None:
        line("step", f"no estimate: the speed of a {plan.kind} device is not known here")
    elif seconds is not None and least is not None and messages is not None:
        most = plan.pairs / least
        line("step", f"about {seconds:.3g} s, the roofline of its products; at least {least:.3g} s")
        line("  messages", f"{messages:.3g} s over all links, while it computes")
        line("  pairs", f"about {plan.pairs / seconds:,.0f} a second; at most {most:,.0f}")
        shares = [f"{plan.utilisation(time):.0%}" for time in (seconds, least)]
        peak = f"{plan.chip.flops / 1e12:.0f} TFLOP/s"
        line("  MFU", f"about {shares[0]} of {peak}; at most {shares[1]}")
    line("compiled", f"in {plan.compile_seconds:.0f} s")


def show_largest(plans: list[Plan]) -> None:
    """Prints the batches that were tried, and the largest that fits."""
    for plan in plans:
        fits = "fits" if plan.memory.fits else "does not fit"
        needed = f"{readable(plan.memory.needed)} a device"
        line("  tried", f"{plan.pairs:,} pairs in {plan.parts} parts: {needed}, {fits}")
    fitting = [plan for plan in plans if plan.memory.fits]
    if not fitting:
        line("largest", "none of these fits; lower training.batch_size or use a larger slice")
        return
    best = max(fitting, key=lambda plan: plan.pairs)
    words = f"--training.batch-size {best.pairs} --training.micro-batches {best.parts}"
    line("largest", f"{best.pairs:,} pairs ({words})")


def readable(size: float) -> str:
    """Bytes as people read them."""
    return f"{size / GIB:.2f} GiB" if size >= 0.1 * GIB else f"{size / 2**20:.2f} MiB"


def line(name: str, text: str) -> None:
    """One line of the report."""
    print(f"{name:<22}{text}")
