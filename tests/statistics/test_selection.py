"""Expected best of n trials, against the papers' numbers and enumeration."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.statistics.selection import budget, expected_best

SCORES = [0.70, 0.72, 0.75, 0.80, 0.81]


def test_unbiased_numbers_of_tang_2020():
    """Tang et al. 2020's estimator; Dodge et al. 2019's biased one gives .780, .792 and .80252."""
    found = expected_best(SCORES)
    assert found[[1, 2, 4]].tolist() == pytest.approx([0.786, 0.801, 0.810])
    assert found[0] == pytest.approx(np.mean(SCORES))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7), st.randoms())
def test_is_the_mean_over_all_subsets(scores, random):
    expected = [np.mean([max(subset) for subset in combinations(scores, n)]) for n in range(1, len(scores) + 1)]
    assert expected_best(random.sample(scores, len(scores))) == pytest.approx(expected)


def test_many_trials_keep_their_digits():
    found = expected_best(np.linspace(0, 1, 400))
    assert found[-1] == pytest.approx(1)
    assert (np.diff(found) > 0).all()


def test_budget_averages_seeds_first_and_leaves_teachers_out():
    rows = [
        ("student", "kd1", "a", 0.6),
        ("student", "kd1", "a", 0.8),
        ("student", "kd1", "b", 0.9),
        ("student", "b0", "-", float("nan")),
        ("teacher", "teacher", "-", float("nan")),
    ]
    runs = pd.DataFrame(rows, columns=["role", "method", "variant", "validation_score"]).assign(task="t", student="s")
    table = budget(runs)
    assert table[["method", "trials", "n"]].values.tolist() == [["kd1", 2, 1], ["kd1", 2, 2], ["b0", 1, 1]]
    assert table.expected_validation.tolist() == pytest.approx([0.8, 0.9, 0.0])
