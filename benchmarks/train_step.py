"""Claim: a training step of CLIP takes no longer here than in open_clip on PyTorch.

The same towers (ViT of 12 layers and text tower of 6, width 384), batch, loss and optimizer (dense
or tiled InfoNCE, AdamW) in one run, on random pictures and titles; each in a process of its own,
in turns, with huge pages. On a CPU in float32; on a GPU in bfloat16, the peer under torch.compile
with fused attention, and the share of the device's peak that its products make (MFU).

    python benchmarks/train_step.py
    python benchmarks/train_step.py --device gpu --batch 512 --width 768 --side 224 --peak 989
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.support.machine import machine
from benchmarks.support.open_clip_peer import import_open_clip
from benchmarks.support.random_listings import all_different, random_listings
from stylejax.batch import Products
from stylejax.config import (
    Config,
    EncoderConfig,
    ImageTowerConfig,
    LossConfig,
    PictureConfig,
    TextConfig,
    TextTowerConfig,
    TrainingConfig,
)

LEAST = {"cpu": 1.0, "gpu": 1.2}  # steps of ours in the time of one of the peer's
COMPILE = 30.0  # seconds
PROGRAMS = ("stylejax", "open_clip")
IMAGE_LAYERS, TEXT_LAYERS, VOCABULARY = 12, 6, 1000


def main() -> None:
    """Prints both and their ratio; ends 1 where the promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--batch", type=int, default=32, help="pairs a step")
    parser.add_argument("--width", type=int, default=384, help="of every layer")
    parser.add_argument("--side", type=int, default=112, help="of a picture in pixels")
    parser.add_argument("--tokens", type=int, default=32, help="of a title")
    parser.add_argument("--rounds", type=int, default=4, help="turns of each, three steps a turn")
    parser.add_argument("--peak", type=float, default=0.0, help="TFLOP/s of the device, for MFU")
    parser.add_argument("--only", choices=PROGRAMS, help="answer each line read with a step's time")
    parser.add_argument("--out", default="runs/train_step.json", help="results as JSON")
    args = parser.parse_args()
    if args.only:
        answer(args)
        return
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    children = {name: start(name) for name in PROGRAMS}
    compiling = {name: read(child) for name, child in children.items()}["stylejax"]
    for _ in range(args.rounds):  # in turns: a busy machine slows both
        for name, child in children.items():
            for step in range(4):
                took = read(child, ask=True)
                # The first one fetches back the memory that an idle process had to give.
                seconds[name] += [took] if step else []
    for child in children.values():
        child.communicate()
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    ratio = medians["open_clip"] / medians["stylejax"]
    products = products_of_a_step(args)
    for name, median in medians.items():
        rate = products / median / 1e12
        share = f", MFU {rate / args.peak:.1%}" if args.peak else ""
        print(f"{name:<10} {args.batch / median:9.1f} pairs/s  {rate:7.3f} TFLOP/s{share}")
    print(f"ratio      {ratio:.2f}; compiling took {compiling:.1f} s")
    missed = [] if ratio >= LEAST[args.device] else [f"{LEAST[args.device]} of the peer's speed"]
    missed += [] if compiling <= COMPILE else [f"{COMPILE:.0f} s to compile"]
    record: dict[str, Any] = {
        "machine": machine("jax", "flax", "torch", "open_clip_torch"),
        "settings": vars(args),
        "seconds": medians,
        "ratio": ratio,
        "compile seconds": compiling,
        "products": products,
        "missed": missed,
    }
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text(json.dumps(record, indent=1) + "\n")
    print(record["machine"])
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


