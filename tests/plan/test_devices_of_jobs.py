"""On how many devices jobs run: what of it counts for an artefact's name, and what a job is told."""

import shlex

import pytest
from potstill.errors import ConfigError


def ids(plan, kind, part=""):
    return {name for name in plan.graph.nodes[kind] if part in name}


def options(plan, kind, name):
    words = shlex.split(plan.arguments(kind, name))
    found = {"--shard-model": "--shard-model" in words}
    return found | {"--devices": words[words.index("--devices") + 1] if "--devices" in words else None}


def test_on_one_device_nothing_is_said(plan):
    smoke = plan("smoke")
    for kind in ("runs", "targets", "predictions", "benchmarks"):
        for name in smoke.graph.nodes[kind]:
            assert options(smoke, kind, name) == {"--shard-model": False, "--devices": None}
            assert smoke.devices(kind, name) == 1


def test_a_trainings_devices_are_part_of_what_it_is(plan):
    """Sums in another order are other bytes."""
    before = plan("smoke")
    after = plan("smoke", {"methods.b0": {"training": {"devices": 2}}})
    assert ids(before, "runs") ^ ids(after, "runs") == ids(before, "runs", ".b0.") | ids(after, "runs", ".b0.")
    for name in ids(after, "runs", ".b0."):
        assert (options(after, "runs", name)["--devices"], after.devices("runs", name)) == ("2", 2)


def test_the_teachers_devices_change_no_name(plan):
    before = plan("smoke")
    after = plan("smoke", {"teacher.devices": 4, "teacher.shard": True})
    for kind in ("runs", "targets", "predictions"):
        assert ids(before, kind) == ids(after, kind)
    for kind in ("targets", "predictions"):
        for name in after.graph.nodes[kind]:
            assert options(after, kind, name) == {"--shard-model": True, "--devices": "4"}
            assert after.devices(kind, name) == 4
    assert {after.devices("runs", name) for name in after.graph.nodes["runs"]} == {1}


def test_a_teacher_that_no_device_can_hold_is_measured_on_several(plan):
    """That is another measurement."""
    before, after = plan("smoke"), plan("smoke", {"teacher.devices": 2, "teacher.shard": True})
    (measured,) = ids(after, "benchmarks") - ids(before, "benchmarks")
    assert "tiny-decoder" in measured
    assert options(after, "benchmarks", measured) == {"--shard-model": True, "--devices": "2"}


def test_weights_are_spread_over_something(plan):
    with pytest.raises(ConfigError, match=r"teacher\.shard: over how many devices\? Set teacher\.devices"):
        plan("smoke", {"teacher.shard": True})
