"""`make plan`: every job in one line of the table, what is there left out, and a disk that is too small said."""

import io
import re
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from potstill import artefacts, storage
from potstill.plan import forecast as module
from potstill.plan.forecast import describe, forecast, quantity, size, time
from rich.console import Console


def printed(plan, device: str = "cpu") -> str:
    out = io.StringIO()
    describe(plan, forecast(plan, device), device, Console(file=out, width=200))
    return out.getvalue()


def test_every_job_of_the_plan_is_in_one_stage(plan) -> None:
    for experiment in ("smoke", "demo", "thesis_full"):
        planned = plan(experiment)
        stages = forecast(planned, "cpu")
        jobs = sum(len(nodes) for nodes in planned.graph.nodes.values()) + len(planned.products)
        assert sum(stage.jobs for stage in stages) == jobs
        assert not any(stage.done for stage in stages)


def test_what_is_there_is_not_done_again_and_costs_nothing(plan, project: Path) -> None:
    planned = plan("smoke")
    before = {stage.name: stage for stage in forecast(planned, "cpu")}
    for run in planned.graph.runs[:3]:
        with artefacts.writing(run.node.directory("results"), spec={}) as folder:
            (folder / "run.json").write_text("{}")
    after = {stage.name: stage for stage in forecast(planned, "cpu")}
    assert (after["train students"].done, before["train students"].done) == (3, 0)
    assert after["train students"].tokens < before["train students"].tokens
    assert after["train students"].disk < before["train students"].disk
    assert {k: v for k, v in after.items() if k != "train students"} == {
        k: v for k, v in before.items() if k != "train students"
    }


def test_the_table_has_the_sums_and_says_what_they_rest_on(plan) -> None:
    text = printed(plan("demo"))
    assert re.search(r"^train students +21 +0 +21 ", text, flags=re.MULTILINE)
    assert re.search(r"^together +49 +0 +49 ", text, flags=re.MULTILINE)
    assert "Speed assumed" in text
    assert "smollm2-135m: 135m weights, as its name says" in text
    assert "sentiment: inputs as long as the task allows" in text
    assert "not enough" not in text


def test_a_measured_speed_is_used_and_said(plan, project: Path) -> None:
    before = next(s for s in forecast(plan("demo"), "cpu") if s.name == "train students")
    Path("results").mkdir()
    Path("results/rates.json").write_text('{"runs": {"cpu": [[1e12, 15.1], [2e12, 15.2]]}}')
    planned = plan("demo")
    after = next(s for s in forecast(planned, "cpu") if s.name == "train students")
    assert after.seconds < before.seconds
    text = printed(planned)
    assert "Speed as measured here before: train students." in text


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(plan, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage(2e9, 1.9e9, 1e8))
    assert "100.0 MB are free" in printed(plan("demo"))
    assert "That is not enough: make room" in printed(plan("demo"))


def test_nothing_to_do_is_one_line(plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_finished", lambda folder: True)
    monkeypatch.setattr("potstill.plan.products.Product.is_made", lambda self, folder: True)
    assert "Everything is there: a call makes nothing." in printed(plan("smoke"))


def test_a_terminal_without_colours_gets_none(plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    planned = plan("smoke")
    describe(planned, forecast(planned, "cpu"), "cpu", Console(file=out, width=100, force_terminal=True))
    assert "\x1b[3" not in out.getvalue()


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (quantity(730), "730"),
        (quantity(12_345), "12.3 k"),
        (quantity(2.35e9), "2.35 B"),
        (size(730), "730 bytes"),
        (size(5.07e6), "5.1 MB"),
        (size(7.2e11), "720.0 GB"),
        (time(44.2), "45 s"),
        (time(90), "1.5 min"),
        (time(3600 * 12.3), "13 h"),
        (time(86_400 * 3.4), "3.4 days"),
    ],
)
def test_numbers_are_short(shown: str, expected: str) -> None:
    assert shown == expected


def test_free_space_is_that_of_the_file_system_that_results_will_lie_on(tmp_path: Path) -> None:
    assert shutil.disk_usage(storage.existing(tmp_path / "not" / "yet")).total == shutil.disk_usage(tmp_path).total
