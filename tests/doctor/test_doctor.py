"""Each line of the doctor's screen, with probes that answer as a sick machine would."""

import errno
import fcntl
import http.server
import io
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import psutil
import pytest
import torch
from huggingface_hub import constants
from potstill import version_gate
from potstill.doctor import examination, folders, hardware, network, software
from potstill.doctor.finding import Finding
from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "hf_CANARYcanaryCANARYcanaryCANARYxy"


def only(findings) -> Finding:
    (finding,) = findings
    return finding


def states(findings) -> list[str]:
    return [finding.state for finding in findings]


# Software


def test_an_old_python(monkeypatch):
    assert only(software.python()).state == "ok"
    monkeypatch.setattr(software.sys, "version_info", (3, 10, 4, "final", 0))
    assert only(software.python()) == Finding(
        "Python", "problem", only(software.python()).found, "Python 3.11 or later is needed"
    )


def locked(tmp_path, text):
    (tmp_path / "envs").mkdir(exist_ok=True)
    (tmp_path / "envs" / "requirements.txt").write_text(text)
    return list(software.libraries(tmp_path))


def test_libraries_that_are_as_locked_another_version_and_missing(tmp_path):
    plain = f"torch=={torch.__version__.partition('+')[0]}\n"
    assert states(locked(tmp_path, plain)) == ["ok", "ok"]
    _, other = locked(tmp_path, plain + "psutil==1.0.0\n")
    assert (other.state, other.found) == (
        "note",
        f"1 of 2 differ from envs/requirements.txt: psutil {psutil.__version__} (1.0.0)",
    )
    _, missing = locked(tmp_path, plain + "no-such-library==1.0\n")
    assert (missing.state, missing.found) == ("problem", "not installed: no-such-library")


def test_a_library_with_a_known_hole(tmp_path, monkeypatch):
    monkeypatch.setattr(version_gate, "version", lambda name: "2.5.1" if name == "torch" else "5.3.0")
    danger = locked(tmp_path, "")[0]
    assert danger.state == "problem"
    assert danger.found.startswith("torch 2.5.1 is installed")


@pytest.mark.parametrize("found", ["8.30.0", None])
def test_an_old_snakemake_and_none(monkeypatch, found):
    assert only(software.snakemake()).state == "ok"
    monkeypatch.setattr(software, "_installed", lambda name: found)
    assert only(software.snakemake()).state == "problem"


# Hardware


def test_gpus_are_named_with_their_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    gpu = SimpleNamespace(name="Example GPU", total_memory=80e9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: gpu)
    cpu, found = hardware.devices()
    assert "cores" in cpu.found
    assert found.found.startswith("2: Example GPU (80 GB), Example GPU (80 GB)")


def test_a_gpu_that_torch_does_not_see(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(hardware.Path, "glob", lambda self, pattern: iter([self / "nvidia0"]))
    assert [finding.state for finding in hardware.devices()] == ["ok", "problem"]
    monkeypatch.setattr(hardware.Path, "glob", lambda self, pattern: iter([]))
    assert [finding.state for finding in hardware.devices()] == ["ok", "note"]


@pytest.mark.parametrize(("needed", "state"), [(0, "ok"), (3e9, "ok"), (6e9, "note"), (9e9, "problem")])
def test_memory_against_the_largest_job(monkeypatch, needed, state):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=8e9, available=4e9))
    assert only(hardware.memory(needed)).state == state


def test_a_lease_that_a_job_holds(tmp_path):
    assert only(hardware.leases(tmp_path / "none")).state == "ok"
    for name in ("0", "1"):
        (tmp_path / name).touch()
    assert only(hardware.leases(tmp_path)).found == "none held"
    with (tmp_path / "1").open() as job:
        fcntl.flock(job, fcntl.LOCK_EX)
        held = only(hardware.leases(tmp_path))
    assert (held.state, held.found) == ("note", "in use by jobs of Potstill: 1")


# Folders


def test_room_for_what_the_experiment_adds(tmp_path, monkeypatch):
    def free(amount):
        monkeypatch.setattr(folders.shutil, "disk_usage", lambda path: SimpleNamespace(free=amount))

    free(50e9)
    assert states(folders.room(tmp_path / "not" / "yet", 20e9)) == ["ok", "ok"]
    free(10e9)
    short, temporary = folders.room(tmp_path, 20e9)
    assert (short.state, temporary.state) == ("problem", "ok")
    assert "10.0 GB free" in short.found
    assert "about 20.00 GB" in short.found
    free(5e8)
    assert states(folders.room(tmp_path, 0)) == ["problem", "note"]


