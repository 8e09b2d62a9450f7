"""A lock that a killed Snakemake left is told from the lock of one that is at work."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from potstill.plan import at_work

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"
CALL = """
import sys, time
from pathlib import Path
from potstill.plan.at_work import announce
print(announce(Path(sys.argv[1])), flush=True)
time.sleep(60)
"""


def snakemake_in(folder):
    """A process that has announced itself, and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", CALL, folder],
        env=os.environ | {"PYTHONPATH": SCRIPTS},
        text=True,
        stdout=subprocess.PIPE,
    )
    return process, process.stdout.readline().strip()


@pytest.fixture
def folder(tmp_path):
    started = []

    def start():
        process, said = snakemake_in(tmp_path)
        started.append(process)
        return process, said

    start.folder = tmp_path
    yield start
    for process in started:
        process.kill()
        process.wait()


def lock(folder):
    (folder / "locks").mkdir()
    (folder / "locks/0.input.lock").write_text("a\n")


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_the_lock_of_a_killed_process_is_removed_and_that_is_said(folder):
    first, said = folder()
    assert not said
    lock(folder.folder)
    kill(first)
    _, said = folder()
    assert "removed the lock of a Snakemake that was killed" in said
    assert f".{first.pid})" in said
    assert not (folder.folder / "locks").exists()


def test_the_lock_of_a_process_at_work_stays(folder):
    first, _ = folder()
    dead, _ = folder()
    kill(dead)
    lock(folder.folder)
    _, said = folder()
    assert not said
    assert (folder.folder / "locks/0.input.lock").exists()
    kill(first)


def test_a_lock_that_nobody_announced_stays(folder):
    """Left before marks were: nobody knows by whom."""
    lock(folder.folder)
    folder()
    assert (folder.folder / "locks").exists()


def test_another_machine_is_taken_to_be_at_work_and_the_message_names_the_way(folder):
    mark = folder.folder / "at_work/elsewhere.17"
    mark.parent.mkdir()
    mark.touch()
    lock(folder.folder)
    first, said = folder()
    assert f"rm {mark} && snakemake --unlock" in said
    kill(first)
    _, said = folder()
    assert f"rm {mark}" in said
    assert (folder.folder / "locks").exists()


def test_who_ends_in_peace_leaves_no_mark(tmp_path):
    code = CALL.replace("time.sleep(60)", "pass")
    subprocess.run([sys.executable, "-c", code, tmp_path], env=os.environ | {"PYTHONPATH": SCRIPTS}, check=True)
    assert [path.name for path in (tmp_path / at_work.MARKS).iterdir()] == ["guard"]
