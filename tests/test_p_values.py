"""P-values as text stay on their side of the levels that readers look at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.p_values import LEVELS, p_value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0282, "0.028"),
        (0.0496, "0.0496"),
        (0.05, "0.050"),
        (0.0504, "0.050"),
        (0.00999, "0.00999"),
        (0.0004, "<0.001"),
        (1.0, "1.000"),
    ],
)
def test_text(value: float, text: str) -> None:
    assert p_value_text(value) == text


@given(st.floats(0.001, 1.0))
def test_no_level_is_crossed_by_rounding(value: float) -> None:
    text = float(p_value_text(value))
    assert text == pytest.approx(value, abs=5e-4)
    assert all((text < level) == (value < level) for level in LEVELS)
