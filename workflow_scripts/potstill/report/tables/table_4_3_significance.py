"""Table 4.3: how methods differ, which of it was asked beforehand, and what this design could have seen."""

from collections.abc import Mapping
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pandas as pd

from potstill.report.table import MISSING, Table, number, p_value, percent, rows, with_interval
from potstill.tables import read_frame


def build(folders: Mapping[str, Path], digits: int) -> Table:
    """One row a contrast, the confirmatory ones first.

    LaTeX leaves out the variants that validation did not select: they are in the CSV, and their scores in table 4.2.
    """
    contrasts = read_frame(folders["comparison"] / "contrasts.parquet")
    summary = read_frame(folders["comparison"] / "summary.parquet")
    data = contrasts.rename(columns={"student": "model"})
    if data.empty:
        return Table(data, data.astype(str), "This experiment has no method besides the baseline.")
    keys = ["task", "student", "method", "variant"]
    selected = pd.MultiIndex.from_frame(summary.loc[summary.selected, keys])
    printed = data[pd.MultiIndex.from_frame(contrasts[keys]).isin(selected)]
    letters = _letters(printed.note)
    cells = [
        {
            "Group": f"{row.task} ({row.metric}): {row.model}, {row.role}",
            "Contrast": f"{row.method} vs. {row.other}",
            "Difference": with_interval(row.difference, row.ci_low, row.ci_high, digits, signed=True),
            "p adj.": p_value(row.p_adjusted),
            "MDE": percent(row.mde, digits),
            "Needs": _needed(row),
            "g": _effect(row),
            "d": number(row.cohens_d, 1),
            "Paired t (p)": MISSING
            if pd.isna(row.paired_t)
            else f"{number(row.paired_t, 1)} ({p_value(row.paired_t_p)})",
            "Note": ", ".join(sorted(letters[note] for note in _notes(row.note))),
        }
        for row in rows(printed)
    ]
    return Table(data, pd.DataFrame(cells), _caption(data, len(data) - len(printed), letters), heading="Group")


def _needed(row: Any) -> str:
    """Seeds, or else examples, that would find the observed difference."""
    if pd.notna(row.seeds_needed):
        return f"{row.seeds_needed:.0f} seeds"
    return MISSING if pd.isna(row.examples_needed) else f"n = {float(f'{row.examples_needed:.3g}'):,.0f}"


def _effect(row: Any) -> str:
    if pd.isna(row.hedges_g):
        return MISSING
    return f"{row.hedges_g:.1f} [{row.hedges_g_low:.1f}, {row.hedges_g_high:.1f}]"


def _notes(note: str) -> list[str]:
    """The parts of a note; which row's own minimum is missed is in its MDE column already."""
    parts = [part for part in note.split("; ") if part]
    return ["smaller than the MDE" if part.startswith("below the ") else part for part in parts]


def _letters(notes: pd.Series) -> dict[str, str]:
    different = dict.fromkeys(part for note in notes for part in _notes(note))
    return {part: ascii_lowercase[index % 26] * (1 + index // 26) for index, part in enumerate(different)}


def _caption(data: pd.DataFrame, left_out: int, letters: dict[str, str]) -> str:
    first = data.iloc[0]
    designs = ", ".join(
        f"{task}: n = {part.n_examples.iloc[0]}"
        + ("" if part.n_clusters.iloc[0] == part.n_examples.iloc[0] else f" in {part.n_clusters.iloc[0]} clusters")
        + f", {part.n_seeds.min()} seed(s), disagreement {100 * part.disagreement.median():.0f} %"
        + ("" if part.seed_sd.isna().all() else f", SD over seeds {percent(part.seed_sd.median(), 1)} points")
        for task, part in data.groupby("task", sort=False)
    )
    sentences = [
        f"Differences in points on the same test examples, with {100 * first.confidence:g} % intervals over other seeds "
        f"and other examples, and the p-value of the same two-way test ({designs}; medians).",
        f"Confirmatory: fixed beforehand, p adj. by Holm within {_family(data, 'confirmatory')}. Exploratory: whatever "
        f"else was looked at, p adj. by Benjamini-Hochberg within {_family(data, 'exploratory')}.",
        f"MDE: smallest true difference that this design finds with {100 * first.power:g} % probability, in points. "
        "Needs: seeds, with these examples, or (where no number of seeds would do or seeds are unknown) examples that "
        "would find the observed difference so often; --: neither alone would.",
        "g (Hedges, with interval), Cohen's d and the paired t look at the seeds alone, not at the test set's size; with "
        "few seeds a d that is significant is large by construction.",
    ]
    if left_out:
        sentences.append(f"{left_out} contrasts of variants that validation did not select are in the CSV.")
    if letters:
        sentences.append("Notes: " + "; ".join(f"({letter}) {note}" for note, letter in letters.items()) + ".")
    return " ".join(sentences)


def _family(data: pd.DataFrame, role: str) -> str:
    members = data[data.role == role].groupby("family").size()
    what = "the experiment" if list(members.index) == ["all"] else "each task"
    return f"{what} ({', '.join(map(str, members))} contrasts)" if len(members) else what
