"""What stages share: arguments that are too long for a command line lie in files, which are checked like all others."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from potstill import stage
from potstill.errors import ArtefactError
from potstill.plan.plan import _inline_or_file

LONG = json.dumps({"runs": ["x" * 50] * 1000})


def written(folder: Path) -> Path:
    (argument,) = shlex.split(_inline_or_file(LONG, str(folder)))
    return Path(argument.removeprefix("@"))


def test_a_long_argument_is_read_back_from_its_file(tmp_path: Path) -> None:
    assert stage._json(f"@{written(tmp_path)}") == json.loads(LONG)
    assert stage._json('{"a": 1}') == {"a": 1}
    (tmp_path / "own.json").write_text('{"b": 2}')
    assert stage._json(f"@{tmp_path / 'own.json'}") == {"b": 2}


@pytest.mark.parametrize("place", [0, 30, 30_000, len(LONG) - 1])
def test_a_changed_long_argument_stops_its_job_and_is_written_anew_by_the_next_call(tmp_path: Path, place: int) -> None:
    file = written(tmp_path)
    changed = bytearray(file.read_bytes())
    changed[place] ^= 1
    file.write_bytes(changed)
    with pytest.raises(ArtefactError, match=rf"{file}: damaged\. Start snakemake again"):
        stage._json(f"@{file}")
    assert written(tmp_path) == file
    assert stage._json(f"@{file}") == json.loads(LONG)


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
