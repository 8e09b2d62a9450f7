"""What `make clean-unused` would remove, and what it must never touch."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from configuration_changes import REPOSITORY, change_file
from potstill.errors import PotstillError
from potstill.plan.plan import make_plan
from potstill.plan.unused import unused


def finish(plan):
    """Folders such as finished jobs leave, for everything in a plan."""
    for nodes in plan.graph.nodes.values():
        for node in nodes.values():
            folder = Path(node.directory(plan.results))
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "manifest.json").write_text("{}")
            (folder / "weights").write_bytes(b"0" * 1000)


@pytest.fixture
def here(project):
    """A project with the experiments `smoke` and `two`, which has two possible teachers."""
    for path in (project / "config/experiments").glob("*.yaml"):
        if path.stem != "smoke":
            path.unlink()
    two = "extends: smoke\ntitle: Two\nteacher: {model: [qwen2.5-7b, tiny-decoder]}\nseeds: [5]\n"
    (project / "config/experiments/two.yaml").write_text(two)
    return project


def names(paths):
    return {path.name for path in paths}


def call(project, *arguments):
    # The script is copied: it belongs to the folder above its own.
    if (project / "workflow_scripts").is_symlink():
        (project / "workflow_scripts").unlink()
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / "workflow_scripts", project / "workflow_scripts", ignore=ignored)
    command = [sys.executable, "workflow_scripts/clean_unused.py", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_what_any_experiment_needs_is_used_whichever_teacher_was_chosen(here):
    for teacher in ("qwen2.5-7b", "tiny-decoder"):
        finish(make_plan(here, {"experiment": "two", "teacher": teacher}, probe=False))
    finish(make_plan(here, {"experiment": "smoke"}, probe=False))
    assert unused(here, {}) == ([], [])


def test_what_a_change_leaves_behind_is_unused_until_it_is_taken_back(here):
    before = make_plan(here, {"experiment": "smoke"}, probe=False)
    finish(before)
    change_file(here / "config/experiments/smoke.yaml", {"seeds": [0]})
    found, _ = unused(here, {})
    assert names(found) == {run.node.id for run in before.graph.runs if run.seed == 1}
    change_file(here / "config/experiments/smoke.yaml", {"seeds": [0, 1]})
    assert unused(here, {}) == ([], [])


def test_leftovers_of_killed_jobs_are_found_and_products_and_records_are_not(here):
    Path("results/runs/.sst2.b0.x7.tmp").mkdir(parents=True)
    for kept in ("results/smoke/summary", "results/probes", "results/logs/train_student"):
        Path(kept).mkdir(parents=True)
    assert names(unused(here, {})[0]) == {".sst2.b0.x7.tmp"}


def test_checkpoints_are_used_while_their_run_is_needed_and_not_finished(here):
    plan = make_plan(here, {"experiment": "smoke"}, probe=False)
    run = plan.graph.runs[0].node
    kept = Path(f"results/runs/.{run.id}.checkpoints")
    kept.mkdir(parents=True)
    Path("results/runs/.other-run.checkpoints").mkdir()
    assert names(unused(here, {})[0]) == {".other-run.checkpoints"}
    finish(plan)
    assert names(unused(here, {})[0]) == {".other-run.checkpoints", kept.name}


def test_finished_batches_are_used_while_their_shard_is_needed_and_not_finished(here):
    shard = next(iter(make_plan(here, {"experiment": "smoke"}, probe=False).graph.nodes["targets"]))
    Path(f"results/targets/.{shard}.checkpoints").mkdir(parents=True)
    Path("results/targets/.other-shard.checkpoints").mkdir()
    assert names(unused(here, {})[0]) == {".other-shard.checkpoints"}


def test_an_experiment_with_results_that_cannot_be_planned_stops_everything(here):
    (here / "config/experiments/broken.yaml").write_text("title: Broken\n")
    assert unused(here, {})[1] == ["broken"]
    Path("results/broken").mkdir(parents=True)
    with pytest.raises(PotstillError, match="broken has results but cannot be planned"):
        unused(here, {})


def test_another_folder_of_results_is_asked_about_by_name(here):
    finish(make_plan(here, {"experiment": "smoke", "results": "elsewhere"}, probe=False))
    Path("elsewhere/runs/old").mkdir()
    assert unused(here, {}) == ([], [])
    assert names(unused(here, {"results": "elsewhere"})[0]) == {"old"}


@pytest.mark.slow
def test_the_command_lists_first_and_removes_when_told(here):
    finish(make_plan(here, {"experiment": "smoke"}, probe=False))
    old = here / "results/runs/old"
    old.mkdir()
    (old / "weights").write_bytes(b"0" * 2_000_000)
    listed = call(here)
    assert listed.stdout == (
        "       2.0 MB  results/runs/old\n       2.0 MB in 1 artefacts unused; FORCE=1 removes them\n"
    )
    assert old.exists()
    locks = here / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").touch()
    refused = call(here, "--remove", "--config")
    assert refused.returncode == 2 and "Snakemake is at work" in refused.stderr  # noqa: PT018
    assert old.exists()
    os.remove(locks / "0.input.lock")
    removed = call(here, "--remove", "--config")
    assert removed.returncode == 0, removed.stderr
    assert not old.exists()
    assert call(here).stdout == "nothing unused\n"


@pytest.mark.slow
@pytest.mark.parametrize("change", ["data", "code=newest", "reslts=x"])
def test_a_wrong_setting_is_one_message(here, change):
    Path("results/smoke").mkdir(parents=True)
    result = call(here, "--config", change)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
    assert change.partition("=")[0] in result.stderr
