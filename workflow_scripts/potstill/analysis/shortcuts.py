"""Does a model answer without reading? What it answers how often, and warnings where that looks like a shortcut.

A score alone does not show it: a model that always says "positive" is right wherever that is the answer. Compared are the
shares of each answer with those of gold and teacher (half the sum of the absolute differences: total variation
distance), and the score with what constant answers score (collected `baselines.parquet`).
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from potstill.analysis.answers import Cell, TaskResults
from potstill.analysis.schema import SHARE, TEXT
from potstill.plan.specs.analyse import ErrorAnalysisSettings
from potstill.statistics.intervals import interval_of_score
from potstill.statistics.variance_components import estimate_mean

OPTION_SCHEMA = pa.schema(
    {
        "task": TEXT,
        "role": TEXT,
        "student": TEXT,
        "method": TEXT,
        "option": TEXT,
        "share": SHARE,
        "distance_gold": SHARE,
        "distance_teacher": SHARE,
    }
)
WARNING_SCHEMA = pa.schema(
    {
        "task": TEXT,
        "student": TEXT,
        "method": TEXT,
        "kind": TEXT,
        "text": TEXT,
    }
)
EMPTY, OTHERS = "(empty)", "(everything else)"
ROUNDING = 1e-9  # the lower end of an interval of a score of 0 is not always 0


def options(results: Iterable[TaskResults], most: int) -> pd.DataFrame:
    """How often gold, the teacher and each student (mean over seeds) give which answer.

    `distance_gold` and `distance_teacher` are the total variation distances between the shares shown, 0..1, the same in
    each row of a model. Without choices the answers shown are the `most` that are largest in anybody's shares, the empty
    one, and all others together: almost every answer is another one there, and a distance between them would say nothing.
    """
    rows = []
    for task in results:
        names = _names(task, most)
        gold, teacher = _shares(task.gold, names), _shares(task.teacher.answers, names)
        givers = [("gold", "gold", "gold", gold), ("teacher", task.teacher.student, task.teacher.method, teacher)]
        givers += [("student", c.student, c.method, _shares(c.answers, names)) for c in task.students]
        for role, student, method, shares in givers:
            front = {"task": task.task, "role": role, "student": student, "method": method}
            distances = {"distance_gold": distance(shares, gold), "distance_teacher": distance(shares, teacher)}
            rows += [
                {**front, "option": name, "share": float(share), **distances}
                for name, share in zip(names, shares, strict=True)
            ]
    return pd.DataFrame(rows, columns=OPTION_SCHEMA.names)


def distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Total variation distance of two distributions over the same options: the share that would have to move."""
    return float(np.abs(a - b).sum() / 2)


def warnings(
    results: Iterable[TaskResults], baselines: pd.DataFrame, settings: ErrorAnalysisSettings, confidence: float
) -> pd.DataFrame:
    """Whatever suggests that the teacher or a student takes a shortcut, in words and with numbers.

    Kinds: `constant` (the interval of its score reaches down to what a constant answer scores), `one answer` (a seed
    answers every example alike), `option` (its share of one answer exceeds gold's by `settings.excess`, and not by luck of
    the examples), `empty` (likewise, `settings.empty`), `not finite` (its label logits are no numbers).

    Args:
        baselines: the collected `baselines.parquet`.
    """
    rows = []
    for task in results:
        mine = baselines[(baselines.task == task.task) & (baselines.metric == task.metric)]
        for cell in task.cells:
            found = [
                *_constant(task, cell, mine, confidence),
                *_one_answer(task, cell),
                *_options(task, cell, settings, confidence),
                *_not_finite(cell),
            ]
            front = {"task": task.task, "student": cell.student, "method": cell.method}
            rows += [{**front, "kind": kind, "text": text} for kind, text in found]
    return pd.DataFrame(rows, columns=WARNING_SCHEMA.names)


