"""Spec of `probe_teacher`: which of several models can this machine fetch and hold?"""

from potstill.plan.base import Record
from potstill.plan.specs.model import Precision
from potstill.plan.specs.source import HubSource, LocalSource, WheelSource


class Candidate(Record):
    """A model of the catalogue and where it comes from."""

    name: str
    source: HubSource | WheelSource | LocalSource


class ProbeSpec(Record):
    """Candidates in order of preference, and the number format that their weights would be loaded in."""

    candidates: tuple[Candidate, ...]
    precision: Precision
    devices: int = 1
