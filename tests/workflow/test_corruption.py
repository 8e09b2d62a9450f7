"""Damage of every kind to stored results of every kind is found: by `verify`, and by the stage that reads them.

Each file of one artefact or end product of each kind has a bit flipped, its end cut off, a page zeroed, and its content
swapped with another file's. Each message must name the file and end in the command that makes it again. With the check
switched off the same damage goes through, so it is the check that finds it.

The counts are printed at the end: python -m pytest tests/workflow/test_corruption.py
"""

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import damage
import pandas as pd
import pytest
from potstill import artefacts, products
from potstill.checkpoints import CheckpointFolder
from potstill.errors import ArtefactError
from potstill.models.directory import check_artefact
from potstill.plan.inventory import of_plan
from potstill.plan.plan import Plan, make_plan
from potstill.stage import Stage
from potstill.tables import read_frame, write_table
from potstill.training.checkpoint import TrainingCheckpoints
from potstill.verification import Artefact, EndProduct, verify_everything
from project import Project

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Stored:
    """One artefact or end product, and what reads it: a job of the plan, and the files that it checks (None: all)."""

    item: Artefact | EndProduct
    script: str = ""
    job: str = ""
    checked: tuple[str, ...] | None = None

    @property
    def files(self) -> list[Path]:
        """All its files, the manifest or record last."""
        record = self.item.record if isinstance(self.item, EndProduct) else self.item.folder / artefacts.MANIFEST
        folder = record.parent.parent if isinstance(self.item, EndProduct) else record.parent
        return [*(folder / name for name in artefacts.unsealed(record.read_text())["files"]), record]

    def is_checked(self, path: Path) -> bool:
        return self.checked is None or path.name in (*self.checked, artefacts.MANIFEST)


class Finished:
    """Two finished experiments, what is stored of each kind, and any of their jobs to be run again here."""

    def __init__(self) -> None:
        self.plans = {
            name: make_plan(Path.cwd(), {"experiment": name}, probe=False) for name in ("smoke", "smoke_generation")
        }
        self.items = {name: of_plan(plan)[0] for name, plan in self.plans.items()}
        self.stored = {
            "model": self.artefact("smoke", "assets/model.tiny-encoder", "train_student", "runs/*b0.s0"),
            "data set": self.artefact("smoke", "assets/data.", "prepare_task", "examples/"),
            "examples": self.artefact("smoke", "examples/", "train_student", "runs/*b0.s0"),
            "label logits": self.artefact("smoke", "targets/*label_logits.2of2", "train_student", "runs/*kd1.T4*s0"),
            "hidden states": self.artefact("smoke", "targets/*hidden_states.1of2", "train_student", "runs/*kd3.s0"),
            "token logits": self.artefact("smoke_generation", "targets/*token_logits", "train_student", "runs/*kd1"),
            "generations": self.artefact("smoke_generation", "targets/*generations", "train_student", "runs/*kd2"),
            "hidden states of tokens": self.artefact(
                "smoke_generation", "targets/*hidden", "train_student", "runs/*kd3"
            ),
            "teacher's run": self.artefact("smoke", "runs/*fit.s0", "capture_targets", "targets/*label_logits.1of2"),
            "student's run": self.artefact("smoke", "runs/*b0.s0", "benchmark_model", "benchmarks/*encoder"),
            "predictions": self.artefact(
                "smoke", "predictions/", "collect_runs", "collected", ("predictions.parquet", "run.json")
            ),
            "benchmark": self.artefact("smoke", "benchmarks/*encoder", "collect_benchmarks", "collected_benchmarks"),
            "checkpoint": self.artefact("smoke", "runs/.*checkpoints/step-"),
            "collected": self.product("collected", "compare", "comparison"),
            "collected benchmarks": self.product("collected_benchmarks", "draw_figure", "figures/fig_4_2_latency"),
            "comparison": self.product("comparison", "write_table", "tables/table_4_3_significance"),
            "error analysis": self.product("error_analysis", "write_table", "tables/table_4_5_error_analysis"),
            "costs": self.product("costs", "write_table", "tables/table_4_6_cost"),
            "table": self.product("tables/runs", "write_report", "report"),
            "figure": self.product("figures/fig_4_5_kd_gain", "write_report", "report"),
            "report": self.product("report"),
        }

    def artefact(self, experiment: str, begin: str, script: str = "", job: str = "", checked: Any = None) -> Stored:
        found = [i for i in self.items[experiment] if isinstance(i, Artefact) and i.folder.match(f"results/{begin}*")]
        found += [i for i in self.items[experiment] if isinstance(i, Artefact) and i.folder.match(f"{begin}*")]
        assert found, begin
        return Stored(found[-1] if "step-" in begin else found[0], script, f"{experiment} {job}", checked)

    def product(self, name: str, script: str = "", job: str = "") -> Stored:
        record = Path(self.plans["smoke"].products[name].record("results/smoke"))
        (item,) = [i for i in self.items["smoke"] if isinstance(i, EndProduct) and i.record == record]
        return Stored(item, script, f"smoke {job}")

    def read(self, stored: Stored, output: Path) -> None:
        """Run the job that reads it, writing to `output`."""
        experiment, _, job = stored.job.partition(" ")
        spec, inputs = self._arguments(self.plans[experiment], job)
        if "record" in inputs:
            inputs |= {"record": str(output.parent / ".made" / "product.json"), "product_id": "again"}
        check_artefact.cache_clear()
        importlib.import_module(stored.script).main(Stage(spec, inputs, output, 1))

    def _arguments(self, plan: Plan, job: str) -> tuple[dict[str, Any], dict[str, Any]]:
        if job in plan.products:
            line = plan.product_arguments(job)
        else:
            kind, _, begin = job.partition("/")
            name = next(name for name in plan.graph.nodes[kind] if Path(name).match(f"{begin}*"))
            line = plan.arguments(kind, name)
        words = shlex.split(line)
        return json.loads(words[1]), json.loads(words[3])


