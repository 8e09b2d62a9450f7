"""The verdict in words: one sentence or two for each fact of it, plain text. Numbers are percentages and points."""

import math
from collections.abc import Iterable, Iterator

from potstill.report.table import MISSING, p_value
from potstill.report.verdict import Gain, Kept, Limit, TaskVerdict, Verdict

MINUS = "−"


def headline(verdict: Verdict) -> str:
    """The answer in one sentence."""
    share = margin(verdict)
    if verdict.recommended:
        best = verdict.recommended[0]
        everywhere = " on every task" if len(verdict.tasks) > 1 else ""
        return f"Use {best.student} trained with {best.method}: it keeps at least {share} of its teacher{everywhere}."
    if passed := [task.recommended for task in verdict.tasks if task.recommended]:
        found = listed(f"{kept.student} with {kept.method} on {kept.task}" for kept in passed)
        return f"No student keeps {share} of its teacher on every task; {found} {'does' if len(passed) == 1 else 'do'}."
    return f"No student is shown to keep {share} of its teacher."


def support(verdict: Verdict) -> list[str]:
    """The numbers behind the headline."""
    sentences = []
    for task in verdict.tasks:
        chosen = next((kept for kept in verdict.recommended if kept.task == task.task), task.recommended)
        if chosen:
            sentences.append(_kept(chosen, task, verdict))
        elif task.nearest:
            sentences.append(_nearest(task.nearest, task, verdict))
    for found in verdict.limits:
        recommended = [kept for kept in verdict.recommended if kept.task == found.task]
        if recommended and (
            found.kind == "teacher" or found.values[:2] == (recommended[0].student, recommended[0].method)
        ):
            sentences.append(f"Caution: {limit(found)}")
    if verdict.also:
        same = listed(verdict.also)
        sentences.append(f"{same} would do as well for the same student; the best validation score decided.")
    return sentences


def distillation(verdict: Verdict) -> list[str]:
    """Whether distillation beats the baseline: what is shown, then what is not, for each task and student."""
    sentences = []
    for task in verdict.tasks:
        students = list(dict.fromkeys(gain.student for gain in task.gains))
        for student in students:
            gains = [gain for gain in task.gains if gain.student == student]
            where = [f"on {task.task}"] if len(verdict.tasks) > 1 else []
            where += [f"with {student}"] if len(students) > 1 else []
            place = " ".join(where)
            begin = f"{place[0].upper()}{place[1:]}: " if place else ""
            sentences += [f"{begin}{sentence}." for sentence in _gains(gains)]
    for win in verdict.wins:
        if win.n_tasks > 1:
            which = f" ({listed(win.which)})" if win.which else ""
            sentences.append(
                f"{win.method} with {win.student} beats the baseline on at least {win.tasks_won} of {win.n_tasks} tasks"
                f"{which}."
            )
    return sentences


def elsewhere(verdict: Verdict) -> list[str]:
    """How the methods compare on the test sets of other tasks, for each of these and each student."""
    places = dict.fromkeys((gain.task, gain.student) for gain in verdict.elsewhere)
    several = len({student for _, student in places}) > 1
    return [
        f"On {task}{f', {student}' if several else ''}: {sentence}."
        for task, student in places
        for sentence in _gains([gain for gain in verdict.elsewhere if (gain.task, gain.student) == (task, student)])
    ]


def limit(found: Limit) -> str:
    """What could not have been seen, or weakens the verdict."""
    on, values = f"On {found.task}", found.values
    if found.kind == "mde":
        low, high, other, power = values
        span = points(low) if points(low) == points(high) else f"{points(low)} to {points(high)}"
        return (
            f"{on}, a true difference from {other} smaller than {span} points would often have been missed: that is what "
            f"this design finds with {percent(power, 0)} probability."
        )
    if found.kind == "margin":
        share, detectable, power = values
        return (
            f"{on}, even a student as good as its teacher could easily have failed: that one keeps {100 * share:g} % is shown "
            f"with {percent(power, 0)} probability only if it truly keeps {percent(detectable)}. More seeds or test examples "
            "are needed for a yes."
        )
    if found.kind == "needed":
        gain: Gain = values[0]
        ways = [
            f"{math.ceil(count):,} {what}"
            for count, what in ((gain.seeds_needed, "seeds"), (gain.examples_needed, "test examples"))
            if not math.isnan(count)
        ]
        return (
            f"{on}, to find a difference from {gain.other} as large as that of {gain.method} with {gain.student} "
            f"({points(gain.difference, signed=True)} points) it would take {' or '.join(ways)}."
        )
    if found.kind == "seeds":
        return (
            f"{on} there is one seed: all intervals cover other test examples, not another training of the same model."
        )
    if found.kind == "clusters":
        return f"{on} there are only {values[0]} independent groups of test examples, so the intervals are rough."
    if found.kind == "teacher":
        score, constant = values
        return (
            f"{on} the teacher ({percent(score)}) cannot be told from always giving the same answer ({percent(constant)}): "
            "keeping its score proves nothing."
        )
    if found.kind == "trials":
        counts = listed(f"{method} in {count} variant{'s' * (count != 1)}" for method, count in values)
        return (
            f"{on} the methods did not get the same number of tries: {counts}. More tries alone raise the best score."
        )
    if found.kind == "seen":
        test_task, count, examples = values
        return (
            f"{count} of the {examples} test examples of {test_task} are among those that the models of {found.task} were "
            "trained on or selected by: on them, nothing out of domain is tested."
        )
    if found.kind == "shortcut":
        student, method, text = values
        who = f"the teacher {student}" if method == "teacher" else f"{student} with {method}"
        return f"{on}, {who}: {text.removesuffix('.')}."
    kept, runs = values
    return f"{kept} of {runs} runs were made by other versions of the code (code=keep); table runs marks them."


