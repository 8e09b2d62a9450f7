"""A user's mistake on the real command line: the message on stderr, exit code not 0, nothing written, no traceback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

MISTAKES = {
    "config-key": (None, ["experimnt=demo"], ["experimnt: unknown key", "did you mean 'experiment'?"]),
    "experiment": (None, ["experiment=dmo"], ["dmo.yaml: no such file", "did you mean 'demo'?"]),
    "unknown-key": (
        ("experiments/smoke.yaml", "\nsedes: [1]\n"),
        ["experiment=smoke"],
        ["smoke.yaml: sedes: unknown key", "did you mean 'seeds'?"],
    ),
    "syntax": (("models.yaml", "\nbroken: [\n"), ["experiment=smoke"], ["models.yaml, line", "not valid YAML"]),
    "circle": (
        ("experiments/smoke.yaml", "\nextends: smoke_generation\n"),
        ["experiment=smoke"],
        ["smoke.yaml: extends itself"],
    ),
    "missing-data": (None, ["experiment=thesis_mini", "data=nowhere"], ["source.path", "data=FOLDER (now: nowhere)"]),
    "main-file": (("config.yaml", "\nresult: elsewhere\n"), [], ["config.yaml", "result: unknown key", "'results'"]),
}

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path):
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    shutil.copy(REPOSITORY / "Snakefile", tmp_path)  # a link would lead Snakemake to the repository
    for name in ("rules", "workflow_scripts", "profiles", "envs", "docs", "tests"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    return tmp_path


@pytest.mark.parametrize(("addition", "config", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_message_and_exit_code(project, addition, config, expected):
    if addition:
        with open(project / "config" / addition[0], "a", encoding="utf-8") as stream:
            stream.write(addition[1])
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "all", *(["--config", *config] if config else [])]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SNAKEMAKE_")}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    for fragment in expected:
        assert fragment in done.stderr, done.stderr
    assert not (project / "results").exists()
