"""What killed processes leave is removed by whoever makes the same thing next; what others are at work on stays."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from potstill import temporary
from potstill.artefacts import write_atomically
from potstill.temporary import temporary_file, temporary_folder

SCRIPTS = Path(__file__).parents[1] / "workflow_scripts"
WORK = """
import sys, time
from pathlib import Path
from potstill.temporary import temporary_file, temporary_folder
with temporary_folder(Path(sys.argv[1])) as folder, temporary_file(Path(sys.argv[1])):
    (folder / "half").write_text("half")
    print("at work", flush=True)
    time.sleep(60)
"""


def worker(target):
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, target], env=os.environ | {"PYTHONPATH": SCRIPTS}, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    return process


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    dead, living, other = worker(tmp_path / "a"), worker(tmp_path / "a"), worker(tmp_path / "ab")
    assert len(os.listdir(tmp_path)) == 6
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    with temporary_folder(tmp_path / "a"):
        pass
    assert len(os.listdir(tmp_path)) == 4
    for process in (living, other):
        process.kill()
        process.wait()
    with temporary_file(tmp_path / "a"):
        assert sum(name.startswith(".a.") for name in os.listdir(tmp_path)) == 1
    with temporary_folder(tmp_path / "ab"):
        pass
    assert os.listdir(tmp_path) == []


def test_what_lies_there_from_another_machine_stays(tmp_path):
    foreign = tmp_path / ".a.elsewhere.xyz.tmp"
    foreign.mkdir()
    with temporary_folder(tmp_path / "a"):
        pass
    assert foreign.exists()


def test_several_writers_of_one_small_file_do_not_disturb_each_other(tmp_path):
    """Each tidies up while the others are between making their file and locking it."""
    code = (
        "import sys; from potstill.artefacts import write_atomically\n"
        "for n in range(50): write_atomically(sys.argv[1], sys.argv[2] * 1000)"
    )
    command = [sys.executable, "-c", code, tmp_path / "record"]
    environment = os.environ | {"PYTHONPATH": SCRIPTS}
    writers = [subprocess.Popen([*command, str(n)], env=environment) for n in range(4)]
    while any(writer.poll() is None for writer in writers):
        if (tmp_path / "record").exists():
            assert len(set((tmp_path / "record").read_text())) == 1
        time.sleep(0.001)
    assert [writer.returncode for writer in writers] == [0] * 4
    assert os.listdir(tmp_path) == ["record"]
    write_atomically(tmp_path / "record", "the end")
    assert (tmp_path / "record").read_text() == "the end"


@pytest.mark.parametrize("moment", ["opened", "locked"])
def test_a_new_folder_that_somebody_tidies_up_before_it_is_locked_is_made_again(tmp_path, monkeypatch, moment):
    made = []

    def mkdtemp(**names):
        made.append(tempfile.mkdtemp(**names))
        if moment == "opened" and len(made) == 1:
            os.rmdir(made[0])
        return made[-1]

    def lock(descriptor):
        if moment == "locked" and len(made) == 1:
            os.rmdir(made[0])
        return temporary_lock(descriptor)

    temporary_lock = temporary.lock
    monkeypatch.setattr(temporary, "tempfile", SimpleNamespace(mkdtemp=mkdtemp))
    monkeypatch.setattr(temporary, "lock", lock)
    with temporary_folder(tmp_path / "thing") as folder:
        assert [os.fspath(folder)] == made[1:]
        assert folder.is_dir()
    assert os.listdir(tmp_path) == []