KINDS = (
    "model",
    "data set",
    "examples",
    "label logits",
    "hidden states",
    "token logits",
    "generations",
    "hidden states of tokens",
    "teacher's run",
    "student's run",
    "predictions",
    "benchmark",
    "checkpoint",
    "collected",
    "collected benchmarks",
    "comparison",
    "error analysis",
    "costs",
    "table",
    "figure",
    "report",
)


@pytest.fixture(scope="module")
def finished(generation: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    project = Project.copy(tmp_path_factory.mktemp("damaged"), generation.folder, results=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        # Checkpoints as a killed training leaves them.
        patch.setenv("POTSTILL_CHECKPOINT_SECONDS", "0")
        patch.setattr(CheckpointFolder, "clear", lambda self: None)
        plan = make_plan(project.folder, {"experiment": "smoke"}, probe=False)
        name = next(name for name in plan.graph.nodes["runs"] if ".b0.s1-" in name)
        node = plan.node("runs", name)
        stage = Stage(dict(node.spec), node.input_paths("results"), Path(node.directory("results")), 1)
        importlib.import_module("train_student").main(stage)
        yield Finished()


@pytest.fixture(scope="module")
def counts(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    found: Counter[str] = Counter()
    yield found
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        for who in ("verify", "reading stage", "verify with its check off"):
            print(f"\ndamage found by {who}: {found[f'{who}, found']} of {found[f'{who}, tried']}", end="", flush=True)


def cases(stored: Stored) -> Iterator[tuple[str, list[Path], Callable[[], None]]]:
    """(what is done, files it is done to, how), for every file and every kind of damage."""
    files = stored.files
    for path in files:
        for name, how in damage.ALONE.items():
            yield name, [path], lambda how=how, path=path: how(path)
    for path, other in zip(files, [*files[1:], files[0]], strict=True):
        if path.read_bytes() != other.read_bytes():
            yield "a swap", [path, other], lambda path=path, other=other: damage.swap(path, other)


def named(path: Path, messages: list[str]) -> bool:
    """Whether a message begins with the file and ends in a cure; a damaged manifest speaks for its folder's files."""
    return any(message.startswith(f"{path}: ") and "Rebuild it: rm " in message for message in messages)


@pytest.mark.parametrize("kind", KINDS)
def test_verify_finds_all_damage(finished: Finished, counts: Counter[str], kind: str) -> None:
    stored = finished.stored[kind]
    record = stored.files[-1]
    assert not verify_everything([stored.item], 2).messages
    for what, paths, how in cases(stored):
        with damage.restored(*paths):
            how()
            counts["verify, tried"] += 1
            messages = verify_everything([stored.item], 2, lambda message: None).messages
            wanted = [record] if record in paths else paths
            assert all(named(path, messages) for path in wanted), f"{what}: {paths}: {messages}"
            counts["verify, found"] += 1
    assert not verify_everything([stored.item], 2).messages


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("report", "checkpoint")])
def test_the_reading_stage_stops_at_all_damage_and_writes_nothing(
    finished: Finished, counts: Counter[str], kind: str, tmp_path: Path
) -> None:
    stored = finished.stored[kind]
    record = stored.files[-1]
    for what, paths, how in cases(stored):
        if not all(stored.is_checked(path) for path in paths):
            continue
        with damage.restored(*paths):
            how()
            counts["reading stage, tried"] += 1
            with pytest.raises(ArtefactError) as caught:
                finished.read(stored, tmp_path / "out" / "made")
            wanted = [record] if record in paths else paths
            assert any(named(path, [str(caught.value)]) for path in wanted), f"{what}: {paths}: {caught.value}"
            assert not list(tmp_path.rglob("*")), "something was written"
            counts["reading stage, found"] += 1


class UsedError(Exception):
    """A checkpoint was taken as good."""


class Trainer:
    """Says that it would be restored."""

    @property
    def restore(self) -> Any:
        raise UsedError


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    finished: Finished, counts: Counter[str], tmp_path: Path
) -> None:
    newest = finished.stored["checkpoint"]
    source = newest.item.folder.parent
    for number, (what, paths, how) in enumerate(cases(newest)):
        folder = tmp_path / str(number) / source.name
        with damage.restored(*paths):
            how()
            shutil.copytree(source, folder)
        said: list[str] = []
        counts["reading stage, tried"] += 1
        with pytest.raises(UsedError):
            TrainingCheckpoints(CheckpointFolder(folder, 0, said.append)).restore(Trainer())
        (line,) = said
        assert line.startswith(f"checkpoint not used: {folder / newest.item.folder.name}"), what
        assert len(list(folder.glob("step-*"))) == 1
        counts["reading stage, found"] += 1


