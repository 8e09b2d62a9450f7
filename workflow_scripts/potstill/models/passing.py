"""One pass of a model over examples, in batches of like length."""

from collections.abc import Callable, Sequence

import torch

from potstill.models.device import release_memory
from potstill.models.encode import token_budget_batches
from potstill.models.finished_batches import FinishedBatches, Row
from potstill.progress import Progress


def rows_in_batches(
    what: str,
    name: str,
    lengths: Sequence[int],
    token_budget: int,
    ask: Callable[[list[int]], list[Row]],
    device: torch.device,
    finished: FinishedBatches | None = None,
) -> list[Row]:
    """One row an example, in the order of the examples.

    Args:
        what: is counted for a person, such as `captured`.
        name: what this pass is called in `finished`.
        lengths: tokens of each example, answers to come included.
        token_budget: tokens in a batch, padding included.
        ask: gives the rows of the examples with these indices, one batch.
        device: where the model computes.
        finished: batches of an earlier, interrupted pass; new ones are kept there.

    Raises:
        Interrupted: a signal asked `finished` to stop; it has all finished batches.
    """
    batches = token_budget_batches(lengths, token_budget)
    found = {number: finished.get(f"{name}/{number}") for number in range(len(batches))} if finished else {}
    rows: list[Row] = [{} for _ in lengths]
    kept = [number for number, batch in found.items() if batch is not None]
    if kept and finished:
        finished.kept.say(f"{name}: goes on after {len(kept)} of {len(batches)} batches ({finished.kept.folder})")
    waiting = [index for number, indices in enumerate(batches) if number not in kept for index in indices]
    tokens = sum(lengths[index] for index in waiting)
    progress = Progress(what, len(lengths), done=len(lengths) - len(waiting), tokens=tokens)
    for number, indices in enumerate(batches):
        answers = found.get(number)
        if answers is None:
            answers = ask(indices)
            release_memory(device)
            progress.advance(len(indices), sum(lengths[index] for index in indices))
            if finished:
                finished.add(f"{name}/{number}", answers, f"batch {number + 1} of {len(batches)} ({name})")
        for index, row in zip(indices, answers, strict=True):
            rows[index] = row
    return rows
