"""Measured speeds: learnt from finished jobs, used for the next estimate; and what jobs ask of a cluster."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill import artefacts
from potstill.plan.rates import ASSUMED_FLOPS, ASSUMED_START, FILE, KEPT, Rates, remember
from potstill.plan.resources import LEAST_MINUTES, memory_mb, runtime_minutes
from potstill.plan.workload import PROCESS_BYTES, Workload

SPEED, START = 2e11, 12.0


def measured(*flops: float, kind: str = "runs", device: str = "cpu") -> Rates:
    """Rates of a machine that starts a job in 12 seconds and then computes 2e11 operations a second."""
    return Rates({kind: {device: [[number, START + number / SPEED] for number in flops]}})


@given(st.lists(st.floats(3e12, 1e16), min_size=1, max_size=20), st.floats(1e9, 1e17))
def test_a_machines_speed_is_learnt_from_its_large_jobs(flops: list[float], asked: float) -> None:
    rates = measured(*flops)
    assert rates.knows("runs", "cpu")
    # How long a start takes is assumed (15 s) where only large jobs were seen, and a half off is good for an estimate.
    estimate = rates.seconds("runs", "cpu", Workload(flops=asked))
    assert estimate == pytest.approx(START + asked / SPEED, rel=0.5, abs=ASSUMED_START)


@given(st.lists(st.floats(1e6, 1e10), min_size=1, max_size=20), st.floats(1e13, 1e16))
def test_small_jobs_tell_how_long_a_start_takes_and_nothing_else(flops: list[float], asked: float) -> None:
    rates = measured(*flops)
    assert not rates.knows("runs", "cpu")
    expected = START + asked / ASSUMED_FLOPS["cpu"]
    assert rates.seconds("runs", "cpu", Workload(flops=asked)) == pytest.approx(expected, rel=0.01)


def test_nothing_measured_is_assumed() -> None:
    assert Rates({}).seconds("runs", "cpu", Workload(flops=ASSUMED_FLOPS["cpu"])) == ASSUMED_START + 1
    other = measured(1e14, kind="targets")
    assert other.seconds("runs", "cpu", Workload(flops=ASSUMED_FLOPS["cpu"])) == ASSUMED_START + 1


def test_a_slow_outlier_does_not_spoil_the_estimate() -> None:
    pairs = [[1e14, START + 1e14 / SPEED]] * 6 + [[1e14, 100 * 1e14 / SPEED]] * 2
    seconds = Rates({"runs": {"cpu": pairs}}).seconds("runs", "cpu", Workload(flops=1e14))
    assert seconds == pytest.approx(START + 1e14 / SPEED, rel=0.1)


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"runs": 3}', '{"runs": {"cpu": [["fast", 1]]}}'])
def test_a_file_that_is_not_ours_counts_as_nothing_measured(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    assert Rates.read(str(tmp_path)).measured == {}


# Remembering


def finish(results: Path, node, seconds: float, device: str = "cpu") -> None:
    facts = {"device": device, "seconds": seconds}
    with artefacts.writing(node.directory(str(results)), spec=node.spec, **facts) as folder:
        (folder / "run.json").write_text("{}")


def test_jobs_of_this_call_are_remembered_once_with_their_device(plan, tmp_path: Path) -> None:
    planned = plan("smoke", results=str(tmp_path / "results"))
    first, second, *_ = planned.graph.nodes["runs"].values()
    finish(tmp_path / "results", first, 20.0)
    finish(tmp_path / "results", second, 30.0, device="cuda")
    planned.remember_rates()
    found = Rates.read(str(tmp_path / "results")).measured
    flops = planned.workloads.of(first).flops
    assert found["runs"]["cpu"] == [[pytest.approx(flops, rel=1e-3), 20.0]]
    assert [seconds for _, seconds in found["runs"]["gpu"]] == [30.0]
    nodes = planned.graph.nodes["runs"].values()
    remember(str(tmp_path / "results"), nodes, planned.workloads, since=time.time() + 60)
    assert Rates.read(str(tmp_path / "results")).measured == found, "a job of an earlier call was counted again"


def test_work_is_counted_as_it_was_and_not_as_it_had_been_assumed(plan, tmp_path: Path) -> None:
    planned = plan("smoke", results=str(tmp_path / "results"))
    run = next(iter(planned.graph.runs)).node
    assumed = planned.workloads.of(run).flops
    examples = next(iter(planned.graph.examples.values()))
    with artefacts.writing(examples.directory(planned.results), spec={}) as folder:
        sizes = {
            split: {"examples": 20, "mean_characters": 40} for split in ("train", "transfer", "validation", "test")
        }
        (folder / "report.json").write_text(json.dumps({"splits": sizes}))
    finish(tmp_path / "results", run, 20.0)
    planned.remember_rates()
    ((flops, _),) = Rates.read(planned.results).measured["runs"]["cpu"]
    assert flops < assumed
    assert flops == pytest.approx(plan("smoke", results=planned.results).workloads.of(run).flops, rel=1e-3)


def test_only_the_newest_measurements_are_kept(plan, tmp_path: Path) -> None:
    planned = plan("smoke", results=str(tmp_path / "results"))
    node = next(iter(planned.graph.nodes["runs"].values()))
    finish(tmp_path / "results", node, 20.0)
    for _ in range(KEPT + 5):
        remember(str(tmp_path / "results"), [node], planned.workloads, since=0)
    assert len(Rates.read(str(tmp_path / "results")).measured["runs"]["cpu"]) == KEPT


# Resources


def test_memory_and_time_grow_with_every_attempt() -> None:
    work = Workload(flops=1e15, memory=8e9, devices=1)
    assert [memory_mb(work, attempt) for attempt in (1, 2, 3)] == [10_000, 20_000, 30_000]
    minutes = [runtime_minutes(work, "runs", Rates({}), attempt) for attempt in (1, 2, 3)]
    assert minutes[1:] == [2 * minutes[0], 3 * minutes[0]]
    assert minutes[0] > LEAST_MINUTES


def test_the_time_asked_for_follows_measured_speed() -> None:
    work = Workload(flops=1e15, devices=1)  # at 2e11 a second: 83 minutes
    assert 160 < runtime_minutes(work, "runs", measured(1e14), 1) < 200
    both = Rates({"runs": {**measured(1e14).measured["runs"], "gpu": [[1e15, 20.0]]}})
    assert runtime_minutes(work, "runs", both, 1) < 20


def test_the_smallest_job_has_room_for_a_process_with_torch() -> None:
    assert memory_mb(Workload(), 1) * 1e6 >= 1.2 * PROCESS_BYTES
