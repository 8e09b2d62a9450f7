"""Versions with a known hole are refused before anything of them is imported."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version
from potstill import version_gate
from potstill.errors import PotstillError

ROOT = Path(__file__).resolve().parents[1]


def pretend(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise version_gate.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(version_gate, "version", version)


@pytest.mark.parametrize("torch", ["2.5.1", "2.9.1+cu128", "2.10.0a0+git1234", "2.10.0rc3"])
def test_an_old_torch_is_refused_with_the_reason_and_the_remedy(monkeypatch: pytest.MonkeyPatch, torch: str) -> None:
    pretend(monkeypatch, torch=torch, transformers="5.3.0")
    with pytest.raises(PotstillError) as caught:
        version_gate.refuse_unsafe()
    (what, remedy) = str(caught.value).splitlines()
    assert what.startswith(f"torch {torch} is installed, 2.10.0 or later is needed (CVE-2025-32434, CVE-2026-24747")
    assert remedy.endswith("pip install -r envs/requirements.txt")


def test_an_old_transformers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, torch="2.9.0", transformers="5.2.9")
    assert [line.split()[0] for line in version_gate.unsafe()] == ["torch", "transformers"]


def test_safe_versions_and_absent_libraries_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, torch="2.10.0+cpu", transformers="5.23.0")
    version_gate.refuse_unsafe()
    pretend(monkeypatch)
    version_gate.refuse_unsafe()


def test_the_locked_versions_pass() -> None:
    locked = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "envs/requirements.txt").read_text(), flags=re.MULTILINE))
    for name, (safe, _) in version_gate.SAFE.items():
        assert Version(locked[name]) >= Version(safe)


OLD = """
import sys, importlib.metadata
sys.path.insert(0, sys.argv[1])
known = importlib.metadata.version
importlib.metadata.version = lambda name: "2.9.0" if name == "torch" else known(name)
sys.argv = [sys.argv[2], "--spec", "{}", "--output", "demo/x"]
from potstill.stage import run
def main(stage):
    print("AT WORK")
run(main)
"""


def test_a_stage_stops_before_its_work(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OLD, str(ROOT / "workflow_scripts"), "stage.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("stage demo | error: torch 2.9.0 is installed")
    assert "Traceback" not in done.stderr