def start(name: str) -> subprocess.Popen[str]:
    """This file once more, for one of the two."""
    return subprocess.Popen(
        [sys.executable, *sys.argv, "--only", name],
        env={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"} | os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def read(child: subprocess.Popen[str], *, ask: bool = False) -> float:
    """The next number that it prints; for `ask`, that of one more step."""
    assert child.stdin is not None
    assert child.stdout is not None
    if ask:
        child.stdin.write("step\n")
        child.stdin.flush()
    line = child.stdout.readline()
    if not line:
        sys.exit(f"one of the programs ended with {child.wait()}")
    return float(line)


def answer(args: argparse.Namespace) -> None:
    """Prints the seconds of compiling, then those of a step for each line of the input."""
    if args.device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # the other one needs memory too
    step, compiling = (stylejax_step if args.only == "stylejax" else open_clip_step)(args)
    print(compiling, flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        step()
        print(time.perf_counter() - started, flush=True)


def settings(args: argparse.Namespace) -> Config:
    """open_clip's CLIP of the same size in our words."""
    layers = {"width": args.width, "heads": args.width // 64, "hidden": 4 * args.width}
    layers |= {"activation": "gelu", "epsilon": 1e-5}
    return Config(
        picture=PictureConfig(size=args.side, stored_size=args.side),
        text=TextConfig(max_tokens=args.tokens),
        encoder=EncoderConfig(
            dim=args.width,
            image=ImageTowerConfig(
                depth=IMAGE_LAYERS,
                patch=16,
                class_token=True,
                input_norm=True,
                pool="class",
                **layers,
            ),
            text=TextTowerConfig(depth=TEXT_LAYERS, causal=True, pool="last", **layers),
            compute_dtype="bfloat16" if args.device == "gpu" else "float32",
        ),
        loss=LossConfig(
            form="softmax", matching=("i-t",), distinctiveness=(), consistency=(), pooled=False
        ),
        training=TrainingConfig(batch_size=args.batch, warmup_steps=1),
    )


def inputs(args: argparse.Namespace) -> Products:
    """Listings whose titles end with the largest id, by which open_clip knows the end."""
    listings = random_listings(args.batch, args.side, args.tokens, VOCABULARY - 1)
    listings.tokens[:, -1] = VOCABULARY - 1
    return listings


def stylejax_step(args: argparse.Namespace) -> tuple[Callable[[], None], float]:
    """A step that waits for its end, and the seconds that compiling it took."""
    import jax

    from stylejax.training.mesh import make_mesh, place
    from stylejax.training.step import make_train_step

    listings, mesh = inputs(args), make_mesh(1)
    batch = place(mesh, all_different(listings, listings))
    create, step = make_train_step(settings(args), VOCABULARY, mesh)
    state = create()
    started = time.perf_counter()
    state, metrics = step(state, batch)
    jax.block_until_ready(metrics)
    compiling = time.perf_counter() - started

    def once() -> None:
        nonlocal state
        state, metrics = step(state, batch)
        jax.block_until_ready(metrics)

    once()
    return once, compiling


def open_clip_step(args: argparse.Namespace) -> tuple[Callable[[], None], float]:
    """Likewise of open_clip."""
    open_clip = import_open_clip()
    import torch

    gpu = args.device == "gpu"
    device = torch.device("cuda" if gpu else "cpu")
    model = open_clip.CLIP(
        embed_dim=args.width,
        vision_cfg=open_clip.CLIPVisionCfg(
            layers=IMAGE_LAYERS,
            width=args.width,
            head_width=64,
            patch_size=16,
            image_size=args.side,
        ),
        text_cfg=open_clip.CLIPTextCfg(
            layers=TEXT_LAYERS,
            width=args.width,
            heads=args.width // 64,
            context_length=args.tokens,
            vocab_size=VOCABULARY,
        ),
    ).to(device)
    loss_of = open_clip.ClipLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    forward = torch.compile(model) if gpu else model
    listings = inputs(args)
    mean, deviation = (
        torch.tensor(x, device=device).reshape(1, 3, 1, 1)
        for x in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    )
    image = torch.tensor(listings.image, device=device).permute(0, 3, 1, 2)
    text = torch.tensor(listings.tokens, device=device).long()

    def once() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=gpu):
            loss = loss_of(*forward((image.float() / 255.0 - mean) / deviation, text))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # ours does
        optimizer.step()
        if gpu:
            torch.cuda.synchronize()

    started = time.perf_counter()
    for _ in range(3 if gpu else 1):
        once()
    return once, time.perf_counter() - started


def products_of_a_step(args: argparse.Namespace) -> float:
    """Floating point operations of the matrix products, forward and backward."""
    width, pictures = args.width, (args.side // 16) ** 2
    total = 2 * pictures * (16 * 16 * 3) * width
    for layers, tokens in ((IMAGE_LAYERS, pictures + 1), (TEXT_LAYERS, args.tokens)):
        dense, attention = 2 * 12 * width**2, 4 * tokens * width
        total += layers * tokens * (dense + attention)
    return 3.0 * args.batch * (total + 2 * args.batch * width)


if __name__ == "__main__":
    main()
