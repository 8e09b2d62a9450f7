"""Which examples a step sees: a function of (seed, epoch), the same for all methods with the same examples."""

from collections.abc import Sequence

import torch

from potstill.models.randomness import generator

WINDOW = 8  # batches


def epoch_batches(
    lengths: Sequence[int], batch_size: int, *, seed: int, epoch: int, group_by_length: bool
) -> list[list[int]]:
    """Every example once, as indices into `lengths`, in batches; one batch is smaller when the number does not divide.

    With `group_by_length` the examples of a random window of 8 batches are sorted by length before they are dealt to
    its batches, which saves padding, and the batches of the epoch are then shuffled.
    """
    order = torch.randperm(len(lengths), generator=generator(seed, "order", epoch)).tolist()
    if group_by_length:
        window = WINDOW * batch_size
        windows = [order[start : start + window] for start in range(0, len(order), window)]
        order = [index for indices in windows for index in sorted(indices, key=lambda i: lengths[i])]
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if group_by_length:
        shuffled = torch.randperm(len(batches), generator=generator(seed, "batches", epoch)).tolist()
        batches = [batches[index] for index in shuffled]
    return batches
