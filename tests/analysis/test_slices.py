"""Slices: every example in one value, scores of just these examples, and the values of any column."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.analysis.slices import EMPTY, OTHERS, SCHEMA, largest, quartiles, slices
from potstill.errors import DataError
from potstill.plan.specs.analyse import ErrorAnalysisSettings
from potstill.statistics.intervals import interval_of_score
from small_results import answered, classified

N = 120


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    rng = np.random.default_rng(0)
    gold, teacher, *students = rng.integers(0, 2, (6, N))
    given = {"b0": students[:2], "kd": students[2:], ("large", "kd"): students[:1]}
    return classified(tmp_path_factory.mktemp("collected"), gold, teacher, given)


def table_of(results, *names, columns=None, **settings):
    return slices(
        [results],
        {} if columns is None else {"t": columns},
        ErrorAnalysisSettings(slices=names, **settings),
        "b0",
        0.95,
    )


def column(results, values):
    return pd.DataFrame({"example_id": results.examples.example_id, "topic": values})


def test_values_are_apart_and_together_the_whole_test_set(results):
    table = table_of(results, "length", "label")
    assert list(table) == SCHEMA.names
    for _, part in table.groupby(["student", "method", "slice"]):
        assert part.n_examples.sum() == N
        whole = np.average(part.score, weights=part.n_examples)
        cell = next(c for c in results.students if (c.student, c.method) == tuple(part.iloc[0][["student", "method"]]))
        assert whole == pytest.approx(cell.scores.mean())
        assert np.average(part.teacher_score, weights=part.n_examples) == pytest.approx(results.teacher.scores.mean())


def test_the_scores_are_those_of_the_slice(results):
    row = table_of(results, "label").query("student == 'small' and method == 'kd' and value == 'positive'").iloc[0]
    chosen = results.gold == "positive"
    kd = next(cell for cell in results.students if cell.method == "kd").scores[:, chosen]
    b0 = next(cell for cell in results.students if cell.method == "b0").scores[:, chosen]
    assert row.score == pytest.approx(kd.mean())
    assert row.baseline_score == pytest.approx(b0.mean())
    assert (row.ci_low, row.ci_high) == interval_of_score(kd, None, 0.95)
    assert row.teacher_score == pytest.approx(results.teacher.scores[:, chosen].mean())
    assert row.metric == "accuracy"


def test_a_student_without_the_baseline_has_none_beside_it(results):
    table = table_of(results, "label")
    assert table[table.student == "large"].baseline_score.isna().all()
    assert table[table.student == "small"].baseline_score.notna().all()


def test_few_examples_are_marked_and_one_has_no_interval(results):
    values = ["rare"] + ["some"] * 20 + ["many"] * (N - 21)
    table = table_of(results, "topic", columns=column(results, values)).drop_duplicates("value").set_index("value")
    assert table.small.to_dict() == {"many": False, "some": True, "rare": True}
    assert np.isnan([table.ci_low["rare"], table.ci_high["rare"]]).all()
    assert table.ci_low["some"] < table.score["some"] < table.ci_high["some"]


def test_the_commonest_values_stand_alone_and_the_rest_together(results):
    values = ["a"] * 40 + ["b"] * 30 + ["", "c", "d", "e", "f"] * 10
    table = table_of(results, "topic", columns=column(results, values), slice_values=3)
    sizes = table.drop_duplicates("value").set_index("value").n_examples.to_dict()
    assert sizes == {"a": 40, "b": 30, EMPTY: 10, OTHERS: 40}


def test_a_column_of_many_numbers_is_cut_into_quartiles(results):
    numbers = [str(i) for i in range(N)]
    sizes = table_of(results, "topic", columns=column(results, numbers)).drop_duplicates("value")
    assert sizes.value.tolist() == ["0 to 29", "30 to 59", "60 to 89", "90 to 119"]
    assert (sizes.n_examples == 30).all()
    few = table_of(results, "topic", columns=column(results, [str(i % 3) for i in range(N)]))
    assert set(few.value) == {"0", "1", "2"}


def test_columns_are_matched_by_example_not_by_order(results):
    shuffled = column(results, list(results.gold)).sample(frac=1, random_state=0)
    by_column = table_of(results, "topic", columns=shuffled).drop(columns="slice")
    by_label = table_of(results, "label").drop(columns="slice")
    keys = ["student", "method", "value"]
    pd.testing.assert_frame_equal(
        by_column.sort_values(keys, ignore_index=True), by_label.sort_values(keys, ignore_index=True)
    )


def test_a_column_that_lacks_an_example_is_an_error(results):
    with pytest.raises(DataError, match=r"topic: the data set of task t has no row for the test example 00000"):
        table_of(results, "topic", columns=column(results, ["a"] * N).iloc[1:])


def test_what_a_task_does_not_have_gives_no_rows(results, tmp_path):
    assert len(table_of(results, "cluster")) == 0  # every example stands for itself
    words = answered(tmp_path, "generation", [["x"], ["y"]], ["x", "y"], {"b0": [["x", "x"]]})
    assert len(table_of(words, "label")) == 0
    assert len(table_of(words, "topic")) == 0


def test_clusters_the_largest_first(tmp_path):
    clusters = ["p"] * 50 + ["q"] * 40 + [f"r{i // 2}" for i in range(30)]
    gold = np.random.default_rng(1).integers(0, 2, N)
    results = classified(tmp_path, gold, gold, {"b0": [gold]}, clusters=clusters)
    table = table_of(results, "cluster", slice_values=2)
    assert table[["value", "n_examples"]].values.tolist() == [["p", 50], ["q", 40], [OTHERS, 30]]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=80))
def test_quartiles_part_all_values_and_keep_equal_ones_together(values):
    values = np.array(values, dtype=float)
    groups = quartiles(values)
    assert 1 <= len(groups) <= 4
    assert np.sum([chosen for _, chosen in groups], axis=0).tolist() == [1] * len(values)
    tops = [values[chosen].max() for _, chosen in groups]
    bottoms = [values[chosen].min() for _, chosen in groups]
    assert all(top < bottom for top, bottom in zip(tops, bottoms[1:], strict=False))


def test_quartiles_of_different_values_are_of_a_size():
    assert [chosen.sum() for _, chosen in quartiles(np.random.default_rng(0).permutation(102).astype(float))] == [
        26, 25, 26, 25,
    ]  # fmt: skip


@given(st.lists(st.sampled_from(["", "a", "b", "c", "d", "(all others)"]), min_size=1, max_size=40), st.integers(2, 4))
def test_the_largest_part_all_values(values, most):
    values = np.array(values, dtype=object)
    groups = largest(values, most)
    assert np.sum([chosen for _, chosen in groups], axis=0).tolist() == [1] * len(values)
    assert len(groups) <= most + 1
    sizes = [int(chosen.sum()) for _, chosen in groups][:most]
    assert sizes == sorted(sizes, reverse=True)
