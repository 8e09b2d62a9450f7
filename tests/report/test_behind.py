"""Which runs are behind a row of a table."""

import pandas as pd
import pytest
from potstill.errors import ConfigError
from potstill.report.behind import data_rows, matching_rows, runs_behind


@pytest.fixture
def runs() -> pd.DataFrame:
    """A teacher, a baseline, and a method of which one variant is selected, each with two seeds; two tasks."""
    rows = []
    for task in ("sst2", "squad"):
        rows.append((task, "teacher", "big", "teacher", "-", -1, True))
        for seed in (0, 1):
            rows += [
                (task, "student", "small", "b0", "-", seed, True),
                (task, "student", "small", "kd1", "T1", seed, False),
                (task, "student", "small", "kd1", "T4", seed, True),
            ]
    columns = ["task", "role", "student", "method", "variant", "seed", "selected"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(run_id=[".".join(map(str, row[:6])) for row in rows])


def ids(runs: pd.DataFrame) -> set[str]:
    return set(runs.run_id)


def test_a_row_without_variant_speaks_of_the_selected_one_with_all_its_seeds(runs: pd.DataFrame) -> None:
    row = {"task": "sst2", "model": "small", "method": "kd1", "mean": 0.7}
    assert ids(runs_behind(row, runs)) == {"sst2.student.small.kd1.T4.0", "sst2.student.small.kd1.T4.1"}


def test_a_variant_and_a_seed_are_taken_at_their_word(runs: pd.DataFrame) -> None:
    row = {"task": "sst2", "model": "small", "method": "kd1", "variant": "T1", "seed": 1.0}
    assert ids(runs_behind(row, runs)) == {"sst2.student.small.kd1.T1.1"}


@pytest.mark.parametrize("other", [{"other": "b0", "other_variant": "-"}, {"baseline": "b0"}])
def test_a_difference_has_both_sides_behind_it(runs: pd.DataFrame, other: dict[str, str]) -> None:
    found = runs_behind({"task": "squad", "student": "small", "method": "kd1", "variant": "T1", **other}, runs)
    assert {(run.method, run.variant, run.seed) for run in found.itertuples()} == {
        ("kd1", "T1", 0),
        ("kd1", "T1", 1),
        ("b0", "-", 0),
        ("b0", "-", 1),
    }
    assert set(found.task) == {"squad"}


def test_a_share_of_the_teacher_s_score_has_the_teacher_of_that_task_behind_it(runs: pd.DataFrame) -> None:
    row = {"task": "sst2", "model": "small", "method": "b0", "variant": "-", "retention": 0.9}
    assert "sst2.teacher.big.teacher.-.-1" in ids(runs_behind(row, runs))
    assert set(runs_behind(row, runs).task) == {"sst2"}
    assert "teacher" not in set(runs_behind({**row, "retention": float("nan")}, runs).method)


def test_a_constant_answer_has_no_run_behind_it(runs: pd.DataFrame) -> None:
    assert runs_behind({"task": "sst2", "model": "constant answer", "method": "majority class"}, runs).empty


def test_rows_are_found_by_text_and_by_number() -> None:
    table = pd.DataFrame({"method": ["kd1", "kd1", "b0"], "T": [2.0, 4.0, 2.0]})
    assert list(matching_rows(table, {"method": "kd1", "T": "4"}, "table.csv").index) == [1]
    assert list(matching_rows(table, {}, "table.csv").index) == [0, 1, 2]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"methd": "kd1"}, "table.csv: no column 'methd'; there are method, T"),
        ({"method": "b0", "T": "4"}, "table.csv: no row with T '4'; there are 2.0"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(wanted: dict[str, str], message: str) -> None:
    table = pd.DataFrame({"method": ["kd1", "kd1", "b0"], "T": [2.0, 4.0, 2.0]})
    with pytest.raises(ConfigError) as error:
        matching_rows(table, wanted, "table.csv")
    assert str(error.value) == message


def test_data_rows_are_those_of_the_runs(runs: pd.DataFrame) -> None:
    scores = pd.concat(
        [runs.drop(columns="run_id").assign(example_id=f"e{i}", metric="accuracy", score=i % 2) for i in range(3)]
    )
    chosen = runs[runs.method == "b0"]
    found = data_rows(chosen, scores)
    assert len(found) == 3 * len(chosen)
    assert ids(found) == ids(chosen)
