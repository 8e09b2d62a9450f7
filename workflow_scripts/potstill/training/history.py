"""What happened at each optimizer step, as a table."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd


class History:
    """One row a step: learning rate, gradient norm, the loss and its terms, and validations where there were any."""

    def __init__(self, terms: Sequence[str]) -> None:
        self._terms = [f"loss_{term}" for term in terms]
        self._rows: list[dict[str, float]] = []

    def add(
        self, step: int, epoch: float, rate: float, gradient_norm: float, loss: float, terms: Mapping[str, float]
    ) -> None:
        """Append the step; its validation is not known yet."""
        row: dict[str, float] = {"step": step, "epoch": epoch, "learning_rate": rate, "gradient_norm": gradient_norm}
        row |= {"loss": loss, **{f"loss_{term}": value for term, value in terms.items()}}
        self._rows.append(row | {"validation_loss": math.nan, "validation_score": math.nan})

    def validated(self, loss: float, score: float) -> None:
        """Add a validation to the last step's row."""
        self._rows[-1] |= {"validation_loss": loss, "validation_score": score}

    def restore(self, frame: pd.DataFrame) -> None:
        """Take the rows of a table that `frame` gave."""
        self._rows = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]

    def frame(self) -> pd.DataFrame:
        """The table of `history.parquet`."""
        columns = ["step", "epoch", "learning_rate", "gradient_norm", "loss", *self._terms]
        frame = pd.DataFrame(self._rows, columns=[*columns, "validation_loss", "validation_score"], dtype="float64")
        return frame.astype({"step": "int32"})
