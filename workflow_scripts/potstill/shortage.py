"""What a person is told when the machine gives no more: no memory, or no room on its disk."""

import sys
from pathlib import Path

from potstill.errors import PotstillError
from potstill.storage import storage_error


def shortage_error(error: BaseException, folder: Path) -> PotstillError | None:
    """An error whose reason is the machine's memory, or the file system of `folder`, in words; None for any other."""
    return storage_error(error, folder) or memory_error(error)


def memory_error(error: BaseException) -> PotstillError | None:
    """An error of memory that was refused where no smaller batch helps; None for any other error.

    A batch that does not fit is halved where it is worked on (`models/memory.py`) and does not come here.
    """
    short = isinstance(error, MemoryError)
    if "torch" in sys.modules:  # or the error is not torch's, and its import would take seconds
        from potstill.models.memory import is_out_of_memory

        short = is_out_of_memory(error)
    if not short:
        return None
    reason = str(error).partition("\n")[0] or type(error).__name__
    return PotstillError(
        f"out of memory outside of a batch, which would have been made smaller ({reason}). A training keeps weights, gradients "
        "and AdamW's two moments of all that it trains: training.lora trains less; training.devices shares the "
        "batches only. A teacher takes less with teacher.precision: bf16, or spread over several devices (teacher.devices, "
        "teacher.shard). Or free the device and the memory that other programs use; the same command goes on"
    )
