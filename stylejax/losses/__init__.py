"""Contrastive losses as pure functions of vectors: `[B, D]` in, `[B]` float32 out.

They know nothing of models or files, hold no matrix of all pairs, and give the same number on any
number of devices.
"""

from stylejax.losses.consistency import locality_consistency
from stylejax.losses.hinge import product_matching, self_distinctiveness
from stylejax.losses.memory import Memory, empty_memory
from stylejax.losses.sharded import sharded_loss_unit
from stylejax.losses.sigmoid import sigmoid_contrastive
from stylejax.losses.softmax import softmax_contrastive
from stylejax.losses.unit import contrastive_loss_unit

__all__ = [
    "Memory",
    "contrastive_loss_unit",
    "empty_memory",
    "locality_consistency",
    "product_matching",
    "self_distinctiveness",
    "sharded_loss_unit",
    "sigmoid_contrastive",
    "softmax_contrastive",
]
