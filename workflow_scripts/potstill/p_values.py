"""How a p-value is printed, in tables, figures and sentences alike."""

LEVELS = (0.1, 0.05, 0.01)  # of which a reader asks on which side a p-value lies


def p_value_text(value: float) -> str:
    """To three decimals, or so many that it stays on its side of the usual levels; below 0.001 only that it is below.

    0.0496 to three decimals would read 0.050, as if it were not below 0.05.
    """
    if value < 0.001:
        return "<0.001"
    texts = (f"{value:.{decimals}f}" for decimals in range(3, 18))
    return next(text for text in texts if all((float(text) < level) == (value < level) for level in LEVELS))
