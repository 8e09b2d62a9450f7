"""Calibration: other libraries' numbers, simulated predictions of known calibration, and the bootstrap's invariances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.analysis.calibration import (
    SCHEMA,
    bin_of,
    brier,
    calibration,
    ece,
    ece_by_luck,
    n_bins,
)
from potstill.plan.specs.analyse import ErrorAnalysisSettings
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss
from small_results import answered, classified

SETTINGS = ErrorAnalysisSettings(draws=200)


def simulated(rng, n, sharpness, seeds=1):
    """Labels, and logits [S, N, 2] that are `sharpness` times those of the true probabilities."""
    true = rng.normal(0, 1.5, n)
    gold = (rng.random(n) < 1 / (1 + np.exp(-true))).astype(int)
    stated = sharpness * true + np.zeros((seeds, 1))
    return gold, np.stack([np.zeros_like(stated), stated], axis=-1)


def table_of(folder, gold, logits, settings=SETTINGS, **more):
    results = classified(
        folder,
        gold,
        logits[0].argmax(-1),
        {"kd": logits.argmax(-1)},
        logits={"teacher": logits[0], "kd": logits},
        **more,
    )
    table = calibration([results], settings, 0.95)
    return table[table.role == "student"].reset_index(drop=True)


def test_a_hand_made_case():
    confidence = np.array([[0.55, 0.65, 0.95, 0.95]])
    right = np.array([[True, False, True, True]])
    # Two bins of (0.5, 1]: gaps 1 - 0.55 and 0 - 0.65 share one, of ten bins they have one each.
    assert ece(confidence, right, 2) == pytest.approx([abs(3 - 3.1) / 4])
    assert ece(confidence, right, 10) == pytest.approx([(0.45 + 0.65 + 0.1) / 4])
    assert bin_of(np.array([0.5, 0.50001, 1.0, 0.0]), 10).tolist() == [4, 5, 9, 0]


def test_brier_and_likelihood_are_those_of_scikit_learn(tmp_path):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (1, 150, 3)).astype("float32")
    gold = rng.integers(0, 3, 150)
    row = table_of(tmp_path, gold, logits, words=["a", "b", "c"]).iloc[0]
    probabilities = softmax(logits[0].astype(float), axis=-1)
    assert row.nll == pytest.approx(log_loss(gold, probabilities))
    assert row.brier == pytest.approx(brier_score_loss(gold, probabilities, scale_by_half=False))
    assert brier(np.eye(3)[None, gold], gold) == 0
    assert brier(np.eye(3)[None, (gold + 1) % 3], gold) == 2


def test_bins_hold_every_answer_and_add_up_to_the_error(tmp_path):
    gold, logits = simulated(np.random.default_rng(1), 800, 2.0)
    table = table_of(tmp_path, gold, logits)
    assert list(table) == SCHEMA.names
    assert len(table) == 15
    assert table["count"].sum() == 800
    filled = table[table["count"] > 0]
    gaps = (filled.accuracy - filled.confidence).abs()
    assert (gaps * filled["count"]).sum() / 800 == pytest.approx(table.ece.iloc[0])
    assert ((filled.low < filled.confidence) & (filled.confidence <= filled.high)).all()
    assert table[table["count"] == 0][["confidence", "accuracy"]].isna().all(axis=None)


@pytest.mark.parametrize(("sharpness", "low", "high"), [(1.0, 0.0, 0.035), (3.0, 0.12, 0.18)])
def test_simulated_predictions_show_the_calibration_that_they_have(tmp_path, sharpness, low, high):
    """A model that states its true probabilities has a true error of 0; three times too sure, of 0.15."""
    gold, logits = simulated(np.random.default_rng(2), 2000, sharpness, seeds=2)
    row = table_of(tmp_path, gold, logits).iloc[0]
    assert low <= row.ece <= high
    if sharpness == 1:
        assert row.ece_low == 0
        assert row.ece_by_luck == pytest.approx(row.ece, abs=0.015)
    else:
        assert row.ece_low < row.ece < row.ece_high
        assert row.ece_low > 3 * row.ece_by_luck


def test_luck_alone_falls_with_the_number_of_examples():
    confidence = np.random.default_rng(3).uniform(0.5, 1, (1, 4000))
    few, many = ece_by_luck(confidence[:, :100], 10, 0), ece_by_luck(confidence, 10, 0)
    assert many == pytest.approx(few / np.sqrt(40), rel=0.15)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_order_of_examples_is_nothing(seeds, seed):
    rng = np.random.default_rng(seed)
    confidence, right = rng.uniform(0.5, 1, (seeds, 30)), rng.random((seeds, 30)) < 0.7
    order = rng.permutation(30)
    assert ece(confidence[:, order], right[:, order], 5) == pytest.approx(ece(confidence, right, 5))
    assert ((ece(confidence, right, 5) >= 0) & (ece(confidence, right, 5) <= 1)).all()


def test_fewer_bins_for_fewer_examples():
    assert [n_bins(n) for n in (10, 100, 400, 750, 100_000)] == [5, 5, 8, 15, 15]


def test_what_has_no_probabilities_is_left_out(tmp_path):
    words = answered(tmp_path / "a", "generation", [["x"]] * 3, ["x"] * 3, {"kd": [["x", "y", "z"]]})
    silent = classified(tmp_path / "b", [0, 1, 0], [0, 1, 1], {"kd": [[0, 1, 1]]})
    assert len(calibration([words, silent], SETTINGS, 0.95)) == 0
    assert list(calibration([words], SETTINGS, 0.95)) == SCHEMA.names
    broken = {"teacher": np.ones((3, 2)), "kd": np.full((1, 3, 2), np.inf)}
    diverged = classified(tmp_path / "c", [0, 1, 0], [0, 1, 1], {"kd": [[0, 1, 1]]}, logits=broken)
    assert calibration([diverged], SETTINGS, 0.95).role.unique().tolist() == ["teacher"]
