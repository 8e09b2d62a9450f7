"""A training on two devices is the training on one: the same losses and weights, but for the order of sums."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from potstill.tables import read_frame
from safetensors.torch import load_file

sys.path.append(str(Path(__file__).parents[1] / "devices"))
from processes import run_together
from train_together import CASES, with_dropout

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What both processes ended with, for every case."""
    folder = tmp_path_factory.mktemp("together")
    run_together(Path(__file__).with_name("train_together.py"), folder)
    return folder


def ended(together, name, rank=0):
    return load_file(together / f"{name}.{rank}.safetensors"), read_frame(together / f"{name}.{rank}.parquet")


def same(a, b):
    return a[0].keys() == b[0].keys() and all(torch.equal(a[0][k], b[0][k]) for k in a[0]) and a[1].equals(b[1])


@pytest.mark.parametrize("case", CASES)
def test_two_devices_train_as_one(case, together):
    """No one-sided drift either: a mean of the devices' means would weigh a small share more."""
    alone = CASES[case]()
    expected, (weights, history) = alone.run().history, ended(together, case)
    columns = ["loss", "validation_loss", "validation_score"]
    np.testing.assert_allclose(history[columns], expected[columns], atol=1e-4)
    assert abs((history["loss"] - expected["loss"]).mean()) < 2e-5
    np.testing.assert_allclose(history["gradient_norm"], expected["gradient_norm"], rtol=1e-3)
    for name, value in alone.weights().items():
        if not name.endswith("key.bias"):  # its gradient is rounding, which Adam makes as large as any other
            torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=2e-4, msg=name)


@pytest.mark.parametrize("case", [*CASES, "whole", "short of memory", "resumed"])
def test_all_devices_have_the_same_weights(case, together):
    assert same(ended(together, case, 0), ended(together, case, 1))


def test_what_no_loss_reaches_stays_as_it_is(together):
    before, after = CASES["the method's own weights"]().weights(), ended(together, "the method's own weights")[0]
    assert {n for n in before if torch.equal(before[n], after[n])} == {"method.idle.weight", "method.idle.bias"}


def test_each_device_drops_other_units_out(together):
    """One stream of masks for both would tie the noise of examples to each other. The first has the masks it has alone."""
    seeds = [int((together / f"seed of whole.{rank}.txt").read_text()) for rank in (0, 1)]
    alone = with_dropout()
    alone.run()
    assert seeds[0] == torch.initial_seed() != seeds[1]


def test_a_signal_to_one_device_stops_all_after_the_same_step_and_they_go_on_to_the_same_bytes(together):
    said = {(together / f"interrupted.{rank}.txt").read_text() for rank in (0, 1)}
    (message,) = said
    assert message.startswith("SIGUSR1: stopped after step 3 of 6")
    assert same(ended(together, "resumed"), ended(together, "whole"))


def test_one_device_short_of_memory_halves_the_micro_batches_of_all(together):
    assert same(ended(together, "short of memory"), ended(together, "one at a time"))
