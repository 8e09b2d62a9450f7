"""The verdict: what the tables of the comparison say about the question, as facts that a sentence can be made of.

The recommended student is the smallest that passes non-inferiority on every task. Its method, where several pass, is the
one with the best validation score: the test set has judged already and must not choose as well.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from potstill.report.evidence import Evidence
from potstill.report.table import rows

FEW_CLUSTERS = 30


@dataclass(frozen=True)
class Kept:
    """What the selected variant of one method keeps of its teacher on one task; shares and scores in 0..1.

    Attributes:
        status: `keeps` (shown to keep the margin), `short` (its interval ends below the margin) or `open` (neither).
        lower_bound: one-sided, of the retention.
        detectable: true retention from which this design says `keeps` with probability `power`; NaN where unknown.
        validation: mean validation score, NaN where unknown.
        tied: cannot be told from the best student of the task.
    """

    task: str
    student: str
    method: str
    variant: str
    metric: str
    score: float
    score_low: float
    score_high: float
    retention: float
    low: float
    high: float
    lower_bound: float
    p: float
    margin: float
    status: Literal["keeps", "short", "open"]
    detectable: float
    power: float
    validation: float
    tied: bool
    n_seeds: int
    parameters: float
    teacher_parameters: float

    @property
    def times_smaller(self) -> float:
        """The teacher's parameters over the student's; NaN where one is unknown."""
        return self.teacher_parameters / self.parameters if self.parameters else math.nan

    @property
    def beats_teacher(self) -> bool:
        """Whether even the low end of the interval lies above the teacher."""
        return self.low > 1


@dataclass(frozen=True)
class Gain:
    """One contrast: a method against the baseline, same student, same test examples; confirmatory on the own task.

    Attributes:
        outcome: what the corrected p-value says at 1 - confidence; `open`: no difference shown.
        mde: smallest true difference that the design finds with probability `power`; NaN where unknown.
    """

    task: str
    student: str
    method: str
    other: str
    difference: float
    low: float
    high: float
    p: float
    adjustment: str
    outcome: Literal["better", "worse", "open"]
    mde: float
    power: float
    seeds_needed: float
    examples_needed: float
    n_seeds: int


@dataclass(frozen=True)
class TaskVerdict:
    """One task.

    Attributes:
        students: every student and method, the smallest student first, then by score.
        recommended: the smallest that keeps the margin on this task; None: none does.
        nearest: where none keeps it, the one with the highest lower bound.
        constant: best score of a constant answer, NaN where unknown.
        n_clusters: fewest independent groups of test examples in a contrast; None without contrasts.
    """

    task: str
    metric: str
    teacher: str
    teacher_score: float
    teacher_low: float
    teacher_high: float
    constant: float
    n_examples: int
    n_clusters: int | None
    students: tuple[Kept, ...]
    gains: tuple[Gain, ...]
    recommended: Kept | None
    nearest: Kept | None

    @property
    def teacher_says_little(self) -> bool:
        """Whether the teacher cannot be told from a constant answer: then keeping its score proves nothing."""
        return self.teacher_low <= self.constant + 1e-9


@dataclass(frozen=True)
class Limit:
    """One thing that this design could not have seen, or that weakens the verdict.

    Attributes:
        kind: mde, margin, needed, seeds, clusters, trials, teacher, seen, shortcut or code.
        values: what the sentence needs.
    """

    kind: str
    task: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Win:
    """On how many of several tasks a method is shown to beat the baseline."""

    student: str
    method: str
    n_tasks: int
    tasks_won: int
    which: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """The whole experiment.

    Attributes:
        recommended: student and method that keep the margin on every task, one entry a task; empty: none does.
        also: other methods of the recommended student that pass everywhere, too.
        elsewhere: contrasts on the test sets of other tasks, by which a gain's `task` is named; exploratory.
    """

    margin: float
    confidence: float
    tasks: tuple[TaskVerdict, ...]
    recommended: tuple[Kept, ...]
    also: tuple[str, ...]
    wins: tuple[Win, ...]
    limits: tuple[Limit, ...]
    elsewhere: tuple[Gain, ...] = ()


def judge(evidence: Evidence) -> Verdict:
    """The verdict on an experiment."""
    summary, contrasts = evidence["comparison/summary"], evidence["comparison/contrasts"]
    retention = evidence["comparison/retention"]
    chosen = summary[summary.selected & summary.primary]
    tasks = tuple(
        _task(str(task), chosen, retention, contrasts, evidence["collected/baselines"]) for task in chosen.task.unique()
    )
    recommended, also = _everywhere(tasks)
    return Verdict(
        margin=float(retention.margin.iloc[0]) if len(retention) else math.nan,
        confidence=float(summary.confidence.iloc[0]),
        tasks=tasks,
        recommended=recommended,
        also=also,
        wins=tuple(
            Win(w.student, w.method, int(w.n_tasks), int(w.tasks_won), tuple(w.which))
            for w in rows(evidence["comparison/wins"])
        ),
        limits=tuple(_limits(tasks, chosen, evidence)),
        elsewhere=tuple(_elsewhere(evidence["transfer/transfer_summary"], contrasts)),
    )


def smallest(students: Iterable[Kept]) -> Kept | None:
    """The smallest that keeps the margin; of equally small ones, that with the best validation score."""
    passed = [student for student in students if student.status == "keeps"]
    return min(passed, key=lambda s: (_or(s.parameters, math.inf), -_or(s.validation, -math.inf)), default=None)


def _task(
    task: str, chosen: pd.DataFrame, retention: pd.DataFrame, contrasts: pd.DataFrame, constants: pd.DataFrame
) -> TaskVerdict:
    here = chosen[chosen.task == task]
    teacher = here[here.role == "teacher"].iloc[0]
    scores = {(row.student, row.method): row for row in rows(here[here.role == "student"])}
    kept = [
        _kept(row, scores[row.student, row.method])
        for row in rows(retention[(retention.task == task) & (retention.metric == teacher.metric)])
    ]
    kept.sort(key=lambda s: (_or(s.parameters, math.inf), s.student, -s.score))
    main = contrasts[
        (contrasts.task == task) & (contrasts.role == "confirmatory") & (contrasts.metric == teacher.metric)
    ]
    best = smallest(kept)
    return TaskVerdict(
        task=task,
        metric=str(teacher.metric),
        teacher=str(teacher.student),
        teacher_score=float(teacher["mean"]),
        teacher_low=float(teacher.ci_low),
        teacher_high=float(teacher.ci_high),
        constant=float(constants[(constants.task == task) & (constants.metric == teacher.metric)].score.max()),
        n_examples=int(teacher.n_examples),
        n_clusters=int(main.n_clusters.min()) if len(main) else None,
        students=tuple(kept),
        gains=tuple(_gain(row) for row in rows(main)),
        recommended=best,
        nearest=None if best or not kept else max(kept, key=lambda s: _or(s.lower_bound, -math.inf)),
    )


def _kept(r: Any, s: Any) -> Kept:
    """From a row of the retention table and the same student's of the summary."""
    status: Literal["keeps", "short", "open"] = "keeps" if r.keeps else "short" if r.ci_high < r.margin else "open"
    return Kept(
        r.task, r.student, r.method, r.variant, r.metric,
        float(s.mean), float(s.ci_low), float(s.ci_high),
        float(r.retention), float(r.ci_low), float(r.ci_high), float(r.lower_bound), float(r.p_holm),
        float(r.margin), status, float(r.detectable), float(r.power), float(s.validation_mean), bool(s.tied), int(r.n_seeds),
        float(r.parameters), float(r.teacher_parameters),
    )  # fmt: skip


