"""One job, one device: processes contend for pretended devices, and are killed while they hold them."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from potstill.devices import lease
from potstill.errors import ConfigError

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"
# Takes devices, writes down when it had which (a line in a file opened for appending is whole), and ends.
HOLDER = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from potstill.devices.lease import take_devices
log, count, hold = open(sys.argv[2], "a", buffering=1), int(sys.argv[3]), float(sys.argv[4])
import potstill.devices.lease as lease
lease.POLL_SECONDS = 0.01
take_devices(count, threads=1)
devices = os.environ["CUDA_VISIBLE_DEVICES"]
log.write(f"{time.monotonic()} take {os.getpid()} {devices}\\n")
time.sleep(hold)
log.write(f"{time.monotonic()} leave {os.getpid()} {devices}\\n")
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Two pretended devices, their locks in a folder of their own."""
    monkeypatch.setenv("POTSTILL_DEVICES", "0,1")
    monkeypatch.setenv("POTSTILL_LEASES", str(tmp_path / "leases"))
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(lease, "_held", [])
    yield tmp_path
    for descriptor in lease._held:
        os.close(descriptor)


def start(machine, count=1, hold=0.02):
    command = [sys.executable, "-c", HOLDER, str(SCRIPTS), str(machine / "log"), str(count), str(hold)]
    return subprocess.Popen(command)


def events(machine):
    """Everything written so far, in the order in which it happened."""
    text = (machine / "log").read_text() if (machine / "log").exists() else ""
    found = [line.split() for line in text.splitlines()]
    return sorted((float(at), what, int(pid), devices) for at, what, pid, devices in found)


def held_at_once(machine):
    """The most devices that were held at a time; no device may be held by two."""
    holders: dict[str, int] = {}
    most = 0
    for _, what, pid, devices in events(machine):
        for device in devices.split(","):
            if what == "take":
                assert device not in holders, f"{device} held by {holders[device]} and {pid}"
                holders[device] = pid
            else:
                assert holders.pop(device) == pid
        most = max(most, len(holders))
    return most


def take(count=1, threads=1, granted=None, **environment):
    merged = os.environ | environment
    lease.take_devices(count, threads=threads, granted=granted, environment=merged)
    return merged.get("CUDA_VISIBLE_DEVICES")


def test_many_processes_never_share_a_device_and_use_both(machine):
    """Jobs for one and for both devices, all at once."""
    processes = [start(machine, count) for count in (1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 1)]
    assert [process.wait(timeout=120) for process in processes] == [0] * len(processes)
    assert held_at_once(machine) == 2
    taken = Counter(
        device for _, what, _, devices in events(machine) if what == "take" for device in devices.split(",")
    )
    assert taken.total() == 15
    assert min(taken.values()) >= 3


def test_kill_9_frees_the_device(machine):
    holders = [start(machine, hold=600) for _ in range(2)]
    while len(events(machine)) < 2:
        time.sleep(0.01)
    waiting = start(machine)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(timeout=1)
    holders[0].send_signal(signal.SIGKILL)
    assert waiting.wait(timeout=60) == 0
    freed = [devices for _, what, pid, devices in events(machine) if what == "take" and pid == holders[0].pid]
    assert [devices for _, what, pid, devices in events(machine) if pid == waiting.pid] == freed * 2
    holders[1].kill()
    holders[0].wait(), holders[1].wait()


def test_a_job_has_its_device_until_it_ends_and_the_next_gets_another(machine):
    assert [take(), take()] == ["0", "1"]
    assert len(lease._held) == 2
    assert not any(os.get_inheritable(descriptor) for descriptor in lease._held)  # a child that stays keeps nothing


def test_waiting_says_so(machine, monkeypatch, capsys):
    take(), take()

    def free_one(seconds):
        os.close(lease._held.pop())

    monkeypatch.setattr(lease.time, "sleep", free_one)
    assert take() == "1"
    assert "waiting for 1 free of 2 devices (0,1)" in capsys.readouterr().err


def test_all_or_none(machine, monkeypatch):
    """Two jobs that want both devices and hold one each would wait for ever."""
    take()
    open_files = len(os.listdir("/proc/self/fd"))
    waited = []

    def look(seconds):
        waited.append(len(os.listdir("/proc/self/fd")))
        os.close(lease._held.pop())

    monkeypatch.setattr(lease.time, "sleep", look)
    assert take(2) == "0,1"
    assert waited == [open_files]


def test_only_allowed_devices_are_taken_and_the_order_of_the_bus_is_set(machine):
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "1"}
    lease.take_devices(1, threads=1, environment=environment)
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_without_a_gpu_nothing_happens(machine):
    assert take(POTSTILL_DEVICES="") is None
    assert not (machine / "leases").exists()
    assert lease._held == []


def test_what_slurm_gave_is_taken_as_it_is(machine):
    """Two jobs of one node may both see their device as number 0."""
    for job in ("17", "18"):
        assert take(SLURM_JOB_ID=job, CUDA_VISIBLE_DEVICES="0") == "0"
    assert not (machine / "leases").exists()


def test_jobs_within_one_allocation_share_its_devices_out(machine):
    given = {"SLURM_JOB_ID": "17", "CUDA_VISIBLE_DEVICES": "0,1"}
    assert [take(**given), take(**given)] == ["0", "1"]
    assert take(SLURM_JOB_ID="18", CUDA_VISIBLE_DEVICES="0,1") == "0"


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (
            3,
            {},
            r"3 devices are asked for, but this job was given 2 \(visible: 0,1\): ask for more \(--resources gpu=3",
        ),
        (2, {"granted": 1}, r"was given 1 \(visible: 0,1; resources: gpu=1\)"),
        (2, {"CUDA_VISIBLE_DEVICES": "1"}, r"was given 1 \(visible: 1\)"),
        (2, {"POTSTILL_DEVICES": ""}, r"there is no GPU here, and 1 CPU threads are too few .* --cores 2 or more"),
    ],
)
def test_more_than_was_given_is_refused_at_once(machine, count, options, message):
    with pytest.raises(ConfigError, match=message):
        take(count, **options)


def test_a_scheduler_that_counted_nothing_refuses_nothing(machine):
    assert take(2, granted=0) == "0,1"
    assert take(2, threads=2, granted=1, POTSTILL_DEVICES="") is None


def test_the_folder_and_its_files_are_for_everybody(machine, monkeypatch):
    mask = os.umask(0o077)
    try:
        take()
    finally:
        os.umask(mask)
    assert stat.S_IMODE((machine / "leases").stat().st_mode) == 0o1777
    assert stat.S_IMODE((machine / "leases" / "0").stat().st_mode) == 0o644


def test_a_file_of_another_user_is_locked_though_it_cannot_be_written(machine):
    (machine / "leases").mkdir()
    (machine / "leases" / "0").touch(mode=0o444)
    assert take() == "0"


def test_a_lock_on_a_file_that_was_removed_meanwhile_does_not_count(machine, monkeypatch):
    """Cleaning up /tmp between opening and locking would give a device to two."""
    opened, cleaned = lease._open, []

    def open_and_lose(file):
        descriptor = opened(file)
        if not cleaned:
            cleaned.append(file)
            file.unlink()
        return descriptor

    monkeypatch.setattr(lease, "_open", open_and_lose)
    assert take() == "1"
    monkeypatch.setattr(lease, "_open", opened)
    assert take() == "0"


def test_a_folder_that_cannot_be_used_is_named(machine):
    (machine / "leases").touch()
    with pytest.raises(ConfigError, match=r"leases/0: cannot be opened .* POTSTILL_LEASES names another one"):
        take()
