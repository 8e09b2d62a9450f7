"""When a batch does not fit: less at once, and the same result."""

import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from potstill.errors import ConfigError
from potstill.models.task_model import TaskModel

T = TypeVar("T")
R = TypeVar("R")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was refused: by cuda, by mps, or by the system to a CPU that asked for very much at once."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and (
        "DefaultCPUAllocator: can't allocate memory" in str(error) or "MPS backend out of memory" in str(error)
    )


def free_memory() -> None:
    """Give back what a failed attempt left; call it when its exception, which holds its tensors, is gone."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def in_parts_that_fit(work: Callable[[Sequence[T]], list[R]], model: TaskModel) -> Callable[[Sequence[T]], list[R]]:
    """The same work, which gives one result an item, done in halves where memory is short, down to single items.

    What a model says of an example does not depend on what else is in its batch, but for rounding. A model that is
    spread over processes has to run in all of them at the same time: nothing is tried again there.
    """

    def parts(items: Sequence[T]) -> list[R]:
        try:
            return work(items)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).partition("\n")[0]
        if len(items) == 1 or model.is_sharded:
            raise ConfigError(
                f"out of memory with a batch of {len(items)} examples ({reason}). Lower targets.token_budget or the "
                "task's max_input_tokens, compute in less (teacher.precision: bf16), or spread the teacher over more "
                "devices (teacher.devices, teacher.shard)"
            )
        free_memory()
        print(f"note: out of memory with a batch of {len(items)} examples; now in halves", flush=True)
        middle = len(items) // 2
        return parts(items[:middle]) + parts(items[middle:])

    return parts
