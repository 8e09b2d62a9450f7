"""Which example belongs to which split: order, slices, the cut of a validation set, and no overlap.

All functions take and return frames with the columns `row_key`, `example_id` and `cluster_id`. Every order here is that
of hashes of the rows' content, so neither the order of the file nor the platform has a say in it.
"""

import hashlib

import pandas as pd

from potstill.errors import DataError
from potstill.plan.specs.prepare import parse_slice

# An example that would stand in several splits stays in the first of these.
PRECEDENCE = ("test", "validation", "train", "transfer")


def shuffled(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The rows in the order of SHA-256(seed, content): the prompt's wording does not change who is in the test set."""
    return _by_hash(frame, f"shuffle:{seed}", "row_key")


def unique(frame: pd.DataFrame) -> pd.DataFrame:
    """The first row of each `example_id`."""
    return frame.drop_duplicates("example_id")


def sliced(frame: pd.DataFrame, text: str, where: str) -> pd.DataFrame:
    """The rows that a slice such as `train[:500]` selects; percentages round down, so `[:10%]` and `[10%:]` meet.

    Args:
        where: what the slice is for (`splits.test`), for messages.

    Raises:
        DataError: a bound beyond the rows there are, or nothing selected.
    """
    _, start, stop = parse_slice(text)
    first, last = _bound(start, 0, len(frame)), _bound(stop, len(frame), len(frame))
    for written, bound in ((start, first), (stop, last)):
        if not 0 <= bound <= len(frame):
            raise DataError(
                f"{where}: {text} asks for row {written}, but there are {len(frame)} rows (duplicates dropped)"
            )
    if first >= last:
        raise DataError(f"{where}: {text} selects nothing of {len(frame)} rows")
    return frame.iloc[first:last]


def cut_validation(train: pd.DataFrame, fraction: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, validation): whole clusters, in the order of their hash, until `fraction` of the rows are cut off.

    Raises:
        DataError: there is one cluster only, which cannot be in both.
    """
    sizes = train.groupby("cluster_id", sort=True).size().rename("size").reset_index()
    sizes = _by_hash(sizes, "validation", "cluster_id")
    if len(sizes) < 2:
        found = f"{len(train)} rows of one cluster" if len(train) else "no rows"
        raise DataError(f"splits.validation: cannot be cut from train ({found}); give validation a slice of its own")
    before = sizes["size"].cumsum() - sizes["size"]
    chosen = sizes["cluster_id"][before < fraction * len(train)].iloc[: len(sizes) - 1]
    cut = train["cluster_id"].isin(set(chosen))
    return train[~cut], train[cut]


def without_overlap(splits: dict[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], dict[str, dict[str, int]]]:
    """The splits, each example in one of them only, and what was dropped: split -> the split that keeps it -> count."""
    result: dict[str, pd.DataFrame] = {}
    dropped: dict[str, dict[str, int]] = {}
    for name in (name for name in PRECEDENCE if name in splits):
        frame = splits[name]
        for other, kept in result.items():
            shared = frame["example_id"].isin(set(kept["example_id"]))
            if shared.any():
                dropped.setdefault(name, {})[other] = int(shared.sum())
            frame = frame[~shared]
        result[name] = frame
    return result, dropped


def _bound(text: str | None, default: int, n: int) -> int:
    if text is None:
        return default
    if text.endswith("%"):
        percent = int(text[:-1])
        return n * (percent if not text.startswith("-") else 100 + percent) // 100
    value = int(text)
    return value + n if text.startswith("-") else value


def _by_hash(frame: pd.DataFrame, purpose: str, column: str) -> pd.DataFrame:
    keys = frame[column].map(lambda value: hashlib.sha256(f"{purpose}:{value}".encode()).hexdigest())
    return frame.loc[keys.sort_values(kind="stable").index]
