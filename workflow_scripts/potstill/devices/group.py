"""The processes that compute one job together, one a device. In a job of one process every function here does nothing.

Numbers and objects travel between processes on the CPU (gloo), gradients where they are (nccl on GPUs).
"""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")
B = TypeVar("B")

# One process may load, validate or write while the others wait.
PATIENCE = datetime.timedelta(hours=2)


def join() -> None:
    """Meet the others; the launcher's environment says where and how many."""
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)


def leave() -> None:
    """The end of the work together."""
    dist.destroy_process_group()


def size() -> int:
    """Number of processes; 1 alone."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """This one's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def leads() -> bool:
    """Whether this is the process that writes files and speaks."""
    return rank() == 0


def share(items: Sequence[T]) -> Sequence[T]:
    """This process's part of what all have: every size-th from its rank on."""
    return items[rank() :: size()]


def wait() -> None:
    """Until all are here."""
    largest(0)


def total(values: Sequence[float]) -> list[float]:
    """The sum of each value over all processes; all have the same number of them."""
    if size() == 1:
        return list(values)
    numbers = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(numbers)
    return numbers.tolist()


def totals(values: Mapping[str, float]) -> dict[str, float]:
    """The same, key by key."""
    return dict(zip(values, total(list(values.values())), strict=True))


def largest(value: int) -> int:
    """The maximum over all processes."""
    if size() == 1:
        return value
    number = torch.tensor(value)
    dist.all_reduce(number, op=dist.ReduceOp.MAX)
    return int(number)


def from_first(value: T) -> T:
    """The first process's value, in all of them."""
    if size() == 1:
        return value
    values: list[Any] = [value]
    dist.broadcast_object_list(values)
    return values[0]


def sum_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace each gradient by its sum over all processes.

    A parameter without a gradient anywhere keeps none (an optimizer passes it by, as it does alone).
    """
    if size() == 1:
        return
    trained = list(parameters)
    known = torch.tensor([p.grad is not None for p in trained], dtype=torch.int32)
    dist.all_reduce(known)
    works = []
    for parameter, number in zip(trained, known.tolist(), strict=True):
        if number:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            works.append(dist.all_reduce(parameter.grad, async_op=True))
    for work in works:
        work.wait()


def in_turn(batches: Sequence[B], work: Callable[[B], T]) -> Iterator[tuple[Sequence[B], list[T]]]:
    """Round by round: the batches of a round, one for each process, and `work(batch)` of each of them.

    The first process gets all results, the others none. Where the last round has too few batches, the last one is worked
    on again and dropped, so that a model whose weights are spread over the processes (`models/sharding.py`) always runs in
    all of them.
    """
    for start in range(0, len(batches), size()):
        turn = batches[start : start + size()]
        result = work(turn[min(rank(), len(turn) - 1)])
        if size() == 1:
            yield turn, [result]
            continue
        results: list[Any] | None = [None] * size() if leads() else None
        dist.gather_object(result, results)
        yield turn, (results or [])[: len(turn)]
