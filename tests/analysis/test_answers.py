"""Reading collected answers: aligned by example, and refused where the tables do not belong together."""

import numpy as np
import pandas as pd
import pytest
from potstill.analysis.answers import read_results, spelled
from potstill.errors import ArtefactError, DataError
from potstill.tables import read_frame, write_table
from small_results import classified, write

GOLD, TEACHER, STUDENTS = [0, 1, 1, 0], [0, 1, 0, 0], {"b0": [[0, 0, 1, 1]], "kd": [[0, 1, 1, 1], [1, 1, 1, 1]]}


@pytest.fixture
def collected(tmp_path):
    logits = {"teacher": np.arange(8).reshape(4, 2)}
    write(tmp_path, "classification", GOLD, TEACHER, STUDENTS, logits=logits)
    return tmp_path


def change(folder, table, how):
    path = folder / f"{table}.parquet"
    write_table(how(read_frame(path)), path)


def test_answers_are_aligned_whatever_their_order(collected):
    before = read_results(collected)[0]
    for table in ("answers", "scores"):
        change(collected, table, lambda frame: frame.iloc[::-1])
    after = read_results(collected)[0]
    assert [cell.method for cell in before.students] == ["b0", "kd"]
    cells = {cell.method: cell for cell in after.students}
    for cell in before.students:
        assert np.array_equal(cells[cell.method].answers, cell.answers)
        assert np.array_equal(cells[cell.method].right, cell.right)
    kd = cells["kd"]
    assert kd.seeds == (0, 1)
    assert kd.answers.tolist() == [["negative", "positive", "positive", "positive"], ["positive"] * 4]
    assert kd.right.tolist() == [[True, True, True, False], [False, True, True, False]]
    assert kd.logits is None
    assert before.teacher.logits.tolist() == [np.arange(8).reshape(4, 2).tolist()]
    assert after.gold.tolist() == ["negative", "positive", "positive", "negative"]


def test_several_tasks_keep_their_order(tmp_path):
    folders = [tmp_path / "z", tmp_path / "a"]
    for folder in folders:
        write(folder, "classification", GOLD, TEACHER, STUDENTS, task=folder.name)
    for table in ("answers", "scores", "examples"):
        change(
            folders[0], table, lambda frame, name=table: pd.concat([frame, read_frame(folders[1] / f"{name}.parquet")])
        )
    assert [task.task for task in read_results(folders[0])] == ["z", "a"]


def test_variants_that_were_not_selected_are_not_asked_for(collected):
    change(collected, "scores", lambda t: t.assign(selected=t.selected & (t.method != "b0")))
    assert [cell.method for cell in read_results(collected)[0].students] == ["kd"]


def test_clusters_are_those_of_the_examples(tmp_path):
    assert classified(tmp_path / "a", GOLD, TEACHER, STUDENTS).clusters is None
    assert classified(tmp_path / "b", GOLD, TEACHER, STUDENTS, clusters="ppqq").clusters.tolist() == [
        "p",
        "p",
        "q",
        "q",
    ]


@pytest.mark.parametrize(
    ("kind", "text", "same"),
    [
        ("extractive-qa", " The Dog! ", "dog"),
        ("generation", " The Dog! ", "The Dog!"),
        ("classification", " positive", "positive"),
    ],
)
def test_answers_are_spelt_as_their_metric_reads_them(kind, text, same):
    assert spelled(kind, text) == same


@pytest.mark.parametrize(
    ("table", "how", "message"),
    [
        ("answers", lambda t: t.iloc[1:], r"big, teacher, seed -1: 3 answers to 4 examples"),
        ("answers", lambda t: t[t.method != "kd"], r"small, kd, seed 0: 0 answers to 4 examples"),
        ("answers", lambda t: pd.concat([t, t.tail(1)]), r"small, kd, seed 1: 5 answers to 4"),
        ("answers", lambda t: t.assign(label=t.label.where(t.method != "b0", 7)), r"b0: label 7 is not one of 2"),
        ("answers", lambda t: t.assign(logits=[[1.0, 2.0, 3.0]] * len(t)), r"3 logits an answer, expected 2"),
        ("answers", lambda t: t.assign(logits=[[]] + [[1.0, 2.0]] * (len(t) - 1)), r"teacher: 0, 2 logits an answer"),
        ("scores", lambda t: t[t.role != "teacher"], r"task t has 0 teachers, expected one"),
        ("scores", lambda t: t[t.example_id != "00002"], r"scores.parquet and examples.parquet hold other examples"),
        ("scores", lambda t: t.iloc[:-1], r"seed 1 has no score for 1 example"),
        ("scores", lambda t: t.assign(score=t.score * 2), r"score 2.0 of example"),
        ("examples", lambda t: t.iloc[::-1], r"the examples of task t are not sorted, each once"),
    ],
)
def test_tables_that_do_not_belong_together_are_refused(collected, table, how, message):
    change(collected, table, how)
    with pytest.raises(DataError, match=message):
        read_results(collected)


def test_a_missing_or_older_table_is_named(collected):
    change(collected, "examples", lambda t: t.drop(columns="n_words"))
    with pytest.raises(ArtefactError, match=r"examples\.parquet: .*n_words"):
        read_results(collected)
    (collected / "answers.parquet").unlink()
    change(collected, "examples", lambda t: t.assign(n_words=1))
    with pytest.raises(ArtefactError, match=r"answers\.parquet: missing"):
        read_results(collected)
