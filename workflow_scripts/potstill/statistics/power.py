"""What a design could have seen."""

from scipy import optimize, stats


def power_of_t(effect: float, df: float, confidence: float) -> float:
    """Chance that a two-sided t-test at 1 - confidence finds a true effect, given in standard errors."""
    critical = stats.t.ppf((1 + confidence) / 2, df)
    # The wrong side's chance is below that of a normal below -effect: 3e-7 from 5 on, where scipy begins to give NaN.
    wrong_side = stats.nct.cdf(-critical, df, effect) if effect < 5 else 0.0
    return float(stats.nct.sf(critical, df, effect) + wrong_side)


def minimum_detectable_difference(se: float, df: float, confidence: float, power: float) -> float:
    """The smallest true difference that the test finds with probability `power`, in the unit of `se`.

    Solves `power_of_t` for the effect: exact where the usual (t + t) * se is not, at few degrees of freedom. NaN where
    the standard error is 0: a design without any spread has no error to measure against.
    """
    if not se > 0:
        return float("nan")
    df = min(df, 1e4)  # beyond, the non-central t is normal to more digits than its algorithm holds
    upper = 2.0
    while power_of_t(upper, df, confidence) < power:
        upper *= 2
    return se * float(optimize.brentq(lambda effect: power_of_t(effect, df, confidence) - power, 0.0, upper))
