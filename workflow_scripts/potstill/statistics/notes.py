"""What a design cannot say, in the words that stand under a table."""

from collections.abc import Iterator

from potstill.statistics.tidy import ScoreMatrix

FEW_CLUSTERS = 30


def about_seeds(seeds: int) -> Iterator[str]:
    """Where there is one run."""
    if seeds == 1:
        yield "one seed: the interval covers other test examples, not other training runs"


def about_clusters(cell: ScoreMatrix) -> Iterator[str]:
    """Where examples hang together."""
    if 1 < cell.n_clusters < FEW_CLUSTERS:
        yield f"only {cell.n_clusters} independent clusters of examples: the interval is rough"
    if cell.n_clusters == 1:
        yield "all examples share one cluster: they are treated as independent"


def about_trials(method: str, trials: int, other: str, other_trials: int) -> Iterator[str]:
    """Where one method's settings were searched longer than the other's."""
    if trials != other_trials:
        yield f"settings tried on validation: {trials} of {method}, {other_trials} of {other}"
