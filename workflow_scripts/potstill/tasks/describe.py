"""The report beside the examples: numbers for the machine, and a sentence for each thing a reader should know."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from potstill.plan.specs.prepare import PrepareSpec

SPLITS = ("train", "transfer", "validation", "test")


def describe(
    spec: PrepareSpec,
    splits: Mapping[str, pd.DataFrame],
    sources: Mapping[str, Mapping[str, Any]],
    overlap: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    """The report: what each of the data set's splits held, and what became of the task's four.

    Args:
        sources: counts of each split of the data set; gets the same name in the report.
        overlap: split -> the split that keeps an example of both -> how many it lost.
    """
    test_clusters = set(splits["test"]["cluster_id"])
    slices = {str(split): text for split, text in spec.splits.items()}
    described: dict[str, dict[str, Any]] = {}
    for name in SPLITS:
        frame = splits[name]
        clusters = set(frame["cluster_id"])
        described[name] = {
            "slice": slices.get(name),
            "examples": len(frame),
            "clusters": len(clusters),
            "clusters_shared_with_test": len(clusters & test_clusters) if name != "test" else 0,
            "overlap_dropped": dict(overlap.get(name, {})),
            "mean_characters": _mean_characters(frame),
            "labels": {label.name: int((frame["label"] == i).sum()) for i, label in enumerate(spec.labels)},
        }
    return {"sources": dict(sources), "splits": described, "notes": _notes(sources, described)}


def _mean_characters(frame: pd.DataFrame) -> int:
    """Length of prompt and first answer together; the plan estimates tokens from it."""
    answers = frame["answers"].map(lambda found: len(found[0]) if len(found) else 0)
    return 0 if frame.empty else round((frame["prompt"].str.len() + answers).mean())


def _notes(sources: Mapping[str, Mapping[str, Any]], splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One sentence for each thing that a reader of the results should know about the data."""
    notes = []
    for name, source in sources.items():
        if source["incomplete"]:
            notes.append(
                f"{name}: left out {source['incomplete']} of {source['kept']:,} rows without text, label or answer "
                f"(the first: {source['first_incomplete']})"
            )
        if source["duplicates"]:
            unsure = source["inputs_with_two_answers"]
            differing = f" (inputs with different answers: {unsure:,}; the first is used)" if unsure else ""
            notes.append(f"{name}: {source['duplicates']:,} rows repeat an earlier input{differing}")
    for name, split in splits.items():
        for other, count in split["overlap_dropped"].items():
            notes.append(f"{name}: left out {count:,} examples that {other} has too")
        if split["clusters_shared_with_test"] and name in ("train", "validation"):
            notes.append(
                f"{name}: clusters (such as passages) that test has too: {split['clusters_shared_with_test']:,}"
            )
    sizes = ", ".join(f"{name} {split['examples']:,}" for name, split in splits.items())
    return [*notes, f"examples: {sizes}"]
