"""Sampling, schedule, progress and history: each against what it promises."""

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from potstill.plan.specs.train import TrainingSettings
from potstill.training.history import History
from potstill.training.randomness import seed_step
from potstill.training.sampling import epoch_batches
from potstill.training.schedule import learning_rate_factor
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup


@given(st.integers(1, 200), st.integers(1, 20), st.integers(0, 5), st.booleans())
def test_an_epoch_sees_every_example_once(n, batch_size, epoch, group):
    lengths = [(7 * i) % 31 for i in range(n)]
    batches = epoch_batches(lengths, batch_size, seed=3, epoch=epoch, group_by_length=group)
    assert sorted(i for batch in batches for i in batch) == list(range(n))
    assert sorted(map(len, batches), reverse=True)[:-1] == [batch_size] * (len(batches) - 1)
    assert batches == epoch_batches(lengths, batch_size, seed=3, epoch=epoch, group_by_length=group)


def test_order_depends_on_seed_and_epoch():
    orders = [
        epoch_batches([1] * 50, 5, seed=seed, epoch=epoch, group_by_length=group)
        for seed in (0, 1)
        for epoch in (0, 1)
        for group in (False, True)
    ]
    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])


def test_grouping_saves_padding():
    lengths = torch.randint(5, 200, (1000,), generator=torch.Generator().manual_seed(0)).tolist()

    def padded(group: bool) -> int:
        batches = epoch_batches(lengths, 8, seed=0, epoch=0, group_by_length=group)
        return sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)

    assert sum(lengths) <= padded(True) < 1.15 * sum(lengths) < padded(False)


@pytest.mark.parametrize(
    ("schedule", "oracle"),
    [
        ("linear", get_linear_schedule_with_warmup),
        ("cosine", get_cosine_schedule_with_warmup),
    ],
)
def test_schedule_is_that_of_transformers_without_its_idle_first_step(schedule, oracle):
    total = 40
    settings = TrainingSettings(schedule=schedule, warmup_fraction=0.25, learning_rate=1.0)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = oracle(optimizer, 10 + 1, total + 1)
    for step in range(total):
        optimizer.step()
        scheduler.step()
        assert learning_rate_factor(step, total, settings) == pytest.approx(optimizer.param_groups[0]["lr"])


@given(st.integers(1, 300), st.floats(0, 0.99), st.sampled_from(["linear", "cosine", "constant"]))
def test_every_step_learns(total, warmup, schedule):
    settings = TrainingSettings(schedule=schedule, warmup_fraction=warmup)
    factors = [learning_rate_factor(step, total, settings) for step in range(total)]
    assert all(0 < factor <= 1 for factor in factors)


def test_history_table():
    history = History(["ce", "kd"])
    history.add(1, 0.5, 1e-5, 2.0, 0.7, {"ce": 0.6, "kd": 0.1})
    history.add(2, 1.0, 2e-5, 1.0, 0.6, {"ce": 0.5, "kd": 0.1})
    history.validated(0.65, 0.8)
    frame = history.frame()
    assert frame.columns.tolist() == [
        "step",
        "epoch",
        "learning_rate",
        "gradient_norm",
        "loss",
        "loss_ce",
        "loss_kd",
        "validation_loss",
        "validation_score",
    ]
    assert frame["step"].dtype == "int32"
    assert (frame.dtypes.drop("step") == "float64").all()
    assert frame["validation_loss"].isna().tolist() == [True, False]
    pd.testing.assert_series_equal(frame["loss_ce"], pd.Series([0.6, 0.5], name="loss_ce"))


def test_what_a_step_draws_is_a_function_of_seed_and_step():
    def drawn(seed: int, step: int) -> tuple[float, ...]:
        seed_step(seed, step)
        return tuple(torch.rand(4).tolist())

    draws = {(seed, step): drawn(seed, step) for seed in (0, 1) for step in (0, 1)}
    assert len(set(draws.values())) == 4
    assert all(drawn(*key) == numbers for key, numbers in reversed(draws.items()))