def test_a_results_folder_that_works_and_is_left_as_it_was(tmp_path):
    assert only(folders.writing(tmp_path / "results")).state == "ok"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_results_folder_that_cannot_be_written(tmp_path, monkeypatch, code):
    def refuse(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(folders.os, "replace", refuse)
    found = only(folders.writing(tmp_path))
    assert found.state == "problem"
    assert os.strerror(code) in found.found
    assert ("free some space" in found.cure) == (code == errno.ENOSPC)


def test_a_file_in_place_of_the_results_folder(tmp_path):
    (tmp_path / "results").touch()
    assert only(folders.writing(tmp_path / "results")).state == "problem"


def test_a_file_system_without_locks_and_one_of_the_network(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_file_system", lambda folder: "nfs4")
    assert (only(folders.writing(tmp_path)).state, "docs/cluster.md" in only(folders.writing(tmp_path)).cure) == (
        "note",
        True,
    )

    def refuse(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(folders.fcntl, "flock", refuse)
    assert "flock does not" in only(folders.writing(tmp_path)).found
    monkeypatch.setattr(folders.fcntl, "flock", lambda *arguments: None)  # as some network file systems do
    assert "flock does not" in only(folders.writing(tmp_path)).found


def test_a_lock_of_a_dead_snakemake_of_a_living_one_and_of_nobody(tmp_path):
    folder = tmp_path / ".snakemake"
    assert only(folders.snakemake_lock(tmp_path)).state == "ok"
    (folder / "locks").mkdir(parents=True)
    (folder / "locks" / "0.output.lock").touch()
    unknown = only(folders.snakemake_lock(tmp_path))
    assert (unknown.state, "snakemake --unlock" in unknown.cure) == ("problem", True)
    (folder / "at_work").mkdir()
    mark = folder / "at_work" / f"{socket.gethostname()}.7"
    mark.touch()
    dead = only(folders.snakemake_lock(tmp_path))
    assert (dead.state, "the next call removes it" in dead.found) == ("ok", True)
    with mark.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert only(folders.snakemake_lock(tmp_path)).state == "note"
    assert mark.exists(), "the doctor only looks"


# Network


class Answering(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_HEAD(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize("status", [200, 401, 503])
def test_a_hub_that_answers_whatever_it_says(server, monkeypatch, status):
    monkeypatch.setattr(Answering, "status", status)
    monkeypatch.setattr(constants, "ENDPOINT", server)
    monkeypatch.setattr(huggingface_hub, "is_offline_mode", lambda: False)
    assert only(network.hub(True)).state == "ok"


@pytest.mark.parametrize(("needed", "state"), [(True, "problem"), (False, "note")])
def test_a_hub_that_does_not_answer_matters_where_it_is_needed(monkeypatch, needed, state):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(huggingface_hub, "is_offline_mode", lambda: False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://me:secret@127.0.0.1:9")
    found = only(network.hub(needed))
    assert found.state == state
    assert found.found.startswith("http://***@127.0.0.1:9 does not answer: ")
    monkeypatch.setattr(huggingface_hub, "is_offline_mode", lambda: True)
    assert only(network.hub(needed)).state == state
    assert "HF_HUB_OFFLINE is set" in only(network.hub(needed)).found


@pytest.mark.parametrize(
    ("token", "state", "found"),
    [
        (TOKEN, "ok", "set (hf_…xy)"),
        (None, "note", "none"),
        ("hunter2", "note", "one is set, but it does not look like"),
    ],
)
def test_a_token_is_never_shown(monkeypatch, token, state, found):
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: token)
    finding = only(network.token())
    assert finding.state == state
    assert finding.found.startswith(found)
    assert "CANARY" not in str(finding)
    assert "hunter2" not in str(finding)


def test_wheels(tmp_path, server, monkeypatch):
    monkeypatch.setenv("POTSTILL_WHEELS", str(tmp_path))
    (tmp_path / "a.whl").touch()
    assert only(network.wheels()).found.startswith("1 in ")
    monkeypatch.setenv("POTSTILL_WHEELS", str(tmp_path / "none"))
    assert only(network.wheels()).state == "problem"
    monkeypatch.delenv("POTSTILL_WHEELS")
    monkeypatch.setenv("PIP_INDEX_URL", server)
    assert only(network.wheels()).state == "ok"
    monkeypatch.setenv("PIP_INDEX_URL", "http://me:secret@127.0.0.1:9/simple")
    found = only(network.wheels())
    assert (found.state, "secret" in str(found)) == ("note", False)


SINFO = {
    "partitions": (
        "#!/bin/sh\necho 'cpu* up 2 nodes (null)'\necho 'gpu up 1 nodes gpu:2'\n",
        "ok",
        "cpu* up 2 nodes (null); gpu up",
    ),
    "no controller": (
        "#!/bin/sh\necho 'slurm_load_partitions: Unable to contact' >&2\nexit 1\n",
        "note",
        "Unable to contact",
    ),
    "hangs": ("#!/bin/sh\nexec sleep 60\n", "note", "does not answer (TimeoutExpired)"),
}


@pytest.mark.parametrize("case", SINFO)
def test_a_cluster(tmp_path, monkeypatch, case):
    script, state, found = SINFO[case]
    monkeypatch.setattr(network, "SECONDS", 0.2 if case == "hangs" else 5.0)
    for name in ("sinfo", "sbatch"):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    finding = only(network.slurm())
    assert finding.state == state
    assert found in finding.found


def test_no_cluster_is_nothing_to_mend(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert only(network.slurm()).state == "ok"


# The screen


FINDINGS = [
    Finding("GPU", "ok", "1: Example [80 GB]"),
    Finding("Hub token", "note", "none", "set HF_TOKEN"),
    Finding("results folder", "problem", "read-only", "make it writable"),
]


def test_plain_lines_where_nobody_looks(capsys):
    assert examination.show(FINDINGS, Console(file=io.StringIO())) == 1
    assert capsys.readouterr().out == (
        "ok      GPU               1: Example [80 GB]\n"
        "note    Hub token         none -> set HF_TOKEN\n"
        "problem results folder    read-only -> make it writable\n"
        "1 problem\n"
    )
    assert examination.show(FINDINGS[:2], Console(file=io.StringIO())) == 0
    assert capsys.readouterr().out.endswith("nothing stands in the way\n")


def test_a_table_in_colours_on_a_terminal_and_none_where_colours_are_not_wanted(monkeypatch):
    screens = {}
    for wanted in (True, False):
        if not wanted:
            monkeypatch.setenv("NO_COLOR", "1")
        stream = io.StringIO()
        examination.show(FINDINGS, Console(file=stream, force_terminal=True, width=100, color_system="standard"))
        screens[wanted] = stream.getvalue()
    assert "\x1b[32m" in screens[True]
    assert "\x1b[3" not in screens[False]
    assert "1: Example [80 GB]" in screens[False]
    assert "-> make it writable" in screens[False]


def test_a_look_that_goes_wrong_is_a_line_of_the_screen():
    def look():
        raise RuntimeError("driver")
        yield

    assert only(examination._asked("GPU", look)) == Finding(
        "GPU", "note", "could not be looked at (RuntimeError: driver)"
    )


def test_a_configuration_that_cannot_be_planned_is_a_problem_and_the_rest_is_looked_at(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(network, "unreachable", lambda address: "not asked")
    found = {finding.subject: finding for finding in examination.examine(ROOT, ["experiment=no-such"])}
    assert found["configuration"].state == "problem"
    assert "no-such.yaml: no such file" in found["configuration"].found
    assert {"Python", "CPU", "disk: results", "Hub", "SLURM"} <= set(found)


def test_the_script_ends_with_1_for_a_problem_alone_and_shows_no_token(tmp_path):
    environment = {**os.environ, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "1", "PIP_INDEX_URL": "http://127.0.0.1:9"}
    (tmp_path / "config").mkdir()
    script = [sys.executable, str(ROOT / "workflow_scripts" / "doctor.py")]

    def call(*config: str) -> subprocess.CompletedProcess[str]:
        command = [*script, "--config", "experiment=smoke", f"results={tmp_path}/results", *config]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)

    well, ill = call(), call("code=no-such")
    # This machine may have a problem of its own.
    assert (well.returncode, ill.returncode) == (int("\nproblem " in well.stdout), 1), well.stdout + ill.stdout
    assert "set (hf_…xy)" in well.stdout
    assert "CANARY" not in well.stdout + well.stderr + ill.stdout + ill.stderr
    assert "problem configuration" in ill.stdout
