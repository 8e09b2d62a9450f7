"""Shards of a tiny teacher's targets, written as the stage script writes them."""

from pathlib import Path

import pandas as pd
from potstill import artefacts
from potstill.models.load import tokenizer_fingerprint
from potstill.models.task_model import TaskModel
from potstill.plan.specs.model import ModelView
from potstill.plan.specs.targets import TargetSpec
from potstill.plan.specs.task import TaskView
from potstill.tables import write_table
from potstill.targets.capture import capture, shard_examples
from tiny_models import DECODER, examples, loaded


def store_examples(directory: Path, train: int = 5, transfer: int = 3) -> pd.DataFrame:
    """`train` labelled examples and `transfer` unlabelled ones, as files; returns both."""
    directory.mkdir(parents=True, exist_ok=True)
    table = examples(train + transfer)
    labelled, unlabelled = table.iloc[:train], table.iloc[train:].assign(label=-1)
    unlabelled = unlabelled.assign(answers=[[] for _ in range(len(unlabelled))])
    for split, part in (("train", labelled), ("transfer", unlabelled)):
        write_table(part.sort_values("example_id", ignore_index=True), directory / f"{split}.parquet")
    return pd.concat([labelled, unlabelled], ignore_index=True)


def specs(
    target: object, task: TaskView, shards: int = 1, view: ModelView = DECODER, **settings: object
) -> list[TargetSpec]:
    """The specs of all shards."""
    return [
        TargetSpec(task=task, model=view, target=target, shard=shard, shards=shards, **settings)
        for shard in range(shards)
    ]


def write_shard(
    directory: Path, data: Path, teacher: Path, spec: TargetSpec, teacher_name: str = "teacher-1"
) -> tuple[TaskModel, object]:
    """Capture one shard; returns a fresh copy of the teacher and its tokenizer."""
    settings = spec.model.model_dump()
    architecture = settings.pop("architecture")
    model, tokenizer = loaded(teacher, spec.task, architecture, **settings)
    table = shard_examples(data, spec)
    facts = {
        "kind": spec.target.kind,
        "teacher": teacher_name,
        "tokenizer": tokenizer_fingerprint(tokenizer),
        "examples": len(table),
    }
    with artefacts.writing(directory, spec=spec.as_json(), **facts) as folder:
        capture(model, tokenizer, table, spec, folder)
    return loaded(teacher, spec.task, architecture, **settings)
