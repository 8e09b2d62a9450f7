"""Cross-entropy with a gold label or token."""

import torch.nn.functional as F
from torch import Tensor


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-log softmax(logits)[target] at each position, in float32.

    Args:
        logits: [N, V], any float type.
        targets: [N] int64 in 0..V-1; there is no ignored index: leave positions without a target out beforehand.

    Returns:
        [N] nats; empty, and still connected to `logits`, for N = 0.
    """
    return F.cross_entropy(logits.float(), targets, reduction="none")
