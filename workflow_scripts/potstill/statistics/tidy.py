"""From tidy scores to matrices: every run must have scored exactly the same examples, once."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from potstill.errors import DataError


@dataclass(frozen=True)
class ScoreMatrix:
    """The scores of one cell (task, student, method, variant, metric).

    Attributes:
        scores: [S, N] in 0..1, one row a seed, one column an example in ascending order of its id.
        seeds: [S] ascending.
        example_ids: [N].
        cluster_ids: [N], what an example shares with others; itself where it shares nothing.
    """

    name: str
    scores: NDArray[np.float64]
    seeds: tuple[int, ...]
    example_ids: NDArray
    cluster_ids: NDArray

    @property
    def clusters(self) -> NDArray | None:
        """`cluster_ids`, or None when every example stands for itself (or all share one)."""
        return self.cluster_ids if 1 < self.n_clusters < len(self.cluster_ids) else None

    @property
    def n_clusters(self) -> int:
        """Number of independent units of the test set."""
        return len(np.unique(self.cluster_ids))


def score_matrix(name: str, scores: pd.DataFrame) -> ScoreMatrix:
    """The scores of one cell as a matrix.

    Args:
        name: what the cell is called in error messages.
        scores: rows with `seed`, `example_id`, `cluster_id`, `score`.

    Raises:
        DataError: an example is scored twice or not at all by one of the seeds, or a score is no number in 0..1.
    """
    twice = scores[scores.duplicated(["seed", "example_id"])]
    if len(twice):
        first = twice.iloc[0]
        raise DataError(
            f"{name}, seed {first.seed}: {_count(len(twice), 'example')} scored more than once, such as "
            f"{first.example_id}. Its predictions hold an example twice: remove that run's folder and make it again."
        )
    wrong = scores[~scores.score.between(0, 1)]
    if len(wrong):
        first = wrong.iloc[0]
        raise DataError(
            f"{name}, seed {first.seed}: score {first.score} of example {first.example_id} is not between 0 and 1."
        )
    table = scores.pivot(index="example_id", columns="seed", values="score").sort_index().sort_index(axis=1)
    for seed in table.columns:
        missing = table.index[table[seed].isna()]
        if len(missing):
            raise DataError(
                f"{name}: the run of seed {seed} has no score for {_count(len(missing), 'example')} that other seeds "
                f"have, such as {missing[0]}. The runs were scored on different test sets: collect them again."
            )
    if len(table) < 2:
        raise DataError(f"{name}: {_count(len(table), 'test example')}; it takes 2 to say how far a score varies.")
    clusters = scores.drop_duplicates("example_id").set_index("example_id").cluster_id.loc[table.index]
    values = table.to_numpy(dtype=float).T
    return ScoreMatrix(name, values, tuple(int(s) for s in table.columns), table.index.to_numpy(), clusters.to_numpy())


def require_same_examples(a: ScoreMatrix, b: ScoreMatrix) -> None:
    """Refuse to compare runs that were scored on different test sets.

    Raises:
        DataError: names both cells and an example that only one of them has.
    """
    if np.array_equal(a.example_ids, b.example_ids):
        return
    only_a, only_b = np.setdiff1d(a.example_ids, b.example_ids), np.setdiff1d(b.example_ids, a.example_ids)
    raise DataError(
        f"{a.name} and {b.name} were scored on different test sets: {_only(a, only_a)}; {_only(b, only_b)}. "
        "Differences are taken example by example, so both need the same ones: collect the runs again."
    )


def _only(cell: ScoreMatrix, ids: NDArray) -> str:
    example = f", such as {ids[0]}" if len(ids) else ""
    return f"{_count(len(ids), 'example')} only in {cell.name}{example}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")
