"""How the devices divide the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stylejax.config.error import require
from stylejax.config.rules import NameRule

DIVIDING = ("fsdp", "tensor")  # axes that divide weights


@dataclass(frozen=True)
class ShardingRule(NameRule):
    """Along which axes of the mesh the weights of some names are divided."""

    setting = "mesh.rules"
    axes: tuple[str, ...] = ()  # "fsdp", "tensor" or "" for each of the last dimensions

    def __post_init__(self) -> None:
        super().__post_init__()
        for axis in self.axes:
            require(
                axis in ("", *DIVIDING),
                f'mesh.rules: axis "{axis}" of {self.pattern!r}; use "fsdp", "tensor" or ""',
            )
        named = [axis for axis in self.axes if axis]
        require(
            len(named) == len(set(named)),
            f"mesh.rules: {self.pattern!r} names an axis twice: {', '.join(named)}",
        )


@dataclass(frozen=True)
class MeshConfig:
    """The mesh of devices; the product of its axes is the number of devices taken."""

    data: int = 0  # groups of devices that hold the weights once each; 0 = as many as there are
    fsdp: int = 1  # devices that divide weights, optimizer and pairs among them
    tensor: int = 1  # devices that divide the width of layers, and work on the same pairs
    hosts: Literal["auto", "one", "many"] = "auto"  # processes that train together; auto: by env
    host_timeout: int = 100  # seconds of silence after which a host is dead, and the others end
    rules: tuple[ShardingRule, ...] = ()  # the first that matches a weight's name counts for it

    def __post_init__(self) -> None:
        require(self.data >= 0, f"mesh.data is {self.data}; use 0 or more")
        require(
            self.host_timeout >= 5, f"mesh.host_timeout is {self.host_timeout}; use 5 s or more"
        )
        for name in DIVIDING:
            value = getattr(self, name)
            require(value >= 1, f"mesh.{name} is {value}; use 1 or more")
