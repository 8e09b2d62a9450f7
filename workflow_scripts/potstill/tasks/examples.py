"""Rows of any format as normalised examples: templates, labels, answers, and names made from content."""

import difflib
import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from potstill.artefacts import canonical_json
from potstill.errors import DataError
from potstill.plan.specs.prepare import TEMPLATE_ROLES, PrepareSpec
from potstill.tasks.formats import Rows

# Real data sets have a few rows without text or label. More than this share is a mistake in the configuration.
MAX_INCOMPLETE = 0.01


def examples(spec: PrepareSpec, files: list[Rows], labelled: bool) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The examples in `files`, in their order, and what was counted on the way.

    Args:
        labelled: whether labels or answers are read; a split used for transfer alone needs none.

    Returns:
        A frame with `example_id, cluster_id, text, prompt, answers, label, choices` as in docs/architecture.md and
        `row_key`, the hash of the row's own content whatever the templates make of it; and a report with `rows`,
        `kept`, `incomplete` and `first_incomplete` (a place, or None).

    Raises:
        DataError: a column is missing, a label is none of the allowed ones, no row is kept, or more than 1 % of the
            rows lack text or label.
    """
    records: list[dict[str, Any]] = []
    incomplete: list[tuple[Rows, int]] = []
    kept = 0
    for rows in files:
        reader = _RowReader(spec, rows, labelled)
        for index, row in enumerate(rows.values):
            if reader.keeps(row):
                kept += 1
                record = reader.example(row, index)
                if record is None:
                    incomplete.append((rows, index))
                else:
                    records.append(record)
    if not kept:
        raise DataError(f"{files[0].path}: no row has {_wanted(spec)}; {_found(spec, files)}")
    if len(incomplete) > MAX_INCOMPLETE * kept:
        what = "text, label or answer" if labelled else "text"
        raise DataError(
            f"{incomplete[0][0].where(incomplete[0][1])}: no {what} here, and in {len(incomplete)} of {kept} rows; "
            f"up to {MAX_INCOMPLETE:.0%} would be left out. Check `columns`; unlabelled rows belong in another file"
        )
    report = {
        "rows": sum(len(rows.values) for rows in files),
        "kept": kept,
        "incomplete": len(incomplete),
        "first_incomplete": incomplete[0][0].where(incomplete[0][1], folder=False) if incomplete else None,
    }
    return pd.DataFrame.from_records(records), report


def plain(value: Any) -> str:
    """A cell as text, so that 1, 1.0 and "1 " are the same label; empty for a missing one."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def gold_answers(value: Any) -> list[str]:
    """The accepted answers in a cell, each once: a string, a list of strings, or SQuAD's {"text": ...}, or several."""
    if isinstance(value, Mapping):
        return gold_answers(value.get("text"))
    if isinstance(value, list | tuple):
        return list(dict.fromkeys(answer for item in value for answer in gold_answers(item)))
    answer = plain(value)
    return [answer] if answer else []


class _RowReader:
    """The columns of one file, found once."""

    def __init__(self, spec: PrepareSpec, rows: Rows, labelled: bool) -> None:
        self.spec, self.rows, self.labelled = spec, rows, labelled
        self.keep = [(rows.column(f"keep.{name}", name), _values(wanted)) for name, wanted in spec.keep.items()]
        self.inputs = {role: self._column(role) for role in TEMPLATE_ROLES if getattr(spec.columns, role)}
        self.cluster = self._column("cluster") if spec.columns.cluster else None
        self.answer = self._column("label" if spec.kind == "classification" else "answers") if labelled else None
        self.label_of = {plain(label.value): index for index, label in enumerate(spec.labels)}
        self.choices = [label.verbalizer for label in spec.labels]

    def _column(self, role: str) -> str:
        return self.rows.column(f"columns.{role}", getattr(self.spec.columns, role))

    def keeps(self, row: Mapping[str, Any]) -> bool:
        return all(plain(row.get(column)) in wanted for column, wanted in self.keep)

    def example(self, row: Mapping[str, Any], index: int) -> dict[str, Any] | None:
        """The row as an example; None when its text, label or answer is empty."""
        inputs = {role: plain(row.get(column)) for role, column in self.inputs.items()}
        if not all(inputs.values()):
            return None
        label, answers = -1, list[str]()
        if self.answer is not None:
            label, answers = self._label(row, index)
            if not answers:
                return None
        text, prompt = self.spec.text.format(**inputs), self.spec.prompt.format(**inputs)
        return {
            "example_id": _digest([prompt, text, self.choices]),
            "cluster_id": self._cluster(row, inputs),
            "text": text,
            "prompt": prompt,
            "answers": answers,
            "label": label,
            "choices": self.choices,
            "row_key": _digest(inputs),
        }

    def _label(self, row: Mapping[str, Any], index: int) -> tuple[int, list[str]]:
        value = row.get(self.answer or "")
        if self.spec.kind != "classification":
            return -1, gold_answers(value)
        name = plain(value)
        if not name:
            return -1, []
        label = self.label_of.get(name)
        if label is None:
            allowed = ", ".join(self.label_of)
            close = difflib.get_close_matches(name, self.label_of, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise DataError(
                f"{self.rows.where(index)}: the label {name[:60]!r} is none of: {allowed} (`labels` of the task){hint}"
            )
        return label, [self.choices[label]]

    def _cluster(self, row: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
        """What the example shares with others: the cluster column, else a question's passage, else nothing."""
        if self.cluster is not None:
            return _digest({"cluster": plain(row.get(self.cluster))})
        if self.spec.kind == "extractive-qa":
            return _digest({"context": inputs["context"]})
        return _digest(inputs)


def _digest(value: Any) -> str:
    """First 16 hex digits of SHA-256 over canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def _values(wanted: str | int | tuple[str | int, ...]) -> set[str]:
    return {plain(value) for value in (wanted if isinstance(wanted, tuple) else (wanted,))}


def _wanted(spec: PrepareSpec) -> str:
    return " and ".join(f"{name} {' or '.join(sorted(_values(value)))}" for name, value in spec.keep.items())


def _found(spec: PrepareSpec, files: list[Rows]) -> str:
    """The commonest values in the columns of `keep`."""
    lists = []
    for name in spec.keep:
        counts = Counter(plain(row.get(name)) for rows in files for row in rows.values)
        lists.append(f"{name} is {', '.join(repr(value[:40]) for value, _ in counts.most_common(5))}")
    return "; ".join(lists)
