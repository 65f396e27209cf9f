"""What a chip can do, from its maker's data sheet."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 2.0**30


@dataclass(frozen=True)
class Chip:
    """One device. Speeds are those of the data sheet, which no program reaches."""

    name: str
    memory: float  # bytes
    flops: float  # a second, bfloat16 in, float32 sum
    bandwidth: float  # bytes a second, memory
    links: float  # bytes a second out of the chip to its neighbours, all links together


# `device_kind` of JAX -> its chip. TPUs: cloud.google.com/tpu/docs, pages "v4", "v5e", "v5p" and
# "v6e"; GPUs: NVIDIA's data sheets of the SXM modules, dense.
CHIPS = {
    "TPU v4": Chip("TPU v4", 32 * GIB, 275e12, 1.228e12, 300e9),
    "TPU v5 lite": Chip("TPU v5e", 16 * GIB, 197e12, 0.819e12, 200e9),
    "TPU v5": Chip("TPU v5p", 95 * GIB, 459e12, 2.765e12, 600e9),
    "TPU v6 lite": Chip("TPU v6e", 32 * GIB, 918e12, 1.638e12, 448e9),
    "NVIDIA A100-SXM4-80GB": Chip("A100 80 GB", 80e9, 312e12, 2.039e12, 300e9),
    "NVIDIA H100 80GB HBM3": Chip("H100", 80e9, 989e12, 3.35e12, 450e9),
    "NVIDIA H200": Chip("H200", 141e9, 989e12, 4.8e12, 450e9),
}


def chip_of(kind: str) -> Chip | None:
    """The chip of a `device_kind`; None where its speeds are not known, such as for a CPU."""
    return CHIPS.get(kind)
