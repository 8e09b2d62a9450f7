"""How many examples a task has and how long they are: as prepared, or as its slices say. For estimates only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from potstill.artefacts import is_finished
from potstill.plan.nodes import Node
from potstill.plan.specs.prepare import parse_slice
from potstill.plan.specs.task import TaskView

ASSUMED_EXAMPLES = 10_000  # of a split whose slice does not say how many
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class Counts:
    """Examples of each split, and the mean length of a prompt with its answer in characters (None: not known yet)."""

    splits: Mapping[str, float]
    characters: float | None
    assumed: tuple[str, ...] = ()

    def number(self, *splits: str) -> float:
        """How many examples some splits have together."""
        return sum(self.splits.get(split, 0) for split in splits)

    def length(self, task: TaskView) -> float:
        """Tokens of an example with its answer: as measured, but no more than the task allows, or as many as it allows."""
        longest = task.max_input_tokens + answer_tokens(task)
        return longest if self.characters is None else min(longest, self.characters / CHARACTERS_PER_TOKEN)


def answer_tokens(task: TaskView) -> int:
    """Positions at which a head is computed, at most: one for a class, the answer's otherwise."""
    return 1 if task.kind == "classification" else task.max_answer_tokens


def counted(node: Node, results: str) -> Counts:
    """The counts of an examples artefact, prepared or not."""
    folder = Path(node.directory(results))
    if is_finished(folder):
        try:
            splits = json.loads((folder / "report.json").read_text(encoding="utf-8"))["splits"]
            numbers = {name: split["examples"] for name, split in splits.items()}
            characters = sum(split["mean_characters"] * split["examples"] for split in splits.values())
            return Counts(numbers, characters / max(sum(numbers.values()), 1))
        except (OSError, ValueError, KeyError, TypeError):
            pass  # an estimate is no reason to fail: its readers check an artefact's bytes
    return _sliced(node)


def _sliced(node: Node) -> Counts:
    numbers, open_ended = {}, []
    for split, text in node.spec["splits"].items():
        _, start, stop = parse_slice(text)
        bounds = [bound for bound in (start or "0", stop) if bound and not bound.endswith("%")]
        if len(bounds) == 2 and min(map(int, bounds)) >= 0:
            numbers[split] = float(max(int(bounds[1]) - int(bounds[0]), 0))
        elif start and not stop and start.startswith("-") and not start.endswith("%"):
            numbers[split] = -float(start)
        else:
            numbers[split] = ASSUMED_EXAMPLES
            open_ended.append(split)
    if "validation" not in numbers:
        numbers["validation"] = node.spec["validation_fraction"] * numbers.get("train", 0)
    said = [f"{node.slug}: inputs as long as the task allows"]
    if open_ended:
        said += [f"{node.slug}: {ASSUMED_EXAMPLES:,} examples each in {', '.join(open_ended)}"]
    return Counts(numbers, None, tuple(said))