def _gain(r: Any) -> Gain:
    """From a row of the contrasts."""
    return Gain(
        r.task, r.student, r.method, r.other, float(r.difference), float(r.ci_low), float(r.ci_high),
        float(r.p_adjusted), r.adjustment, _outcome(r), float(r.mde), float(r.power),
        float(r.seeds_needed), float(r.examples_needed), int(r.n_seeds),
    )  # fmt: skip


def _elsewhere(summary: pd.DataFrame, contrasts: pd.DataFrame) -> Iterable[Gain]:
    """From the rows of other test sets that have a difference; a design was made for none of them."""
    unknown = math.nan
    for r in rows(summary.dropna(subset="difference")):
        yield Gain(
            r.test_task, r.student, r.method, contrasts.other.iloc[0], float(r.difference), float(r.difference_low),
            float(r.difference_high), float(r.p_adjusted), "bh", _outcome(r), unknown, unknown, unknown, unknown,
            int(r.n_seeds),
        )  # fmt: skip


def _outcome(r: Any) -> Literal["better", "worse", "open"]:
    if not r.p_adjusted <= 1 - r.confidence + 1e-12:  # NaN: no p-value, nothing shown
        return "open"
    return "better" if r.difference > 0 else "worse"


def _everywhere(tasks: Sequence[TaskVerdict]) -> tuple[tuple[Kept, ...], tuple[str, ...]]:
    """The smallest student with a method that keeps the margin on every task, and which other methods of it do."""
    by_task = [{(s.student, s.method): s for s in task.students if s.status == "keeps"} for task in tasks]
    pairs = [pair for pair in by_task[0] if all(pair in found for found in by_task)] if by_task else []
    candidates = {pair: tuple(found[pair] for found in by_task) for pair in pairs}
    if not candidates:
        return (), ()

    def order(pair: tuple[str, str]) -> tuple[float, float]:
        entries = candidates[pair]
        return (
            max(_or(s.parameters, math.inf) for s in entries),
            -sum(_or(s.validation, -math.inf) for s in entries),
        )

    best = min(candidates, key=order)
    return candidates[best], tuple(method for student, method in candidates if student == best[0] and method != best[1])