def _names(task: TaskResults, most: int) -> list[str]:
    """The answers that are counted by name."""
    if task.kind == "classification":
        return [str(name) for name in task.examples.choices.iloc[0]]
    counts = pd.concat(
        [pd.Series(x.ravel()).value_counts(normalize=True) for x in (task.gold, *(c.answers for c in task.cells))],
        axis=1,
    )
    largest = (
        counts.drop(index="", errors="ignore").max(axis=1).sort_index().sort_values(ascending=False, kind="stable")
    )
    return [*map(str, largest.index[:most]), EMPTY, OTHERS]


def _shares(answers: NDArray[np.object_], names: list[str]) -> NDArray[np.float64]:
    counted = pd.Series(answers.ravel()).replace("", EMPTY).value_counts(normalize=True)
    shares = np.array([counted.get(name, 0.0) for name in names], dtype=np.float64)
    if OTHERS in names:
        shares[names.index(OTHERS)] = max(1 - shares.sum(), 0.0)
    return shares


def _constant(task: TaskResults, cell: Cell, baselines: pd.DataFrame, confidence: float) -> Iterator[tuple[str, str]]:
    if baselines.empty:
        return
    best = baselines.iloc[int(baselines.score.argmax())]
    low, high = interval_of_score(cell.scores, task.clusters, confidence)
    mean = float(cell.scores.mean())
    if np.isnan(low):  # the same score everywhere
        low = high = mean
    if low <= best.score + ROUNDING:
        verdict = "is below" if high < best.score else "cannot be told from"
        shown = f"{_percent(mean)} % ({_percent(low)} to {_percent(high)})"
        answer = best.answer.strip() or EMPTY
        yield (
            "constant",
            f"its {task.metric.replace('_', ' ')} of {shown} {verdict} the {_percent(best.score)} % that always answering "
            f"{answer!r} scores ({best.baseline})",
        )


def _one_answer(task: TaskResults, cell: Cell) -> Iterator[tuple[str, str]]:
    if len(set(task.gold)) == 1:
        return
    same = [(seed, row[0]) for seed, row in zip(cell.seeds, cell.answers, strict=True) if len(set(row)) == 1]
    if same:
        which = "" if cell.role == "teacher" else f" with seed {', '.join(str(seed) for seed, _ in same)}"
        answers = ", ".join(dict.fromkeys(repr(answer or EMPTY) for _, answer in same))
        yield "one answer", f"it gives the same answer to all {len(task.gold)} test examples{which}: {answers}"


def _options(
    task: TaskResults, cell: Cell, settings: ErrorAnalysisSettings, confidence: float
) -> Iterator[tuple[str, str]]:
    for name, count in pd.Series(cell.answers.ravel()).value_counts().items():
        share = count / cell.answers.size
        threshold = settings.excess if name else settings.empty
        if share < threshold:
            continue
        # These models as they are: other seeds need not have the habit.
        more = (cell.answers == name).mean(axis=0, keepdims=True) - (task.gold == name)
        estimate = estimate_mean(more, task.clusters)
        # Without variance there is no interval: then there is no luck either.
        if estimate.value >= threshold and not estimate.interval(confidence)[0] <= 0:
            others = f"gold in {_percent(float((task.gold == name).mean()))} %"
            if cell.role == "student":
                others += f", the teacher in {_percent(float((task.teacher.answers == name).mean()))} %"
            kind, what = ("option", f"answers {name!r} in") if name else ("empty", "leaves the answer empty in")
            yield kind, f"it {what} {_percent(share)} % of the test examples ({others})"


def _not_finite(cell: Cell) -> Iterator[tuple[str, str]]:
    if cell.logits is None:
        return
    broken = [seed for seed, row in zip(cell.seeds, cell.logits, strict=True) if not np.isfinite(row).all()]
    if broken:
        which = "" if cell.role == "teacher" else f" with seed {', '.join(map(str, broken))}"
        yield "not finite", f"its label logits are not all numbers{which}: the training has diverged"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"
