"""Two calls of Snakemake at once, a killed one's lock, and a clock that jumped: the workflow as a user runs it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from potstill import artefacts
from potstill.plan.failures import failures, log_times
from small_experiment import NAME, project

pytestmark = pytest.mark.slow


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "snakemake", "--nocolor", "--cores", "1", *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE_")}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    said = process.communicate(timeout=600)[0]
    return process.returncode, said


def rules(said: str) -> list[str]:
    """The rules of all jobs that were run, without the targets."""
    found = re.findall(r"^(?:local)?rule (\w+):", said, flags=re.MULTILINE)
    return [rule for rule in found if rule != "runs"]


def test_a_lock_keeps_the_second_call_out_while_the_first_lives_and_no_longer(tmp_path: Path) -> None:
    here = project(tmp_path / "project").folder
    first = start(here, "examples", "--config", f"experiment={NAME}")
    while not list(here.glob(".snakemake/locks/*")):
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGSTOP)  # at work for as long as this test needs
    code, said = end(start(here, "examples", "--config", f"experiment={NAME}"))
    assert code != 0
    assert "Directory cannot be locked" in said
    assert "removed the lock" not in said
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert list(here.glob(".snakemake/locks/*"))
    code, said = end(start(here, "examples", "--config", f"experiment={NAME}"))
    assert code == 0, said
    assert re.search(rf"removed the lock of a Snakemake that was killed \(\S+\.{first.pid}\)", said)
    assert [path.name for path in (here / ".snakemake/at_work").iterdir()] == ["guard"]


def test_two_checkouts_with_one_folder_of_results_make_everything_once(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    config = ("runs", "--config", f"experiment={NAME}", f"results={shared}")
    calls = [start(project(tmp_path / name).folder, *config) for name in ("one", "two")]
    ended = [end(call) for call in calls]
    assert [code for code, _ in ended] == [0, 0], ended
    made = [path.parent for path in shared.glob("*/*/manifest.json")]
    assert len(made) >= 8
    for artefact in made:
        artefacts.verify(artefact)
    leftovers = [path for path in shared.glob("*/.*") if path.name not in (".made", ".due")]
    assert not leftovers, "something half-made, or a lock"
    # Both calls asked for nearly all of them; whoever came second found it made.
    jobs = sum(len(rules(said)) for _, said in ended)
    waited = sum(said.count("another process has made it meanwhile") for _, said in ended)
    assert jobs - waited == len(made)
    assert waited > 0


def test_two_checkouts_that_replace_the_same_outdated_products_both_end_well(tmp_path: Path) -> None:
    """They share the marks that make Snakemake replace them, and whoever comes first takes those away."""
    shared = tmp_path / "shared"
    config = (
        f"{shared}/{NAME}/summary/table_4_3_significance.csv",
        "--config",
        f"experiment={NAME}",
        f"results={shared}",
    )
    folders = [project(tmp_path / name).folder for name in ("one", "two")]
    code, said = end(start(folders[0], *config))
    assert code == 0, said
    for folder in folders:
        experiment = folder / f"config/experiments/{NAME}.yaml"
        experiment.write_text(experiment.read_text().replace("{baseline: kd1}", "{baseline: kd1, confidence: 0.9}"))
    ended = [end(call) for call in [start(folder, *config) for folder in folders]]
    assert [code for code, _ in ended] == [0, 0], ended
    assert {rule for _, said in ended for rule in rules(said)} == {"compare", "write_table"}
    assert set(pd.read_parquet(shared / NAME / "comparison/contrasts.parquet").confidence) == {0.9}
    assert not list((shared / NAME).glob(".due/*"))
    for folder in folders:
        code, said = end(start(folder, *config))
        assert (code, rules(said)) == (0, []), said


def test_results_of_the_future_are_used_and_replaced_like_any_others(tmp_path: Path) -> None:
    """A clock that was a day ahead, and was set right: Snakemake refuses outputs that are older than an input."""
    here = project(tmp_path / "project").folder
    config = (f"results/{NAME}/comparison/summary.parquet", "--config", f"experiment={NAME}")
    code, said = end(start(here, *config))
    assert code == 0, said
    tomorrow = time.time() + 86_400
    for path in (here / "results").rglob("*"):
        os.utime(path, (tomorrow, tomorrow))
    experiment = here / f"config/experiments/{NAME}.yaml"
    experiment.write_text(experiment.read_text().replace("temperature: 2,", "temperature: 3,"))
    code, said = end(start(here, *config))
    assert code == 0, said
    assert set(rules(said)) == {"train_student", "collect_runs", "compare"}, "the old products, too, though newer"
    assert not list((here / f"results/{NAME}").glob(".due/*"))


def test_a_failure_is_told_at_the_end_whatever_the_clock_says(tmp_path: Path) -> None:
    """Logs of the past, as a clock that was set back leaves them, are of this call if they are new."""
    old, new = tmp_path / "train_student/old.log", tmp_path / "train_student/new.log"
    old.parent.mkdir()
    old.write_text("error: long ago\n")
    before = log_times(tmp_path)
    new.write_text("error: just now\n")
    os.utime(new, (1.0, 1.0))
    assert failures(tmp_path, before) == {"error: just now": ["train_student new"]}