def margin(verdict: Verdict) -> str:
    """The non-inferiority margin, such as `97 %`."""
    return MISSING if math.isnan(verdict.margin) else f"{100 * verdict.margin:g} %"


def percent(value: float, digits: int = 1) -> str:
    """A share of 0..1, such as `93.1 %`."""
    return MISSING if math.isnan(value) else f"{100 * value:.{digits}f} %"


def points(value: float, signed: bool = False) -> str:
    """A difference of shares in points, such as `+3.6`."""
    if math.isnan(value):
        return MISSING
    return format(100 * value, "+.1f" if signed else ".1f").replace("-", MINUS)


def interval(low: float, high: float, signed: bool = False) -> str:
    """` [90.1, 96.0]`, in percent or points; empty where there is none."""
    return "" if math.isnan(low) else f" [{points(low, signed)}, {points(high, signed)}]"


def size(parameters: float) -> str:
    """A number of parameters, such as `15.6 M`."""
    if math.isnan(parameters):
        return MISSING
    for unit, factor in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if parameters >= factor:
            return f"{parameters / factor:.3g} {unit}"
    return f"{parameters:g}"


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _kept(kept: Kept, task: TaskVerdict, verdict: Verdict) -> str:
    where = f"On {task.task} it" if len(verdict.tasks) > 1 else f"{kept.student}"
    smaller = f", {kept.times_smaller:.1f} times smaller than {task.teacher}," if kept.times_smaller > 1 else ""
    sentence = (
        f"{where} ({size(kept.parameters)} parameters{smaller.rstrip(',')}) reaches {percent(kept.score)} {task.metric}, "
        f"which is {percent(kept.retention)}{interval(kept.low, kept.high)} of the teacher's {percent(task.teacher_score)}; "
        f"with {percent(verdict.confidence, 0)} confidence it keeps at least {percent(kept.lower_bound)}."
    )
    if kept.beats_teacher:
        sentence += " That is more than the teacher itself."
    if kept.n_seeds == 1:
        sentence += " One seed: this holds for this trained model, not yet for the method."
    return sentence


def _nearest(kept: Kept, task: TaskVerdict, verdict: Verdict) -> str:
    where = f"On {task.task}, the" if len(verdict.tasks) > 1 else "The"
    if math.isnan(kept.retention):
        return f"{where} teacher's {task.metric} is {percent(task.teacher_score)}: there is nothing to keep a share of."
    ending = (
        f"which is less than {margin(verdict)}"
        if kept.status == "short"
        else f"so {margin(verdict)} is neither shown nor ruled out"
    )
    return (
        f"{where} nearest is {kept.student} with {kept.method}: {percent(kept.score)} {task.metric}, "
        f"{percent(kept.retention)}{interval(kept.low, kept.high)} of the teacher's {percent(task.teacher_score)}, {ending}."
    )


def _gains(gains: list[Gain]) -> Iterator[str]:
    other = gains[0].other
    for outcome, verb in (("better", "beats"), ("worse", "is worse than")):
        for gain in (gain for gain in gains if gain.outcome == outcome):
            shown = p_value(gain.p)
            shown = shown.replace("<", "< ") if shown.startswith("<") else f"= {shown}"
            difference = f"{points(gain.difference, signed=True)} points{interval(gain.low, gain.high, signed=True)}"
            yield f"{gain.method} {verb} {other}: {difference}, p {shown}"
    if still := [gain for gain in gains if gain.outcome == "open"]:
        shown = listed(
            f"{gain.method} ({points(gain.difference, signed=True)}{interval(gain.low, gain.high, signed=True)})"
            for gain in still
        )
        yield f"{shown} cannot be told from {other}"