def _limits(tasks: Sequence[TaskVerdict], chosen: pd.DataFrame, evidence: Evidence) -> Iterable[Limit]:
    for task in tasks:
        detectable = [gain.mde for gain in task.gains if not math.isnan(gain.mde)]
        if detectable:
            power = task.gains[0].power
            yield Limit("mde", task.task, (min(detectable), max(detectable), task.gains[0].other, power))
        if task.students and all(s.detectable > 1 for s in task.students):
            nearest = min(task.students, key=lambda s: s.detectable)
            yield Limit("margin", task.task, (nearest.margin, nearest.detectable, nearest.power))
        for gain in task.gains:
            if gain.outcome == "open" and not (math.isnan(gain.seeds_needed) and math.isnan(gain.examples_needed)):
                yield Limit("needed", task.task, (gain,))
        if task.students and min(s.n_seeds for s in task.students) == 1:
            yield Limit("seeds", task.task)
        if task.n_clusters is not None and task.n_clusters < FEW_CLUSTERS:
            yield Limit("clusters", task.task, (task.n_clusters,))
        if task.teacher_says_little:
            yield Limit("teacher", task.task, (task.teacher_score, task.constant))
        students = chosen[(chosen.task == task.task) & (chosen.role == "student")]
        trials = students.groupby("method", sort=False).trials.max()
        if trials.nunique() > 1:
            yield Limit("trials", task.task, tuple((str(method), int(count)) for method, count in trials.items()))
    summary = evidence["transfer/transfer_summary"]
    for r in rows(summary[summary.n_seen > 0].drop_duplicates(["task", "test_task"])):
        yield Limit("seen", str(r.task), (r.test_task, int(r.n_seen), int(r.n_examples)))
    warnings = evidence["error_analysis/warnings"]
    for (task_name, student, method), part in warnings.groupby(["task", "student", "method"], sort=False):
        yield Limit("shortcut", str(task_name), (student, method, "; ".join(part.text)))
    runs = evidence["collected/runs"]
    if runs.kept.any():
        yield Limit("code", "", (int(runs.kept.sum()), len(runs)))


def _or(value: float, other: float) -> float:
    return other if math.isnan(value) else value
