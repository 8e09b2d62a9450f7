"""The tables of a comparison, of a made-up experiment."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from potstill.errors import DataError
from potstill.plan.specs.compare import ComparisonSettings
from potstill.statistics.cells import choices, matrices
from potstill.statistics.comparison import compare
from potstill.statistics.contrasts import COLUMNS, contrasts
from potstill.statistics.difference import difference, disagreement
from potstill.statistics.multiplicity import adjusted
from potstill.statistics.one_seed import mcnemar_exact, sign_flips
from potstill.statistics.power import mcnemar_detectable_difference
from potstill.statistics.summary import summarise
from potstill.statistics.ties import tied_with_the_best
from potstill.statistics.variance_components import estimate_difference
from potstill.statistics.wins import wins

SETTINGS = {"baseline": "b0", "confirmatory": None, "confidence": 0.95, "family": "task", "power": 0.8}
KEYS = ["task", "student", "method", "variant", "other", "other_variant", "metric"]


@pytest.fixture(scope="module")
def table(cells, runs):
    return contrasts(cells, runs, **SETTINGS)


@pytest.fixture(scope="module")
def confirmatory(table):
    return table[table.role == "confirmatory"]


def test_all_tables_are_there(runs, scores):
    tables = compare(runs, scores, **ComparisonSettings().as_json())
    assert list(tables) == ["summary", "contrasts", "retention", "wins", "budget"]
    assert all(len(table) for table in tables.values())


def test_summary_has_one_row_a_cell(runs, scores, cells):
    summary = summarise(cells, runs, 0.95)
    keys = ["task", "role", "student", "method", "variant", "metric"]
    assert len(summary) == len(scores[keys].drop_duplicates()) == len(summary[keys].drop_duplicates())
    kd1 = summary.method == "kd1"
    assert (summary.trials[kd1] == 4).all()
    assert (summary.trials[~kd1] == 1).all()


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


def test_the_tied_set_is_over_all_students_of_a_task(runs, cells):
    summary = summarise(cells, runs, 0.95)
    for task, part in summary.groupby("task"):
        eligible = part[part.selected & part.primary & (part.role == "student")]
        assert not part.tied[~part.index.isin(eligible.index)].any()
        assert eligible.loc[eligible["mean"].idxmax(), "tied"]
        assert 1 < eligible.tied.sum() < len(eligible), task


def test_a_clear_winner_stands_alone_and_order_does_not_matter():
    rng = np.random.default_rng(0)
    good, bad, worse = ((rng.random((3, 500)) < p).astype(float) for p in (0.9, 0.7, 0.5))
    assert tied_with_the_best([bad, good, worse], None, 0.95) == [False, True, False]
    assert tied_with_the_best([worse, bad, good], None, 0.95) == [False, False, True]
    assert tied_with_the_best([good], None, 0.95) == [True]
    assert tied_with_the_best([good, good], None, 0.95) == [True, True]


def test_each_contrast_is_made_once_and_the_confirmatory_first(table, confirmatory):
    assert list(table) == COLUMNS
    assert not table.duplicated(KEYS).any()
    assert table.role.tolist() == sorted(table.role)
    methods = confirmatory.groupby(["task", "student"]).method.agg(list).map(sorted)
    assert methods.tolist() == [["kd1", "kd2", "kd3"]] * 4
    assert set(confirmatory.metric) == {"accuracy", "f1"}


def test_exploratory_are_pairs_other_metrics_and_unselected_variants(table, runs):
    explored = table[(table.role == "exploratory") & (table.task == "squad") & (table.student == "minilm-2l")]
    pairs = explored[explored.other != "b0"]
    assert sorted(zip(pairs.method, pairs.other, strict=True)) == [("kd1", "kd2"), ("kd1", "kd3"), ("kd2", "kd3")]
    assert explored.method[explored.metric == "exact_match"].tolist() == ["kd1", "kd2", "kd3"]
    variants = explored[(explored.other == "b0") & (explored.metric == "f1")]
    chosen = {choice.variant for choice in choices(runs) if choice.method == "kd1" and choice.task == "squad"}
    assert set(variants.variant) == {"T2_a0.5", "T2_a0.9", "T4_a0.5", "T4_a0.9"} - chosen
    assert len(explored) == 3 + 3 + 3


def test_methods_that_were_not_declared_are_exploratory(cells, runs):
    table = contrasts(cells, runs, **{**SETTINGS, "confirmatory": ["kd2"]})
    confirmatory = table[table.role == "confirmatory"]
    assert set(confirmatory.method) == {"kd2"}
    # Two students a task, so families of two instead of six.
    assert (confirmatory.p_adjusted <= 2 * confirmatory.p + 1e-12).all()
    main = table[(table.other == "b0") & table.method.isin(["kd1", "kd3"]) & (table.role == "exploratory")]
    chosen = {(c.task, c.student, c.method, c.variant) for c in choices(runs)}
    selected = [key in chosen for key in main[["task", "student", "method", "variant"]].itertuples(False, None)]
    assert sum(selected) == 8
    assert (table.metric[table.role == "exploratory"] == "exact_match").sum() == 2


def test_families_are_corrected_apart_each_in_its_way(table):
    for (role, family), part in table.groupby(["role", "family"]):
        correction = {"confirmatory": "holm", "exploratory": "bh"}[role]
        assert set(part.adjustment) == {correction}
        assert set(part.task) == {family}
        expected = adjusted(part.p, pd.Series(0, index=part.index), correction)
        assert part.p_adjusted.tolist() == pytest.approx(expected.tolist())


def test_a_wider_family_corrects_more(confirmatory, cells, runs):
    wide = contrasts(cells, runs, **{**SETTINGS, "family": "experiment"})
    assert set(wide.family) == {"all"}
    wide = wide[wide.role == "confirmatory"]
    assert (wide.p_adjusted >= confirmatory.p_adjusted - 1e-12).all()
    assert (wide.p_adjusted > confirmatory.p_adjusted).any()


def test_contrasts_take_the_selected_variant(runs, confirmatory):
    chosen = runs[runs.selected].groupby(["task", "student", "method"]).test_score.mean()
    for row in confirmatory.itertuples():
        expected = chosen[row.task, row.student, row.method] - chosen[row.task, row.student, "b0"]
        assert row.difference == pytest.approx(expected)
        assert row.ci_low < row.difference < row.ci_high
        assert row.p <= row.p_adjusted <= 1
        if row.test == "two-way components":
            assert (row.p < 0.05) == (row.ci_low > 0 or row.ci_high < 0)
            assert row.hedges_g_low < row.hedges_g < row.hedges_g_high
            assert (row.hedges_g_low > 0 or row.hedges_g_high < 0) == (row.paired_t_p < 0.05)


def test_several_seeds_are_judged_by_the_two_way_test(table, cells):
    row = table.query("task == 'sentiment' and student == 'minilm-6l' and method == 'kd2' and other == 'b0'").iloc[0]
    a, b = (cells["sentiment", "student", "minilm-6l", m, "-", "accuracy"] for m in ("kd2", "b0"))
    assert row.test == "two-way components"
    assert row.p == estimate_difference(a.scores, b.scores).p
    assert row.seed_sd == pytest.approx(a.scores.mean(1).std(ddof=1))
    assert row.seed_sd_other == pytest.approx(b.scores.mean(1).std(ddof=1))
    assert (row.n_seeds, row.n_examples, row.n_clusters) == (3, 400, 400)
    assert row.p_improvement == 1


def test_one_seed_is_judged_by_sign_flips_of_clusters_and_says_so(table, cells):
    one = table[table.task == "squad"]
    assert set(one.test) == {"permutation"}
    assert one.note.str.contains("one seed.*permutation test").all()
    seeds = ["paired_t", "cohens_d", "hedges_g", "hedges_g_low", "p_improvement", "seed_sd", "seeds_needed"]
    assert one[seeds].isna().all(axis=None)
    assert (one.n_clusters == 60).all()
    assert not table[table.task != "squad"].note.str.contains("one seed").any()
    row = one[(one.method == "kd2") & (one.other == "b0") & (one.metric == "f1")].iloc[0]
    a, b = (cells["squad", "student", row.student, m, "-", "f1"] for m in ("kd2", "b0"))
    assert row.p == sign_flips(a.scores[0] - b.scores[0], a.clusters)
    # Examples come four to a passage: it is passages that are needed.
    assert row.examples_needed % 4 == 0


def test_one_seed_of_right_or_wrong_scores_uses_mcnemar(runs, scores):
    keep_runs = runs[(runs.task == "sentiment") & (runs.seed <= 0)]
    cells = matrices(scores[(scores.task == "sentiment") & (scores.seed <= 0)])
    table = contrasts(cells, keep_runs, **SETTINGS)
    row = table.query("student == 'minilm-2l' and method == 'kd2' and other == 'b0'").iloc[0]
    a, b = (cells["sentiment", "student", "minilm-2l", m, "-", "accuracy"].scores[0] for m in ("kd2", "b0"))
    assert row.test == "McNemar exact"
    assert "McNemar" in row.note
    assert row.p == mcnemar_exact(a, b)
    assert row.disagreement == pytest.approx((a != b).mean())
    assert row.mde == mcnemar_detectable_difference(400, row.disagreement, 0.95, 0.8)


def test_a_difference_below_the_detectable_one_says_so(table):
    below = table.difference.abs() < table.mde
    assert below.any()
    assert (table.note.str.contains("80 % probability") == below).all()


def test_what_is_needed_is_less_than_there_is_where_the_difference_is_large(table):
    """At the measured number of seeds, more examples are needed just where the difference is below the MDE."""
    several = table[(table.n_seeds == 3) & table.examples_needed.notna()]
    above = several[several.difference.abs() > 1.02 * several.mde]
    below = several[several.difference.abs() < 0.98 * several.mde]
    assert len(above)
    assert (above.examples_needed <= above.n_examples).all()
    assert (below.examples_needed > below.n_examples).all()
    seeds = table[table.seeds_needed.notna()]
    assert (seeds.seeds_needed[seeds.difference.abs() > 1.02 * seeds.mde] <= 3).all()


def test_different_budgets_are_said(table):
    selected = table[(table.role == "confirmatory") | (table.metric == "exact_match")]
    assert selected.note.str.contains("settings tried on validation: 4 of kd1, 1 of b0").equals(
        selected.method == "kd1"
    )


def test_order_of_rows_does_not_matter(runs, scores, table):
    shuffled = contrasts(matrices(scores.sample(frac=1, random_state=0)), runs, **SETTINGS)
    first, other = (frame.sort_values(KEYS, ignore_index=True) for frame in (table, shuffled))
    pd.testing.assert_frame_equal(first, other)


def test_copies_of_examples_in_a_cluster_change_nothing(cells):
    """Every example three times: all numbers but the count of examples are what they were."""
    a, b = (cells["sentiment", "student", "minilm-6l", m, "-", "accuracy"] for m in ("kd2", "b0"))
    copies = [
        dataclasses.replace(
            cell,
            scores=np.repeat(cell.scores, 3, axis=1),
            example_ids=np.arange(1200),
            cluster_ids=np.repeat(cell.cluster_ids, 3),
        )
        for cell in (a, b)
    ]
    once, thrice = difference(a, b, 0.95, 0.8), difference(*copies, 0.95, 0.8)
    assert thrice["examples_needed"] == 3 * once["examples_needed"]
    for name in ("difference", "se", "df", "p", "mde", "hedges_g", "disagreement", "seeds_needed", "n_clusters"):
        assert thrice[name] == pytest.approx(once[name])


def test_wins_count_tasks_of_selected_variants(table, runs):
    counted = wins(table, runs, "b0", 0.95).set_index(["student", "method"])
    assert len(counted) == 6
    assert (counted.n_tasks == 2).all()
    assert counted.loc[("minilm-6l", "kd2")].tolist() == [2, 2, ["sentiment", "squad"]]
    assert counted.loc[("minilm-6l", "kd3")].tolist() == [2, 0, []]
    lost = table.assign(difference=-table.difference)
    assert (wins(lost, runs, "b0", 0.95).tasks_won == 0).all()


def test_disagreement_averages_over_pairs_of_runs():
    a, b = np.array([[1, 1, 0, 0], [1, 0, 0, 0]]), np.array([[1, 1, 1, 1]])
    assert disagreement(a, b) == pytest.approx((0.5 + 0.75) / 2)


def test_experiment_without_the_baseline_is_refused(runs, cells):
    with pytest.raises(DataError, match=r"comparison\.baseline: sft .* task sentiment, student minilm-6l.*b0, kd1"):
        contrasts(cells, runs, **{**SETTINGS, "baseline": "sft"})


def test_the_baseline_alone_gives_empty_tables(runs, scores):
    only = runs[runs.method.isin(["b0", "teacher"])]
    settings = ComparisonSettings().as_json()
    tables = compare(only, scores[scores.method.isin(["b0", "teacher"])], **settings)
    assert len(tables["contrasts"]) == len(tables["wins"]) == 0
    assert list(tables["contrasts"]) == COLUMNS
    assert tables["summary"].tied[tables["summary"].role == "student"].any()


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
    table = contrasts(flat, runs, **SETTINGS)
    assert (table.difference == 0).all()
    assert (table.p == 1).all()
    assert table[["ci_low", "ci_high", "mde", "seeds_needed", "examples_needed"]].isna().all(axis=None)
    assert table.note.str.contains("nothing to estimate an interval from").all()
    summary = summarise(flat, runs, 0.95)
    students = summary[summary.role == "student"]
    assert (students.retention == 0).all()
    assert students[["retention_ci_low", "retention_ci_high"]].isna().all(axis=None)
    # Right or wrong answers keep Wilson's interval: n examples, none right.
    assert (students.ci_high > 0).all()
