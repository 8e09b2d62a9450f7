"""Table 4.3: how each method differs from the baseline, and what this design could have seen."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from potstill.report.table import Table, number, p_value, percent, rows, with_interval, without_repeats
from potstill.tables import read_frame


def build(folders: Mapping[str, Path], digits: int) -> Table:
    """One row per task, student and method."""
    contrasts = read_frame(folders["comparison"] / "contrasts.parquet")
    data = contrasts.rename(columns={"student": "model"})
    if data.empty:
        return Table(data, data.astype(str), "This experiment has no method besides the baseline.")
    letters = _letters(data.note)
    cells = [
        {
            "Task": row.task,
            "Model": row.model,
            "Method": row.method,
            "Difference": with_interval(row.difference, row.ci_low, row.ci_high, digits, signed=True),
            "p": p_value(row.p),
            "p (Holm)": p_value(row.p_holm),
            "MDE": percent(row.mde, digits),
            "d": number(row.cohens_d, 2),
            "g": number(row.hedges_g, 2),
            "Paired t": number(row.paired_t, 2),
            "p (t)": p_value(row.paired_t_p),
            "Seeds": number(row.n_seeds, 0),
            "n": number(row.n_examples, 0),
            "Note": ", ".join(sorted(letters[note] for note in _notes(row.note))),
        }
        for row in rows(data)
    ]
    return Table(data, without_repeats(pd.DataFrame(cells), ["Task", "Model"]), _caption(data, letters))


def _notes(note: str) -> list[str]:
    """The parts of a note; which row's own minimum is missed is in its MDE column already."""
    parts = [part for part in note.split("; ") if part]
    return ["smaller than the MDE" if part.startswith("below the ") else part for part in parts]


def _letters(notes: pd.Series) -> dict[str, str]:
    different = dict.fromkeys(part for note in notes for part in _notes(note))
    return {part: chr(ord("a") + index) for index, part in enumerate(different)}


def _caption(data: pd.DataFrame, letters: dict[str, str]) -> str:
    first = data.iloc[0]
    sentences = [
        f"Difference to {first.baseline} in points of the primary metric, same test examples, with its "
        f"{100 * first.confidence:g} % interval over other seeds and other examples, and the p-value of the same test; "
        "with one seed and right-or-wrong scores p is McNemar's exact one.",
        f"MDE: smallest true difference that this design finds with {100 * first.power:g} % probability, in points.",
        "d, g (d corrected for few seeds) and paired t look at the seeds alone, not at the test set's size; with few "
        "seeds a d that is significant is large by construction.",
    ]
    if letters:
        sentences.append("Notes: " + "; ".join(f"({letter}) {note}" for note, letter in letters.items()) + ".")
    return " ".join(sentences)
