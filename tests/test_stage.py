"""What stages share: no library starts more threads than a job has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from potstill import stage

COUNT_THREADS = """
import sys
from potstill.stage import limit_threads
limit_threads(int(sys.argv[1]))
import numpy, os, pyarrow, torch
numpy.ones((600, 600)) @ numpy.ones((600, 600))
torch.ones(600, 600) @ torch.ones(600, 600)
print(len(os.listdir("/proc/self/task")), torch.get_num_threads(), pyarrow.cpu_count())
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux shows them")
def test_no_library_starts_more_threads_than_the_job_has() -> None:
    """Whatever the user's shell says: numpy, torch and Arrow each have a variable of their own."""
    wished = {f"{name}_NUM_THREADS": "5" for name in ("OMP", "OPENBLAS", "MKL")}
    environment = os.environ | wished | {"PYTHONPATH": str(Path(stage.__file__).parents[1])}
    command = [sys.executable, "-c", COUNT_THREADS, "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    running, torch_threads, arrow_threads = map(int, done.stdout.split())
    assert (torch_threads, arrow_threads) == (1, 1)
    assert running <= 2  # the one that computes, and one of Arrow's that waits for signals
