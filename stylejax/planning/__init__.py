"""What a run will need, told by compiling it for devices that need not be there."""

from stylejax.cost.chips import Chip, chip_of
from stylejax.planning.compiled import make_plan
from stylejax.planning.devices import plan_devices
from stylejax.planning.largest import largest_batch
from stylejax.planning.plan import Plan

__all__ = ["Chip", "Plan", "chip_of", "largest_batch", "make_plan", "plan_devices"]
