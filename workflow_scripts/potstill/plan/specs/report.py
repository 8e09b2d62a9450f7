"""Specs of `write_report` and `write_model_cards`: what they say besides what stands in the tables they read."""

import re
from typing import Any

from potstill.plan.base import Record
from potstill.plan.specs.task import TaskKind


class Source(Record):
    """A model or data set that the experiment used, where it came from, and what its licence is, where known."""

    role: str
    name: str
    origin: str
    licence: str | None = None


class ReportSpec(Record):
    """What the report says of the experiment.

    Inputs: the experiment's data products by name, as directories; `figures/` and `summary/` lie beside the output.

    Attributes:
        notes: what a reader must know of how it came about.
        methods: entry of the experiment -> the method's file.
        captions: figure or table -> text, reStructuredText without directives.
        index: docs/methods.md.
        settings: the experiment as it was read, defaults included.
    """

    title: str
    description: str = ""
    experiment: str
    teacher: str
    teacher_is_fitted: bool
    seeds: tuple[int, ...]
    baseline: str
    notes: tuple[str, ...] = ()
    methods: dict[str, str]
    sources: tuple[Source, ...]
    tables: tuple[str, ...]
    figures: tuple[str, ...]
    captions: dict[str, str]
    index: str
    settings: dict[str, Any]
    digits: int = 1


class CardEntry(Record):
    """One student that a card is written for; which variant, the collected runs tell.

    Attributes:
        method: entry of the experiment; `file`: the method's file.
        base: what the student began from, a key of the inputs `assets`, as `teacher` and `data` are.
        derived: how the student was cut from its base; empty: it was not.
    """

    task: str
    kind: TaskKind
    student: str
    method: str
    file: str
    base: str
    teacher_name: str
    teacher: str
    dataset: str
    data: str
    encoder: bool
    derived: str = ""

    @property
    def file_name(self) -> str:
        """Of the card, below `model_cards/`."""
        return re.sub(r"[^A-Za-z0-9_.+-]+", "-", f"{self.task}.{self.student}.{self.method}") + ".md"


class ModelCardsSpec(Record):
    """The cards of an experiment's students.

    `licences` are the catalogue's, by asset; a manifest has what the asset itself says.

    Inputs: `collected`, `comparison`, `error_analysis` where there is one; `assets`, name -> model or data set;
    `examples`, task -> its examples.
    """

    title: str
    baseline: str
    cards: tuple[CardEntry, ...]
    index: str
    licences: dict[str, str]
