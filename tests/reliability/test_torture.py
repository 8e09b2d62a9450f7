"""The short form of `make torture`, as a user would call it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_killed_stopped_and_interrupted_at_random_everything_ends_with_the_same_bytes(tmp_path: Path) -> None:
    command = [sys.executable, Path(__file__).with_name("torture.py"), "--keep", tmp_path, "--seed", "1"]
    counts = ["--kills", "20", "--terms", "4", "--ints", "4"]
    done = subprocess.run([*command, *counts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kills, inside = map(int, re.search(r"(\d+) kill -9, (\d+) of them forced inside a write", done.stdout).groups())
    assert kills >= 20
    assert inside >= kills / 4
    for ended, rounds in re.findall(r"(\d+) of (\d+) rounds ended with the undisturbed bytes", done.stdout):
        assert ended == rounds != "0"
    assert "0 duplicated rows" in done.stdout
