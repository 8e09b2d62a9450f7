"""Model cards of an experiment's students: what a run's own card cannot say, because only the comparison knows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from potstill.plan.specs.report import CardEntry, ModelCardsSpec
from potstill.report import wording
from potstill.report.document import options_of
from potstill.report.evidence import Evidence
from potstill.report.method_index import convention, entry_of, read_index
from potstill.report.render import TEMPLATES
from potstill.report.table import rows
from potstill.report.verdict import Limit, Verdict

_TASK_TYPES = {
    "classification": "text-classification",
    "extractive-qa": "question-answering",
    "generation": "text-generation",
}


@dataclass(frozen=True)
class Asset:
    """A model or data set as its manifest and the catalogue know it."""

    hub: str | None
    origin: str
    licence: str | None


def asset(manifest: Mapping[str, Any], licence: str | None) -> Asset:
    """From the manifest's `origin`, `revision` and `licence`; what the catalogue says of the licence goes first."""
    origin = manifest.get("origin") or {}
    words = ", ".join(f"{key} {origin[key]}" for key in ("hub", "wheel", "version", "path") if key in origin)
    if origin.get("hub") and manifest.get("revision"):
        words += f", revision {manifest['revision']}"
    return Asset(origin.get("hub"), words or "unknown", licence or manifest.get("licence"))


def write_card(
    entry: CardEntry,
    spec: ModelCardsSpec,
    evidence: Evidence,
    assets: Mapping[str, Asset],
    splits: Mapping[str, Any],
    verdict: Verdict,
) -> ModelCard:
    """The card of one student: its selected variant, all seeds together.

    Args:
        assets: by the names that `entry` uses.
        splits: `splits` of the report.json of the task's examples.
        verdict: of `evidence`.
    """
    task = next(found for found in verdict.tasks if found.task == entry.task)
    kept = next(
        (found for found in task.students if (found.student, found.method) == (entry.student, entry.method)), None
    )
    gains = [gain for gain in task.gains if (gain.student, gain.method) == (entry.student, entry.method)]
    results = _results(evidence["comparison/summary"], entry)
    runs = evidence["collected/runs"]
    mine = runs[
        (runs.task == entry.task) & (runs.student == entry.student) & (runs.method == entry.method) & runs.selected
    ]
    base, teacher, data = (assets[name] for name in (entry.base, entry.teacher, entry.data))
    text = (
        _environment()
        .get_template("model_card.md")
        .render(
            entry=entry,
            spec=spec,
            kept=kept,
            gains=gains,
            results=results.to_dict("records"),
            runs=mine.to_dict("records"),
            task=task,
            base=base,
            teacher=teacher,
            data=data,
            splits=splits,
            options=options_of(mine),
            method=entry_of(read_index(spec.index), entry.file, options_of(mine)),
            convention=convention(spec.index),
            limits=[wording.limit(found) for found in verdict.limits if _is_of(found, entry)],
            margin=wording.margin(verdict),
            auto="AutoModelForSequenceClassification" if entry.encoder else "AutoModelForCausalLM",
        )
    )
    metadata = _metadata(entry, base, data, results)
    return ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n{text.strip()}\n")


def _metadata(entry: CardEntry, base: Asset, data: Asset, results: pd.DataFrame) -> ModelCardData:
    return ModelCardData(
        library_name="transformers",
        pipeline_tag="text-classification" if entry.encoder else "text-generation",
        license=base.licence.lower() if base.licence else None,
        base_model=base.hub,
        datasets=[data.hub] if data.hub else None,
        tags=["knowledge-distillation", "potstill", entry.file],
        model_name=f"{entry.student} {entry.method} {entry.task}",
        eval_results=[
            EvalResult(
                task_type=_TASK_TYPES[entry.kind],
                dataset_type=data.hub or entry.dataset,
                dataset_name=entry.task,
                dataset_split="test",
                metric_type=row.metric,
                metric_name=f"{row.metric.replace('_', ' ')}, mean over {row.n_seeds} seed{'s' * (row.n_seeds > 1)}",
                metric_value=round(float(row.mean), 4),
                metric_args=_arguments(row),
            )
            for row in rows(results)
        ],
    )


def _arguments(row: Any) -> dict[str, float | int]:
    """What the number rests on, for those who read the metadata alone."""
    interval = {"ci_low": row.ci_low, "ci_high": row.ci_high, "confidence": row.confidence}
    known = {name: round(float(value), 4) for name, value in interval.items() if not pd.isna(value)}
    return {**known, "seeds": int(row.n_seeds), "examples": int(row.n_examples)}


def _results(summary: pd.DataFrame, entry: CardEntry) -> pd.DataFrame:
    chosen = summary[
        (summary.task == entry.task)
        & (summary.role == "student")
        & (summary.student == entry.student)
        & (summary.method == entry.method)
        & summary.selected
    ]
    return chosen.sort_values("primary", ascending=False, kind="stable")


def _is_of(found: Limit, entry: CardEntry) -> bool:
    """Whether a limit concerns this student: those of its task; of shortcuts its own alone."""
    if found.kind == "shortcut":
        return found.task == entry.task and found.values[:2] == (entry.student, entry.method)
    return found.task == entry.task


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": wording.percent, "size": wording.size}
    environment.globals |= {"interval": wording.interval, "points": wording.points}
    return environment
