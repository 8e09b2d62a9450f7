"""docs/invalidation.md, row by row: make the change in a finished project, read the job list."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from project import ROOT, Project

FAKE = """
import json, sys
from pathlib import Path
sys.path.insert(0, "workflow_scripts")
from potstill.plan.plan import make_plan
from potstill.plan.read import read_yaml
plan = make_plan(Path.cwd(), read_yaml(Path("config/config.yaml")) | {"experiment": sys.argv[1]}, probe=False)
for kind in plan.graph.nodes:
    for marker in plan.markers(kind):
        Path(marker).parent.mkdir(parents=True, exist_ok=True)
        Path(marker).write_text("{}")
for product in plan.products.values():
    for file in product.files:
        path = Path(plan.folder, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    record = Path(product.record(plan.folder))
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"id": product.id, "files": {}}))
"""

BOTH = """
extends: smoke_generation
title: Two tasks
tasks: [smoke-facts, smoke-reviews]
methods:
  kd1: {temperature: 2, alpha: 0.5}
"""
SWAP = """
extends: smoke
title: Three epochs of batches of five
training: {epochs: 3, batch_size: 5}
teacher: {fit: {training: {epochs: null}}}
"""


def figure_title(project: Project) -> None:
    project.replace("config/figures.yaml", "fig_4_5_kd_gain:\n", "fig_4_5_kd_gain:\n  title: Changed\n")


def one_more_seed(project: Project) -> None:
    project.replace("config/experiments/smoke.yaml", "seeds: [0, 1]", "seeds: [0, 1, 2]")


def delete_shard(project: Project) -> None:
    shutil.rmtree(next((project.folder / "results/targets").glob("*label_logits.1of2*")))


def delete_records(project: Project) -> None:
    shutil.rmtree(project.folder / ".snakemake", ignore_errors=True)


def touch_everything(project: Project) -> None:
    for number, path in enumerate(sorted(project.folder.rglob("*"))):
        if ".snakemake" not in path.parts:
            # In an order that fits no DAG, and in the past: nothing may be newer or older than it should be.
            os.utime(path, (1.5e9 + number, 1.7e9 - number))


def reformat(project: Project) -> None:
    """Comments, docstrings, quotes and blank lines: everything that does not change what the code does."""
    for path in (project.folder / "workflow_scripts").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            continue
        text = re.sub(r'^""".*?"""', '"""Another docstring."""', text, count=1, flags=re.DOTALL)
        text = re.sub(r"^(import .*)$", r"\1  # a comment", text, count=1, flags=re.MULTILINE)
        path.write_text(
            "# A comment.\n\n" + text.replace("\ndef ", "\n\n\n\ndef ") + "\n\n# The end.\n", encoding="utf-8"
        )


def reorder_yaml(project: Project) -> None:
    path = project.folder / "config/experiments/smoke.yaml"
    text = path.read_text(encoding="utf-8")
    training = re.search(r"^training:.*\n", text, flags=re.MULTILINE)
    assert training
    text = text.replace(training.group(), "")
    path.write_text("# A comment.\n" + training.group() + text, encoding="utf-8")
    project.replace("config/tasks.yaml", "kind: classification", "kind:    'classification' # a comment")


def change_code(file: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        path = project.folder / "workflow_scripts/potstill" / file
        path.write_text(path.read_text(encoding="utf-8") + "\nCHANGED = True\n", encoding="utf-8")

    return change


def change_experiment(old: str, new: str) -> Callable[[Project], None]:
    return lambda project: project.replace("config/experiments/smoke.yaml", old, new)


def delete(pattern: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        path = next(iter(sorted(project.folder.glob(pattern))))
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def teacher_version(project: Project) -> None:
    project.replace("config/models.yaml", "version: 0.1.2", "version: 0.1.3")


CHANGES: dict[str, tuple[Callable[[Project], None], ...]] = {
    "nothing": (),
    "a figure's title": (figure_title,),
    "the comparison's confidence": (change_experiment("seeds:", "comparison: {confidence: 0.9}\nseeds:"),),
    "the benchmark's repeats": (change_experiment("repeats: 1", "repeats: 2"),),
    "its models are scored on a further task": (
        change_experiment("tasks: [smoke-reviews]", "tasks: {smoke-reviews: {also_evaluate_on: [smoke-opinions]}}"),
    ),
    "one more seed": (one_more_seed,),
    "one more temperature": (change_experiment("[1, 4]", "[1, 4, 8]"),),
    "the layer map of kd3": (change_experiment("kd3: {}", "kd3: {layer_map: last}"),),
    "the learning rate of b0": (change_experiment("b0: {}", "b0: {training: {learning_rate: 1e-4}}"),),
    "the code of kd3's loss": (change_code("losses/feature.py"),),
    "the code of kd3's loss, with code=keep": (change_code("losses/feature.py"),),
    "the code of one figure": (change_code("figures/fig_loss_curves.py"),),
    "the code of the metrics": (change_code("tasks/metrics.py"),),
    "a comment, a docstring and the formatting of every Python file": (reformat,),
    "comments and the order of keys in the YAML files": (reorder_yaml,),
    "touching every file, results included": (touch_everything,),
    "deleting `.snakemake/`": (delete_records,),
    "deleting `.snakemake/`, then a figure's title": (delete_records, figure_title),
    "deleting one shard of the label logits": (delete_shard,),
    "deleting one shard of the label logits, and one more seed": (delete_shard, one_more_seed),
    "deleting one finished run": (delete("results/runs/*kd3*s1*"),),
    "deleting one figure": (delete("results/smoke/figures/fig_4_5_kd_gain.png"),),
    "the teacher's version": (teacher_version,),
    "the calibration of the teacher's logits": (
        lambda project: project.replace("config/experiments/demo.yaml", "calibration: centre", "calibration: none"),
    ),
    "one task's prompt": (
        lambda project: project.replace("config/tasks.yaml", 'prompt: "{context}\\nQuestion', 'prompt: "{context}\\nQ'),
    ),
    "epochs 3 and batches of 5 become epochs 5 and batches of 3": (
        lambda project: project.replace("config/experiments/swap.yaml", "epochs: 3, batch_size: 5", "epochs: 5, batch_size: 3"),
    ),
}  # fmt: skip


def table() -> list[tuple[str, str, Counter[str]]]:
    """The rows of the document: experiment, change, jobs."""
    found = []
    for line in (ROOT / "docs/invalidation.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 3 and cells[0] not in ("experiment", "---"):
            jobs = re.findall(r"(\w+) (\d+)", cells[2])
            found.append((cells[0], cells[1], Counter({rule: int(count) for rule, count in jobs})))
    return found


@pytest.fixture(scope="module")
def faked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which `demo`, `both` and `swap` look finished: a manifest is all that the plan looks at."""
    project = Project.copy(tmp_path_factory.mktemp("faked"))
    for name, text in (("both", BOTH), ("swap", SWAP)):
        (project.folder / f"config/experiments/{name}.yaml").write_text(text, encoding="utf-8")
    for name in ("demo", "both", "swap"):
        subprocess.run([sys.executable, "-c", FAKE, name], cwd=project.folder, check=True)
    return project


def test_every_row_has_a_change_and_every_change_a_row() -> None:
    assert Counter(change for _, change, _ in table()) == Counter(list(CHANGES))


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "change", "jobs"), table(), ids=[f"{e}: {c}" for e, c, _ in table()])
def test_row(experiment: str, change: str, jobs: Counter[str], smoke: Project, faked: Project, tmp_path: Path) -> None:
    project = Project.copy(tmp_path, (smoke if experiment == "smoke" else faked).folder, results=True)
    for step in CHANGES[change]:
        step(project)
    config = ["code=keep"] if "code=keep" in change else []
    assert project.plan(experiment, *config) == jobs
    assert project.plan(experiment, *config, profile=False) == jobs
