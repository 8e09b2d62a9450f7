"""The examples on which methods differ most, side by side."""

import numpy as np
import pytest
from potstill.analysis.differing import SCHEMA, differing, majority, spread
from small_results import answered, classified

GOLD = [0, 0, 0, 0, 0]
STUDENTS = {
    "b0": [[1, 1, 0, 1, 0], [1, 1, 0, 1, 0], [1, 0, 0, 1, 0], [1, 1, 0, 1, 0]],
    "kd": [[0, 0, 0, 0, 0], [0, 0, 0, 1, 0], [0, 1, 0, 0, 0], [0, 1, 0, 1, 0]],
}


def test_the_most_differing_come_first_and_the_rest_not_at_all(tmp_path):
    table = differing([classified(tmp_path, GOLD, [0, 1, 0, 0, 0], STUDENTS)], 20)
    assert list(table) == SCHEMA.names
    assert table.example_id.unique().tolist() == ["00000", "00003", "00001"]
    # Shares of right seeds: 0 and 1; 0 and 1/2; 1/4 and 1/2.
    assert table.drop_duplicates("example_id").spread.tolist() == [0.25, 0.0625, 0.015625]
    first = table[table.example_id == "00000"]
    assert first[["role", "student", "method", "answer", "share_right"]].values.tolist() == [
        ["teacher", "big", "teacher", "negative", 1.0],
        ["student", "small", "b0", "positive", 0.0],
        ["student", "small", "kd", "negative", 1.0],
    ]
    assert set(first.gold) == {"negative"}
    assert set(first.prompt) == {"word"}


def test_no_more_than_asked_for_ties_by_id(tmp_path):
    students = {"b0": [[1, 1, 1, 1]], "kd": [[0, 0, 0, 0]]}
    table = differing([classified(tmp_path, GOLD[:4], GOLD[:4], students)], 2)
    assert table.example_id.unique().tolist() == ["00000", "00001"]


def test_a_larger_student_is_no_method(tmp_path):
    students = {
        ("small", "b0"): [[1, 1]],
        ("small", "kd"): [[1, 0]],
        ("large", "b0"): [[0, 0]],
        ("large", "kd"): [[0, 0]],
    }
    results = classified(tmp_path, [0, 0], [0, 0], students)
    assert spread(results.students).tolist() == [0, 0.125]


def test_methods_in_another_order_differ_as_much(tmp_path):
    forward = classified(tmp_path / "a", GOLD, GOLD, STUDENTS)
    backward = classified(tmp_path / "b", GOLD, GOLD, {k: v[::-1] for k, v in reversed(STUDENTS.items())})
    assert np.array_equal(spread(forward.students), spread(backward.students))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["Oslo", "Paris", "paris."], "Paris"),
        (["Oslo", "Rome"], "Oslo"),
        (["Rome", "the Oslo", "Rome", "oslo"], "Rome"),
        (["", "", "x"], ""),
    ],
)
def test_the_majoritys_answer_is_shown_as_its_first_seed_spelt_it(tmp_path, given, expected):
    results = answered(
        tmp_path, "extractive-qa", [["Oslo"], ["x"]], ["Oslo", "x"], {"kd": [[text, "x"] for text in given]}
    )
    assert majority(results.students[0], 0) == expected
