"""Scores that cannot be compared are refused, with the run and the example named."""

import numpy as np
import pandas as pd
import pytest
from potstill.errors import DataError
from potstill.statistics.tidy import require_same_examples, score_matrix


def tidy(seeds=(0, 1), examples=("a", "b", "c")):
    rows = [
        (seed, name, f"cluster {name in 'ab'}", float((seed + i) % 2))
        for seed in seeds
        for i, name in enumerate(examples)
    ]
    return pd.DataFrame(rows, columns=["seed", "example_id", "cluster_id", "score"])


def test_matrix_is_ordered_by_seed_and_example():
    frame = tidy()
    cell = score_matrix("kd1", frame.sample(frac=1, random_state=1))
    np.testing.assert_array_equal(cell.scores, [[0, 1, 0], [1, 0, 1]])
    assert cell.seeds == (0, 1)
    assert cell.example_ids.tolist() == ["a", "b", "c"]
    assert cell.cluster_ids.tolist() == ["cluster True", "cluster True", "cluster False"]
    assert cell.n_clusters == 2


def test_examples_of_their_own_have_no_clusters():
    frame = tidy()
    assert score_matrix("kd1", frame.assign(cluster_id=frame.example_id)).clusters is None
    assert score_matrix("kd1", frame.assign(cluster_id="all")).clusters is None


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (lambda f: pd.concat([f, f.iloc[[4]]]), ["kd1, seed 1", "more than once", "b"]),
        (lambda f: f.drop(index=3), ["kd1", "seed 1", "1 example ", "a"]),
        (lambda f: f.assign(score=f.score.where(f.index != 2)), ["kd1, seed 0", "nan", "example c"]),
        (lambda f: f.assign(score=f.score.where(f.index != 2, 87.5)), ["87.5", "not between 0 and 1"]),
        (lambda f: f[f.example_id == "a"], ["kd1", "1 test example"]),
    ],
)
def test_spoilt_scores_are_refused(spoil, parts):
    with pytest.raises(DataError) as error:
        score_matrix("kd1", spoil(tidy()))
    assert all(part in str(error.value) for part in parts), error.value


def test_runs_on_different_test_sets_are_refused():
    a, b = score_matrix("kd1", tidy()), score_matrix("b0", tidy(examples=("a", "b", "d", "e")))
    with pytest.raises(DataError) as error:
        require_same_examples(a, b)
    for part in ("kd1 and b0", "1 example only in kd1, such as c", "2 examples only in b0, such as d"):
        assert part in str(error.value)
