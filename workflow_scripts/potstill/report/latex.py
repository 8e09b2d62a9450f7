"""LaTeX to `\\input`: the verdict's numbers as macros, and every figure with its caption."""

import re

from potstill.report import captions
from potstill.report.document import Document
from potstill.report.table import escape_latex, number, p_value, percent

_DIGITS = dict(
    zip("0123456789", ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"), strict=True)
)


def numbers(document: Document) -> str:
    r"""Macros such as `\PsSentimentKdOneRetention`, numbers without their unit: percentages, points, millions."""
    macros: dict[str, tuple[str, str]] = {}

    def add(meaning: str, value: str, *name: str) -> None:
        macro = "Ps" + "".join(letters(part) for part in name)
        while macro in macros:
            macro += "X"
        macros[macro] = (meaning, value)

    verdict = document.verdict
    add("the verdict in one sentence", escape_latex(document.headline), "verdict")
    add("share of the teacher that a student must keep, %", percent(verdict.margin, 0), "margin")
    add("level of the intervals, %", percent(verdict.confidence, 0), "confidence")
    if verdict.recommended:
        best = verdict.recommended[0]
        add("the smallest student that keeps it everywhere", escape_latex(best.student), "recommended student")
        add("its method", escape_latex(best.method), "recommended method")
    for task in verdict.tasks:
        add(f"{task.task}: test examples", str(task.n_examples), task.task, "examples")
        add(
            f"{task.task}: {task.metric} of {task.teacher}, %",
            percent(task.teacher_score, 1),
            task.task,
            "teacher score",
        )
        for kept in task.students:
            where = f"{task.task}, {kept.student}, {kept.method}"
            for meaning, value, name in (
                (f"{task.metric}, %", kept.score, "score"),
                ("its interval", kept.score_low, "score low"),
                ("its interval", kept.score_high, "score high"),
                ("share of the teacher, %", kept.retention, "retention"),
                ("its interval", kept.low, "retention low"),
                ("its interval", kept.high, "retention high"),
                ("one-sided lower bound, %", kept.lower_bound, "retention bound"),
            ):
                add(f"{where}: {meaning}", _math(percent(value, 1)), task.task, kept.student, kept.method, name)
            add(
                f"{where}: parameters, millions",
                number(kept.parameters / 1e6, 1),
                task.task, kept.student, kept.method, "parameters",
            )  # fmt: skip
        for gain in task.gains:
            where = f"{task.task}, {gain.student}, {gain.method} - {gain.other}"
            for meaning, value, name in (
                ("points", gain.difference, "gain"),
                ("its interval", gain.low, "gain low"),
                ("its interval", gain.high, "gain high"),
                ("smallest detectable difference, points", gain.mde, "mde"),
            ):
                add(f"{where}: {meaning}", _math(percent(value, 1)), task.task, gain.student, gain.method, name)
            shown = p_value(gain.p)
            add(f"{where}: p, {gain.adjustment}", _math(shown), task.task, gain.student, gain.method, "gain p")
    lines = [f"\\newcommand{{\\{name}}}{{{value}}} % {meaning}" for name, (meaning, value) in macros.items()]
    return "% Numbers of the verdict: \\input{numbers.tex}\n" + "\n".join(lines) + "\n"


def figures(document: Document) -> str:
    r"""A `figure` environment for every figure; `\PsFigures` is the folder they lie in, seen from the main document."""
    parts = [
        "% needs \\usepackage{graphicx}. Say where the figures lie before \\input, if not in figures/:",
        "% \\newcommand{\\PsFigures}{path/to/figures}",
        "\\providecommand{\\PsFigures}{figures}",
    ]
    for name in document.spec.figures:
        caption = captions.latex(document.spec.captions.get(name, "")) or escape_latex(name.replace("_", " "))
        short = escape_latex(captions.lead(document.spec.captions.get(name, "")).rstrip(".")) or escape_latex(name)
        parts.append(
            "\\begin{figure}[htbp]\n\\centering\n"
            f"\\includegraphics[width=\\linewidth]{{\\PsFigures/{name}.pdf}}\n"
            f"\\caption[{{{short}}}]{{{caption}}}\n\\label{{fig:{name}}}\n\\end{{figure}}"
        )
    return "\n\n".join(parts) + "\n"


def letters(text: str) -> str:
    """A name as part of a macro, which may have letters only: `minilm-2l` becomes `MinilmTwol`."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]
    return "".join(re.sub(r"\d", lambda match: _DIGITS[match[0]], word[0].upper() + word[1:]) for word in words)


def _math(value: str) -> str:
    return re.sub(r"^[-<]", lambda match: f"\\ensuremath{{{match[0]}}}", value)
