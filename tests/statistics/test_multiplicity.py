"""Corrected p-values and counts of wins against published numbers."""

from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.statistics.multiplicity import adjusted, partial_conjunction

# Benjamini & Hochberg 1995, section 3.2: 15 hypotheses of a clinical trial.
BENJAMINI_HOCHBERG = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
]  # fmt: skip
# Dror et al. 2017, README of their repository: six data sets.
DROR = [0.168, 0.297, 0.357, 0.019, 0.218, 0.001]


def one_family(p, correction):
    # statsmodels' Holm collects garbage at each call, 0.1 s.
    with mock.patch("gc.collect"):
        return adjusted(pd.Series(p), pd.Series("x", index=range(len(p))), correction)


@pytest.mark.parametrize(("correction", "expected"), [("holm", [0.03, 0.03, 0.04]), ("bh", [0.0165, 0.0165, 0.04])])
def test_three_p_values(correction, expected):
    assert one_family([0.01, 0.011, 0.04], correction).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(("correction", "rejected"), [("holm", 3), ("bh", 4)])
def test_the_example_of_benjamini_and_hochberg(correction, rejected):
    assert (one_family(BENJAMINI_HOCHBERG, correction) <= 0.05).sum() == rejected


@pytest.mark.parametrize("correction", ["holm", "bh"])
def test_families_are_corrected_apart_and_gaps_left(correction):
    p = pd.Series([0.02, 0.03, np.nan, 0.04], index=[7, 3, 5, 1])
    found = adjusted(p, pd.Series(["a", "a", "a", "b"], index=p.index), correction)
    alone = [0.04, 0.04] if correction == "holm" else [0.03, 0.03]
    assert found.tolist() == pytest.approx([*alone, np.nan, 0.04], nan_ok=True)


def test_the_example_of_dror():
    assert partial_conjunction(DROR, 0.05) == 1
    assert partial_conjunction(DROR, 0.05, "fisher") == 2
    assert (one_family(DROR, "holm") <= 0.05).tolist() == [False] * 5 + [True]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.randoms())
def test_partial_conjunction_counts_at_least_what_holm_names(p, random):
    """Both hold the family's error rate; Bonferroni's count is the number of Holm's rejections."""
    named = int((one_family(p, "holm") <= 0.05).sum())
    shuffled = random.sample(p, len(p))
    assert partial_conjunction(shuffled, 0.05) == named


def test_partial_conjunction_rarely_counts_too_many():
    """Two of five data sets have an effect, of any strength: more than two are counted in at most 5 % of all cases."""
    rng = np.random.default_rng(0)
    null = rng.random((2000, 3))
    for combination in ("bonferroni", "fisher"):
        counts = [partial_conjunction([1e-9, 1e-9, *p], 0.05, combination) for p in null]
        assert 0.03 < np.mean(np.array(counts) > 2) < 0.065
