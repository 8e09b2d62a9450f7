"""Summary and contrasts of a made-up experiment."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import synthetic_experiment
from potstill.errors import DataError
from potstill.statistics.comparison import CONTRAST_COLUMNS, contrast, disagreement, matrices, mcnemar_exact, summarise

SETTINGS = {"baseline": "b0", "confidence": 0.95, "family": "task", "power": 0.8}


@pytest.fixture(scope="module")
def runs():
    return synthetic_experiment.collected_runs()


@pytest.fixture(scope="module")
def scores(runs):
    return synthetic_experiment.collected_scores(runs)


@pytest.fixture(scope="module")
def cells(scores):
    return matrices(scores)


def test_one_row_per_cell_and_per_comparison(runs, scores, cells):
    summary = summarise(cells, runs, 0.95)
    keys = ["task", "role", "student", "method", "variant", "metric"]
    assert len(summary) == len(scores[keys].drop_duplicates()) == len(summary[keys].drop_duplicates())
    contrasts = contrast(cells, runs, **SETTINGS)
    assert list(contrasts) == CONTRAST_COLUMNS
    assert contrasts.groupby(["task", "student"]).method.agg(list).map(sorted).tolist() == [["kd1", "kd2", "kd3"]] * 4


def test_means_and_spreads_are_those_of_the_runs(runs, cells):
    summary = summarise(cells, runs, 0.95)
    keys = ["task", "role", "student", "method", "variant"]
    expected = runs.groupby(keys).test_score.agg(["mean", "std", "count"])
    for row in summary[summary.primary].itertuples():
        mean, sd, n = expected.loc[(row.task, row.role, row.student, row.method, row.variant)]
        assert (row.mean, row.sd) == pytest.approx((mean, sd), nan_ok=True)
        assert row.n_seeds == n
        assert row.ci_low < row.mean < row.ci_high
    teacher = summary[summary.role == "teacher"]
    assert teacher.retention.tolist() == pytest.approx([1] * len(teacher))


def test_contrasts_take_the_selected_variant(runs, cells):
    contrasts = contrast(cells, runs, **SETTINGS).set_index(["task", "student", "method"])
    chosen = runs[runs.selected].groupby(["task", "student", "method"]).test_score.mean()
    for key, row in contrasts.iterrows():
        assert row.difference == pytest.approx(chosen[key] - chosen[(*key[:2], "b0")])
        assert row.ci_low < row.difference < row.ci_high
        assert row.p <= row.p_holm <= 1
        assert (row.p < 0.05) == (row.ci_low > 0 or row.ci_high < 0)


def test_one_seed_says_so(runs, cells):
    contrasts = contrast(cells, runs, **SETTINGS)
    one = contrasts[contrasts.task == "squad"]
    assert one.note.str.contains("one seed").all()
    assert one[["paired_t", "cohens_d"]].isna().all(axis=None)
    assert (one.n_clusters == 60).all()
    assert not contrasts[contrasts.task != "squad"].note.str.contains("one seed").any()


def test_a_difference_below_the_detectable_one_says_so(runs, cells):
    contrasts = contrast(cells, runs, **SETTINGS)
    below = contrasts.difference.abs() < contrasts.mde
    assert below.any()
    assert (contrasts.note.str.contains("80 % probability") == below).all()


def test_order_of_rows_does_not_matter(runs, scores):
    shuffled = scores.sample(frac=1, random_state=0)
    keys = ["task", "student", "method"]
    first, other = (
        contrast(matrices(s), runs, **SETTINGS).sort_values(keys, ignore_index=True) for s in (scores, shuffled)
    )
    pd.testing.assert_frame_equal(first, other)


def test_a_wider_family_corrects_more(runs, cells):
    by_task = contrast(cells, runs, **SETTINGS)
    by_experiment = contrast(cells, runs, **{**SETTINGS, "family": "experiment"})
    assert (by_experiment.p_holm >= by_task.p_holm - 1e-12).all()
    assert (by_experiment.p_holm > by_task.p_holm).any()


def test_one_seed_of_right_or_wrong_scores_uses_mcnemar(runs, scores):
    keep_runs = runs[(runs.task == "sentiment") & (runs.seed <= 0)]
    cells = matrices(scores[(scores.task == "sentiment") & (scores.seed <= 0)])
    row = contrast(cells, keep_runs, **SETTINGS).query("student == 'minilm-2l' and method == 'kd2'").iloc[0]
    a, b = (cells["sentiment", "student", "minilm-2l", m, "-", "accuracy"].scores[0] for m in ("kd2", "b0"))
    assert row.p == mcnemar_exact(a, b)
    assert row.disagreement == pytest.approx((a != b).mean())


def test_mcnemar_has_the_reference_values():
    def table(only_a, only_b):
        return np.r_[np.ones(only_a), np.zeros(only_b)], np.r_[np.zeros(only_a), np.ones(only_b)]

    assert mcnemar_exact(*table(86, 150)) == pytest.approx(3.716e-5, abs=5e-9)
    assert mcnemar_exact(*table(80, 120)) == pytest.approx(0.005685, abs=5e-7)


def test_disagreement_averages_over_pairs_of_runs():
    a, b = np.array([[1, 1, 0, 0], [1, 0, 0, 0]]), np.array([[1, 1, 1, 1]])
    assert disagreement(a, b) == pytest.approx((0.5 + 0.75) / 2)


def test_experiment_without_the_baseline_is_refused(runs, cells):
    with pytest.raises(DataError, match=r"comparison\.baseline: sft .* task sentiment, student minilm-6l.*b0, kd1"):
        contrast(cells, runs, **{**SETTINGS, "baseline": "sft"})


def test_the_baseline_alone_gives_an_empty_table(runs, scores):
    only = runs[runs.method.isin(["b0", "teacher"])]
    table = contrast(matrices(scores[scores.method.isin(["b0", "teacher"])]), only, **SETTINGS)
    assert len(table) == 0
    assert list(table) == CONTRAST_COLUMNS


def test_runs_on_other_examples_are_refused(scores):
    first = scores[scores.task == "squad"].example_id.iloc[0]
    spoilt = scores[~((scores.example_id == first) & (scores.method == "kd3"))]
    with pytest.raises(DataError, match=f"different test sets.*{first}"):
        matrices(spoilt)


def test_scores_without_any_variance_have_no_interval_and_say_so(cells, runs):
    """Every student wrong everywhere: the difference is 0, but how sure that is cannot be estimated."""
    flat = {
        key: dataclasses.replace(cell, scores=np.zeros_like(cell.scores)) if key[1] == "student" else cell
        for key, cell in cells.items()
    }
    table = contrast(flat, runs, **SETTINGS)
    assert (table.difference == 0).all()
    assert table[["ci_low", "ci_high", "mde"]].isna().all(axis=None)
    assert table.note.str.contains("nothing to estimate an interval from").all()
    summary = summarise(flat, runs, 0.95)
    students = summary[summary.role == "student"]
    assert (students.retention == 0).all()
    assert students[["retention_ci_low", "retention_ci_high"]].isna().all(axis=None)
    # Right or wrong answers keep Wilson's interval: n examples, none right.
    assert (students.ci_high > 0).all()
