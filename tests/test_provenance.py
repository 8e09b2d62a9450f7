"""Where a result comes from: what counts is told, and nothing of who made it or on which machine."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from potstill import artefacts, provenance

ROOT = Path(__file__).resolve().parents[1]


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert project["version"] == provenance.VERSION
    assert citation.get("version", provenance.VERSION) == provenance.VERSION


def test_versions_are_those_of_the_libraries_at_work_and_asking_imports_none() -> None:
    code = (
        "import sys; sys.path.insert(0, 'workflow_scripts'); import safetensors; from potstill import provenance;"
        "before = set(sys.modules); print(provenance.library_versions()); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == str({"safetensors": importlib.metadata.version("safetensors")})
    assert provenance.versions()["potstill"] == provenance.VERSION


def test_a_command_tells_nothing_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = '{"path":"/home/alice/my-data/a.csv","model":"results/assets/m","hub":"owner/name"}'
    told = provenance.command(
        [
            "/opt/x/train_student.py",
            "--spec",
            '{"prompt":"a/b"}',
            "--inputs",
            inputs,
            "--output",
            f"{tmp_path}/results/x",
        ]
    )
    inside = '{"path":".../a.csv","model":"results/assets/m","hub":"owner/name"}'
    assert told == ["train_student.py", "--spec", "(spec)", "--inputs", inside, "--output", "results/x"]


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e@e"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_commit_and_whether_the_code_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    asked = provenance._checkout.__wrapped__
    (tmp_path / "workflow_scripts").mkdir()
    (tmp_path / "workflow_scripts" / "a.py").write_text("x = 1")
    assert asked() == (None, None)  # no checkout
    git(tmp_path, "init", "--quiet")
    assert asked() == (None, None)  # no commit
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "notes.txt").write_text("not code")
    assert asked() == (commit, False)
    (tmp_path / "workflow_scripts" / "new.py").write_text("y = 1")
    assert asked() == (commit, True)
    (tmp_path / "workflow_scripts" / "new.py").unlink()
    (tmp_path / "workflow_scripts" / "a.py").write_text("x = 2")
    assert asked() == (commit, True)


def test_a_copy_inside_somebody_elses_repository_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "copy"
    (copy / "workflow_scripts").mkdir(parents=True)
    (copy / "workflow_scripts" / "a.py").write_text("x = 1")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "theirs")
    monkeypatch.setattr(provenance, "ROOT", copy)
    assert provenance._checkout.__wrapped__() == (None, None)


def test_without_git_there_is_no_commit_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance._checkout.__wrapped__() == (None, None)  # a folder of that name, and no repository
    monkeypatch.setenv("PATH", "")
    assert provenance._checkout.__wrapped__() == (None, None)


def test_a_manifest_says_what_it_was_made_with(tmp_path: Path) -> None:
    with artefacts.writing(tmp_path / "thing-00.11", spec={"a": 1}) as folder:
        (folder / "x").write_text("x")
    manifest = artefacts.verify(tmp_path / "thing-00.11")
    assert {"spec", "digests", "files", "versions", "command", "commit", "modified", "created"} <= set(manifest)
    assert manifest["versions"]["python"] == sys.version.split()[0]
    if (ROOT / ".git").exists():
        assert re.fullmatch("[0-9a-f]{40}", manifest["commit"])
