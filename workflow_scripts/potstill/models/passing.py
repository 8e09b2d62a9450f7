"""One pass of a model over examples, in batches of like length; several devices take batches in turn."""

from collections.abc import Callable, Sequence

import torch

from potstill.devices import group
from potstill.models.device import release_memory
from potstill.models.encode import token_budget_batches
from potstill.models.finished_batches import FinishedBatches, Row
from potstill.progress import Progress


def rows_in_batches(
    what: str,
    name: str,
    lengths: Sequence[int],
    token_budget: int,
    ask: Callable[[Sequence[int]], list[Row]],
    device: torch.device,
    finished: FinishedBatches | None = None,
) -> list[Row]:
    """One row an example, in the order of the examples; of several processes the first one gets them, the others none.

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
    done: dict[int, list[Row]] = {}
    if finished:
        earlier = {number: finished.get(f"{name}/{number}") for number in range(len(batches))}
        done = {number: rows for number, rows in earlier.items() if rows is not None}
    kept = group.from_first(set(done))
    if kept and finished:
        finished.kept.say(f"{name}: goes on after {len(kept)} of {len(batches)} batches ({finished.kept.folder})")
    waiting = [number for number in range(len(batches)) if number not in kept]
    to_do = [index for number in waiting for index in batches[number]]
    progress = Progress(what, len(lengths), done=len(lengths) - len(to_do), tokens=sum(lengths[i] for i in to_do))

    def answers(number: int) -> list[Row]:
        rows = ask(batches[number])
        release_memory(device)
        return rows

    for turn, found in group.in_turn(waiting, answers):
        for number, rows in zip(turn, found, strict=False):  # no rows but in the first process
            done[number] = rows
            progress.advance(len(batches[number]), sum(lengths[index] for index in batches[number]))
            if finished:
                finished.add(f"{name}/{number}", rows)
        if finished:
            finished.keep(f"batch {turn[-1] + 1} of {len(batches)} ({name})")
    of_example = {index: row for number, rows in done.items() for index, row in zip(batches[number], rows, strict=True)}
    return [of_example[index] for index in range(len(lengths))] if group.leads() else []
