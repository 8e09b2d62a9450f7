"""A stage on several devices, seen from outside: one command, one exit code, one message, nothing left running."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from potstill.devices import launch
from potstill.jobs import without_prefixes

STAGE = Path(__file__).with_name("small_stage.py")
SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"
pytestmark = pytest.mark.slow


def start(folder, end, *arguments, devices=2, threads=2, **environment):
    command = [sys.executable, str(STAGE), "--spec", json.dumps({"end": end}), "--output", str(folder / "out")]
    command += ["--devices", str(devices), "--threads", str(threads), *arguments]
    settings = {"POTSTILL_DEVICES": "", "POTSTILL_LEASES": str(folder / "leases"), "PYTHONPATH": str(SCRIPTS)}
    merged = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"} | settings | environment
    return subprocess.Popen(command, env=merged, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process):
    out, err = (without_prefixes(text) for text in process.communicate(timeout=120))
    return process.returncode, out, err


def facts(folder, processes=2):
    """What each process left, as soon as all have."""
    files = [folder / "out" / f"{rank}.json" for rank in range(processes)]
    while not all(file.exists() and file.read_text() for file in files):
        time.sleep(0.02)
    return [json.loads(file.read_text()) for file in files]


def gone(pids):
    """Wait until none of the processes is left (the kernel may still be at it)."""
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=60)
    return not alive


def test_each_process_has_one_of_the_devices_and_its_share_of_the_threads(tmp_path):
    code, out, err = ended(start(tmp_path, "well", POTSTILL_DEVICES="0,1,2", CUDA_VISIBLE_DEVICES="2,0"))
    assert (code, err) == (0, "")
    assert out == "process 0 speaks\n"  # what all say is said once
    found = facts(tmp_path)
    assert [process["devices"] for process in found] == ["2", "0"]
    cores = len(os.sched_getaffinity(0))
    assert {(process["threads"], process["omp"]) for process in found} == {(max(1, min(2, cores) // 2), "1")}
    assert [process["sum"] for process in found] == [3, 3]


def test_a_finished_process_is_not_lost_in_the_clean_up_of_python(tmp_path):
    """There a thread of gloo that still holds the last tensor aborts the process, one time in many on a busy machine."""
    assert ended(start(tmp_path, "clean-up aborts")) == (0, "process 0 speaks\n", "")


def test_one_device_needs_no_launcher(tmp_path):
    process = start(tmp_path, "well", devices=1, threads=1, POTSTILL_DEVICES="0,1")
    assert ended(process) == (0, "process 0 speaks\n", "")
    (found,) = facts(tmp_path, 1)
    assert (found["pid"], found["devices"], found["sum"]) == (process.pid, "0", 1)


def test_a_mistake_is_told_once(tmp_path):
    assert ended(start(tmp_path, "refuse"))[::2] == (2, "error: what a user can mend\n")


def test_what_one_process_alone_sees_ends_all(tmp_path):
    assert ended(start(tmp_path, "second refuses"))[::2] == (2, "error: only the second process saw it\n")
    assert gone(process["pid"] for process in facts(tmp_path))


def test_a_bug_in_a_silent_process_shows_its_traceback(tmp_path):
    code, _, err = ended(start(tmp_path, "second crashes"))
    assert code == 1
    assert "ZeroDivisionError: a bug of ours" in err


def test_a_killed_process_ends_the_job(tmp_path):
    code, _, err = ended(start(tmp_path, "second is killed"))
    assert code == 128 + signal.SIGKILL
    assert "process 1 speaks\nerror: process 1 was ended by SIGKILL\n" in err
    assert gone(process["pid"] for process in facts(tmp_path))


def test_kill_9_of_the_command_kills_all_its_processes(tmp_path):
    """It held the lease: they must not compute on devices that others may take now."""
    process = start(tmp_path, "wait")
    pids = [found["pid"] for found in facts(tmp_path)]
    assert all(psutil.pid_exists(pid) for pid in pids)
    process.kill()
    process.wait()
    assert gone(pids)


def test_ctrl_c_is_one_message(tmp_path):
    process = start(tmp_path, "wait")
    facts(tmp_path)
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert err == "error: interrupted; nothing half-made was left\n"


def test_more_than_there_is_is_refused_before_anything_starts(tmp_path):
    code, out, err = ended(start(tmp_path, "well", threads=1))
    assert (code, out) == (2, "")
    assert err.startswith("error: 2 devices are asked for, but there is no GPU here, and 1 CPU threads are too few")
    code, _, err = ended(start(tmp_path, "well", "--granted", "1", POTSTILL_DEVICES="0,1"))
    assert (code, "this job was given 1" in err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_started_processes_know_who_started_them(monkeypatch):
    monkeypatch.delenv(launch.LAUNCHER, raising=False)
    assert not launch.is_started_by_launcher()
    monkeypatch.setenv(launch.LAUNCHER, "1")
    assert launch.is_started_by_launcher()