def switch_off(patch: pytest.MonkeyPatch) -> None:
    """No byte is compared any more."""
    for module in (artefacts, products):
        patch.setattr(module, "damage", lambda path, expected: None)


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_check_verify_finds_nothing(
    finished: Finished, counts: Counter[str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = finished.stored[kind]
    switch_off(monkeypatch)
    for _, paths, how in cases(stored):
        if stored.files[-1] not in paths:
            with damage.restored(*paths):
                how()
                counts["verify with its check off, tried"] += 1
                counts["verify with its check off, found"] += bool(verify_everything([stored.item], 2).messages)
    assert counts["verify with its check off, found"] == 0


def other_scores(path: Path) -> None:
    """A table as it could be, with another number in it: no page checksum tells."""
    frame = read_frame(path)
    frame["score"] = frame["score"].to_numpy()[::-1]
    write_table(frame, path)


def other_answers(path: Path) -> None:
    frame = read_frame(path)
    frame["text"] = frame["text"].to_numpy()[::-1]
    write_table(frame, path)


def a_number(path: Path) -> None:
    """The sign of the last log-probability, or of the last number where there is none such."""
    data = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8:start])
    end = start + tensors["logprobs"]["data_offsets"][1] if "logprobs" in tensors else len(data)
    data[end - 1] ^= 128
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("kind", "file", "how"),
    [
        ("student's run", "model.safetensors", a_number),
        ("teacher's run", "model.safetensors", a_number),
        ("hidden states", "hidden.safetensors", a_number),
        ("token logits", "tokens.safetensors", a_number),
        ("predictions", "predictions.parquet", other_answers),
        ("collected", "scores.parquet", other_scores),
    ],
)
def test_without_the_check_the_reading_stage_computes_with_wrong_numbers(
    finished: Finished, kind: str, file: str, how: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Formats do not tell by themselves: what stops the stages above is the check."""
    stored = finished.stored[kind]
    (path,) = [path for path in stored.files if path.name == file]
    with damage.restored(path):
        how(path)
        with pytest.raises(ArtefactError):
            finished.read(stored, tmp_path / "checked" / "made")
        switch_off(monkeypatch)
        finished.read(stored, tmp_path / "unchecked" / "made")
    assert list((tmp_path / "unchecked" / "made").iterdir())


def test_the_commands_that_verify_names_mend_what_is_damaged(finished: Finished) -> None:
    """As a person does it: the target `verify`, its commands typed as they stand, and the target again."""
    project = Project(Path.cwd())
    run, scores = finished.stored["student's run"].item, Path("results/smoke/collected/scores.parquet")
    weights = run.folder / "student" / "model.safetensors"
    before = {path: path.read_bytes() for path in (weights, scores)}
    predictions = read_frame(run.folder / "predictions.parquet")
    damage.flip_bit(weights)
    damage.truncate(scores)
    found = project.snakemake("verify", "--config", "experiment=smoke")
    assert found.code != 0
    commands = re.findall(r"^(results/\S+): .* Rebuild it: (.*)$", found.output, flags=re.MULTILINE)
    assert {name for name, _ in commands} == {str(weights), str(scores)}
    assert "2 files are not as they were written" in found.output
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command in dict(commands).values():
        subprocess.run(command, shell=True, check=True, capture_output=True, env={**os.environ, "PATH": path})
    assert {path: path.read_bytes() for path in before} == before
    pd.testing.assert_frame_equal(read_frame(run.folder / "predictions.parquet"), predictions)
    mended = project.snakemake("verify", "--config", "experiment=smoke")
    assert mended.code == 0, mended.output
    assert re.search(r"\d+ artefacts, \d+ end products: \d+ files, .* all right", mended.output)


def test_everything_below_the_results_is_verified_whichever_experiment_made_it(finished: Finished) -> None:
    script = [sys.executable, "workflow_scripts/verify.py"]
    clean = subprocess.run(script, capture_output=True, text=True, check=False)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    stored = finished.stored["generations"]
    (table, _) = stored.files
    with damage.restored(table):
        damage.zero_page(table)
        found = subprocess.run(script, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    (line,) = found.stdout.splitlines()
    assert line.startswith(f"{table}: its bytes changed")
    assert line.endswith(f"snakemake --cores all {table.parent}/manifest.json --config experiment=smoke_generation")
    assert found.stderr.startswith("error: 1 file is not as it was written, of ")
