"""Spec of `prepare_task`: a data set's files in, one table of normalised examples per split out."""

import difflib
import re
import string
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from potstill.plan.base import Record
from potstill.plan.specs.task import TaskKind

DataFormat = Literal["csv", "tsv", "jsonl", "parquet", "squad"]
Split = Literal["train", "transfer", "validation", "test"]

TEMPLATE_ROLES = ("text", "question", "context")
_SLICE = re.compile(r"([\w.-]+)(?:\[(-?\d+%?)?:(-?\d+%?)?\])?")


def parse_slice(text: str) -> tuple[str, str | None, str | None]:
    """Name, start and stop of `name`, `name[:500]`, `name[-100:]` or `name[10%:90%]` (bounds as they are written).

    Raises:
        ValueError: not of this form, or a percentage beyond 100.
    """
    match = _SLICE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a slice; write name, name[:500], name[500:1000], name[-100:] or name[10%:]")
    name, *bounds = match.groups()
    for bound in bounds:
        if bound and bound.endswith("%") and abs(int(bound[:-1])) > 100:
            raise ValueError(f"{text!r}: {bound} is beyond 100%")
    return name, bounds[0], bounds[1]


def template_fields(template: str) -> tuple[str, ...]:
    """The column roles that a template names, each once.

    Raises:
        ValueError: malformed braces, or a field that is not one of `TEMPLATE_ROLES`.
    """
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"the template {template!r} is malformed: {error}; write {{{{ for a brace") from None
    fields = []
    for _, field, form, conversion in parsed:
        if field is None:
            continue
        if field not in TEMPLATE_ROLES or form or conversion:
            allowed = ", ".join(f"{{{role}}}" for role in TEMPLATE_ROLES)
            raise ValueError(
                f"the template {template!r} names {{{field}}}; allowed are {allowed} (`columns` maps them)"
            )
        fields.append(field)
    if not fields:
        raise ValueError(f"the template {template!r} names no column, so that every example would be the same")
    return tuple(dict.fromkeys(fields))


def _checked_slice(text: str) -> str:
    parse_slice(text)
    return text


def _checked_template(template: str) -> str:
    template_fields(template)
    return template


Slice = Annotated[str, AfterValidator(_checked_slice)]
Template = Annotated[str, AfterValidator(_checked_template)]
Column = str | tuple[str, ...] | None


class Label(Record):
    """One class: the value that the data use for it, its name, and the answer that a decoder gives."""

    value: str | int
    name: str
    verbalizer: str


class Columns(Record):
    """Which column of the data holds what. Unused roles stay None; of several names a file's first is read."""

    text: Column = None
    label: Column = None
    question: Column = None
    context: Column = None
    answers: Column = None
    cluster: Column = None


class PrepareSpec(Record):
    """Everything that `prepare_task` depends on.

    `files` maps the data set's own split names to file names inside the asset (`.`: its only file). Of their rows,
    those are read whose columns have the values in `keep`. `splits` maps train, transfer, validation and test to slices
    such as `train[:500]` of those, taken after `deduplicate` has dropped repeated inputs and `shuffle_seed` has ordered
    the rows (None: as in the file).
    Without a validation slice, `validation_fraction` of train is cut off, whole clusters at a time.
    `prompt` and `text` are templates over the column roles: the first is what a decoder reads, the second an encoder.
    """

    kind: TaskKind
    format: DataFormat
    files: dict[str, tuple[str, ...]]
    columns: Columns
    keep: dict[str, str | int | tuple[str | int, ...]] = Field({})
    prompt: Template
    text: Template
    labels: tuple[Label, ...] = ()
    splits: dict[Split, Slice]
    validation_fraction: float = Field(0.1, gt=0, lt=1)
    shuffle_seed: int | None = None
    deduplicate: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> "PrepareSpec":
        needed = {
            "classification": ["label"],
            "extractive-qa": ["question", "context", "answers"],
            "generation": ["answers"],
        }
        for role in dict.fromkeys([*needed[self.kind], *template_fields(self.prompt), *template_fields(self.text)]):
            if not getattr(self.columns, role):
                raise ValueError(f"columns.{role}: missing; a task of kind {self.kind} with these templates needs it")
        for split in ("train", "test"):
            if split not in self.splits:
                raise ValueError(f"splits.{split}: missing; add a slice such as {next(iter(self.files))}[:500]")
        for split, text in self.splits.items():
            name = parse_slice(text)[0]
            if name not in self.files:
                close = difflib.get_close_matches(name, self.files, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise ValueError(f"splits.{split}: the data set has no {name!r} ({hint}known: {', '.join(self.files)})")
        self._check_labels()
        return self

    def _check_labels(self) -> None:
        if self.kind != "classification":
            if self.labels:
                raise ValueError(f"labels: only a classification has them, this task is {self.kind}")
            return
        if len(self.labels) < 2:
            raise ValueError(f"labels: found {len(self.labels)}, a classification needs at least two")
        for field in ("value", "name", "verbalizer"):
            values = [str(getattr(label, field)) for label in self.labels]
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ValueError(f"labels: two have the {field} {twice!r}")
