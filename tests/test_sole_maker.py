"""Two processes that want the same artefact: one makes it, the other waits."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from potstill import artefacts
from potstill.sole_maker import sole_maker

SCRIPTS = Path(__file__).parents[1] / "workflow_scripts"
STAGE = """
import os, time
from pathlib import Path
from potstill import artefacts
from potstill.stage import run

def main(stage):
    with artefacts.writing(stage.output, spec={}) as folder:
        with open(stage.spec["journal"], "a") as journal:
            journal.write("made\\n")
        while not os.path.exists(stage.spec["go"]):
            time.sleep(0.01)
        (folder / "a").write_text("a")

run(main)
"""


def stage(tmp_path):
    spec = json.dumps({"journal": str(tmp_path / "journal"), "go": str(tmp_path / "go")})
    command = [sys.executable, "-c", STAGE, "--spec", spec, "--output", tmp_path / "results/thing"]
    environment = os.environ | {"PYTHONPATH": SCRIPTS}
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def begun(tmp_path, times):
    while not (tmp_path / "journal").exists() or (tmp_path / "journal").read_text().count("made") < times:
        time.sleep(0.01)


def test_the_second_waits_and_makes_nothing(tmp_path):
    first = stage(tmp_path)
    begun(tmp_path, 1)
    second = stage(tmp_path)
    assert "another process makes" in second.stdout.readline()
    (tmp_path / "go").touch()
    assert first.wait() == second.wait() == 0
    assert "has made it meanwhile" in second.stdout.read()
    assert (tmp_path / "journal").read_text() == "made\n"
    artefacts.verify(tmp_path / "results/thing")
    assert os.listdir(tmp_path / "results") == ["thing"]


def test_when_the_first_is_killed_the_second_does_the_work(tmp_path):
    first = stage(tmp_path)
    begun(tmp_path, 1)
    second = stage(tmp_path)
    assert "another process makes" in second.stdout.readline()
    first.send_signal(signal.SIGKILL)
    begun(tmp_path, 2)
    (tmp_path / "go").touch()
    assert second.wait() == 0
    artefacts.verify(tmp_path / "results/thing")
    assert os.listdir(tmp_path / "results") == ["thing"], "the killed one's folder and lock are gone"


def test_processes_of_one_job_do_not_wait_for_each_other(tmp_path):
    """A launcher and its workers have the same command line."""
    (tmp_path / "go").touch()
    with sole_maker(tmp_path / "results/thing", print):
        assert stage(tmp_path).wait() == 0


def test_without_locks_the_first_to_finish_wins(tmp_path, monkeypatch):
    monkeypatch.setattr("potstill.sole_maker.lock", lambda descriptor: None)
    with sole_maker(tmp_path / "thing", print):
        monkeypatch.delenv("POTSTILL_MAKES")
        with sole_maker(tmp_path / "thing", print):
            pass
    assert os.listdir(tmp_path) == []
