"""Full, read-only and other file systems: a clear message, nothing lost, and the same command goes on."""

import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from potstill import artefacts, faults
from potstill.plan.specs.targets import Generations
from potstill.products import is_recorded, publish_files
from potstill.stage import Stage, explain_errors
from potstill.tables import write_table
from tiny_models import CLASSIFY, GENERATE, bert_directory, examples, llama_directory

ROOT = Path(__file__).parents[2]
EXCEPT = {"run.json", "student/README.md"}  # wall times, the run's name


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Examples and models as the stages before leave them."""
    folder = tmp_path_factory.mktemp("inputs")
    with artefacts.writing(folder / "examples", spec={}) as directory:
        rows = examples(36)
        for name, frame in (
            ("train", rows[:16]),
            ("validation", rows[16:20]),
            ("test", rows[20:24]),
            ("transfer", rows[24:]),
        ):
            write_table(frame.sort_values("example_id"), directory / f"{name}.parquet")
    for name, make in (("bert", bert_directory), ("llama", llama_directory)):
        with artefacts.writing(folder / name, spec={}, origin={"wheel": "tiny", "version": "1"}) as directory:
            make(directory)
    return folder


def training(place):
    spec = {
        "task": CLASSIFY.as_json(),
        "model": {"architecture": "encoder", "derive": None},
        "method": "b0",
        "options": {},
        "seed": 0,
        "training": {"epochs": 1, "batch_size": 4, "learning_rate": 1e-3},
        "calibration": "none",
    }
    return "train_student", spec, {"examples": str(place / "examples"), "model": str(place / "bert")}


def shard(place):
    spec = {
        "task": GENERATE.as_json(),
        "model": {"architecture": "decoder", "derive": None},
        "target": Generations(temperature=1.0, seed=3).as_json(),
        "shard": 0,
        "shards": 1,
        "splits": ["train", "transfer"],
        "token_budget": 200,
    }
    return "capture_targets", spec, {"examples": str(place / "examples"), "teacher": str(place / "llama")}


JOBS = {"training": training, "shard": shard}


def run(job, output):
    """The stage in this process; returns its exit code."""
    name, spec, inputs = job
    module = importlib.import_module(name)
    try:
        with explain_errors(output.parent):
            module.main(Stage(json.loads(json.dumps(spec)), inputs, output, threads=1))
    except SystemExit as leaving:
        return leaving.code
    return 0


def call(job, output, **environment):
    """The stage as Snakemake calls it."""
    name, spec, inputs = job
    command = [sys.executable, ROOT / "workflow_scripts" / f"{name}.py", "--spec", json.dumps(spec)]
    command += ["--inputs", json.dumps(inputs), "--output", output, "--threads", "1"]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, cwd=output.parent.parent
    )


def apart(a, b):
    files = [artefacts.verify(path)["files"] for path in (a, b)]
    return {name for name in files[0].keys() | files[1].keys() if files[0].get(name) != files[1].get(name)}


@contextlib.contextmanager
def mounted(folder, options):
    """A small file system in memory."""
    if os.geteuid():
        pytest.skip("mounting a file system needs root")
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize("seconds", ["0", "1e9"], ids=["with checkpoints", "without"])
def test_out_of_space_at_each_write_in_turn(place, tmp_path, monkeypatch, capsys, kind, seconds):
    """The n-th write and all after it fail, for each n until none fails: what was finished before stays usable."""
    job = JOBS[kind](place)
    monkeypatch.setenv("POTSTILL_CHECKPOINT_SECONDS", seconds)
    assert run(job, tmp_path / "whole" / "it") == 0
    output, writes, resumed = tmp_path / "results" / "it", 0, 0
    for number in range(1, 1000):
        monkeypatch.setattr(faults, "_passed", 0)
        monkeypatch.setenv("POTSTILL_FAULT", f"ENOSPC:*:{number}")
        capsys.readouterr()
        code = run(job, output)
        said = capsys.readouterr()
        resumed += "goes on after" in said.out + said.err
        if not code:
            break
        writes += 1
        assert code == 2
        (message,) = [line for line in said.err.splitlines() if line.startswith("error: ")]
        assert "no space is left on its file system" in message
        assert "GB free" in message
        assert not list(tmp_path.rglob("*.tmp")), "half-written files take the space that is missing"
        for folder in output.parent.glob(".it.checkpoints/*"):
            artefacts.verify(folder)
    assert writes >= 8
    assert bool(resumed) == (seconds == "0")
    assert apart(tmp_path / "whole" / "it", output) <= EXCEPT
    assert os.listdir(output.parent) == ["it"]


@pytest.mark.slow
def test_a_really_full_disk(place, tmp_path):
    """Checkpoints and the student do not fit; with more room the same command goes on."""
    job = training(place)
    assert call(job, tmp_path / "whole" / "it").returncode == 0
    with mounted(tmp_path / "disk", "size=700k") as disk:
        output = disk / "results" / "it"
        said = call(job, output, POTSTILL_CHECKPOINT_SECONDS="0", TMPDIR=str(tmp_path))
        assert said.returncode == 2, said.stderr
        assert "Traceback" not in said.stderr
        assert f"no space is left on its file system (mounted at {disk}, 0.00" in said.stderr
        assert not output.exists()
        subprocess.run(["mount", "-o", "remount,size=50M", disk], check=True)
        done = call(job, output, POTSTILL_CHECKPOINT_SECONDS="0", TMPDIR=str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert "goes on after step" in done.stderr
        assert apart(tmp_path / "whole" / "it", output) <= EXCEPT
        assert os.listdir(output.parent) == ["it"], "and all that on another file system than the temporary folder"


@pytest.mark.slow
def test_a_read_only_results_folder_is_found_before_any_work(place, tmp_path):
    with mounted(tmp_path / "disk", "size=1M") as disk:
        (disk / "results").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        said = call(training(place), disk / "results" / "it")
        assert said.returncode == 2
        assert f"its file system is read-only (mounted at {disk})" in said.stderr
        assert "--config results=FOLDER" in said.stderr
        assert "Traceback" not in said.stderr
        assert "steps" not in said.stderr


@pytest.mark.slow
def test_a_folder_of_somebody_else(place, tmp_path):
    if not os.geteuid():
        pytest.skip("root may write everywhere")
    (tmp_path / "results").mkdir(mode=0o555)
    said = call(training(place), tmp_path / "results" / "it")
    assert said.returncode == 2
    assert "permission denied" in said.stderr


def test_an_end_product_out_of_space_at_each_write_in_turn(tmp_path, monkeypatch, capsys):
    """The old product stays until the new one replaces it; from then on it counts as not made."""
    inputs = {"record": str(tmp_path / ".made/figure.json"), "product_id": "1"}
    figures = tmp_path / "figures"

    def make(content):
        with explain_errors(figures), publish_files(figures, inputs) as folder:
            for name in ("a.png", "a.csv"):
                (folder / name).write_text(content)

    make("old")
    for number in range(1, 100):
        shutil.rmtree(figures)
        monkeypatch.delenv("POTSTILL_FAULT", raising=False)
        make("old")
        monkeypatch.setattr(faults, "_passed", 0)
        monkeypatch.setenv("POTSTILL_FAULT", f"ENOSPC:*:{number}")
        try:
            make("new")
        except SystemExit:
            assert "no space is left" in capsys.readouterr().err
        found = {path.read_text() for path in figures.iterdir()}
        if is_recorded(inputs):
            assert found in ({"old"}, {"new"}), "half a replacement is never taken for the product"
        assert len(list(figures.iterdir())) == 2
        if found == {"new"} and is_recorded(inputs):
            break
    assert number > 5
