"""What is said when memory is refused outside of a batch."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from potstill import stage
from potstill.shortage import memory_error, shortage_error

CUDA = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB\nand more")


@pytest.mark.parametrize("error", [CUDA, MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: x")])
def test_memory_that_is_refused_is_explained_in_one_line(error: Exception, tmp_path: Path) -> None:
    said = str(shortage_error(error, tmp_path))
    assert said.startswith("out of memory outside of a batch")
    assert (str(error).partition("\n")[0] or "MemoryError") in said
    assert "training.lora" in said
    assert "teacher.shard" in said
    assert "\n" not in said


def test_a_full_disk_is_no_lack_of_memory(tmp_path: Path) -> None:
    assert "no space is left" in str(shortage_error(OSError(errno.ENOSPC, "x"), tmp_path))


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("shapes do not match")])
def test_other_errors_are_not_explained_away(error: Exception, tmp_path: Path) -> None:
    assert shortage_error(error, tmp_path) is None
    assert memory_error(error) is None


def test_a_stage_without_torch_explains_it_too() -> None:
    """One message, exit code 2, no traceback, and torch is not imported for it."""
    script = (
        "import sys\n"
        "from potstill.stage import explain_errors\n"
        "try:\n    with explain_errors():\n        raise MemoryError\n"
        "finally:\n    assert 'torch' not in sys.modules\n"
    )
    command = [sys.executable, "-c", script]
    environment = {"PYTHONPATH": str(Path(stage.__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: out of memory outside of a batch")
    assert done.stderr.count("\n") == 1
