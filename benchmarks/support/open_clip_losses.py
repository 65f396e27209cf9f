"""open_clip's contrastive losses, forward and backward, on vectors of any length."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.support.open_clip_peer import import_open_clip

CHUNK = 4096
Result = tuple[float, np.ndarray, np.ndarray]  # mean loss a row, gradients of both sides


def peer(name: str, query: np.ndarray, target: np.ndarray, scale: float, bias: float) -> Callable:
    """A function that computes loss and gradients once.

    Args:
      name: `clip`; `siglip`; or `siglip-chunks`, the same loss by blocks of 4,096, as its
        distributed form does it among processes, each block's backward at once.
      query: `[B, D]` float32.
      target: likewise.
      scale: inverse temperature, learned like the vectors.
      bias: of the sigmoid forms.
    """
    open_clip = import_open_clip()
    import torch
    from torch.nn.functional import normalize

    left, right = leaves = [torch.from_numpy(x).requires_grad_() for x in (query, target)]
    scales = [torch.tensor(x, requires_grad=True) for x in (scale, bias)]

    def cleared() -> None:
        for leaf in (*leaves, *scales):
            leaf.grad = None

    def told(loss: float) -> Result:
        assert left.grad is not None
        assert right.grad is not None
        return loss, left.grad.numpy(), right.grad.numpy()

    def clip() -> Result:
        cleared()
        loss = open_clip.loss.ClipLoss()(*(normalize(x, dim=-1) for x in leaves), scales[0])
        loss.backward()
        return told(loss.item())

    def siglip() -> Result:
        cleared()
        loss = open_clip.loss.SigLipLoss()(*(normalize(x, dim=-1) for x in leaves), *scales)
        loss.backward()
        return told(loss.item())

    def siglip_chunks() -> Result:
        cleared()
        form = open_clip.loss.SigLipLoss()
        total, share = 0.0, CHUNK / len(query)
        for row in range(0, len(query), CHUNK):
            for column in range(0, len(query), CHUNK):
                one = normalize(left[row : row + CHUNK], dim=-1)
                other = normalize(right[column : column + CHUNK], dim=-1)
                loss = share * form._loss(one, other, *scales, negative_only=row != column)
                loss.backward()
                total += loss.item()
        return told(total)

    return {"clip": clip, "siglip": siglip, "siglip-chunks": siglip_chunks}[name]
