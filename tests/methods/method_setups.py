"""Stored targets of tiny teachers, written and read for real, and what methods are built from."""

from pathlib import Path

import pandas as pd
import torch
from potstill import artefacts
from potstill.methods.interface import Setup
from potstill.models.encode import collate, encode_examples
from potstill.models.load import tokenizer_fingerprint
from potstill.models.task_model import TaskModel
from potstill.plan.specs.model import ModelView
from potstill.plan.specs.targets import TargetSpec
from potstill.plan.specs.task import TaskView
from potstill.tables import write_table
from potstill.targets.capture import capture, shard_examples
from tiny_models import CPU, loaded

torch.set_num_threads(1)


def store(
    folder: Path,
    teacher_directory: Path,
    task: TaskView,
    target: object,
    examples: pd.DataFrame,
    shards: int = 2,
    architecture: str = "decoder",
) -> list[Path]:
    """Shards of one kind of targets. Labelled examples are the train split, the others the transfer split."""
    source = folder / "examples"
    source.mkdir(parents=True, exist_ok=True)
    labelled = examples["answers"].map(len) > 0
    write_table(examples[labelled], source / "train.parquet")
    write_table(examples[~labelled], source / "transfer.parquet")
    paths = []
    for shard in range(shards):
        spec = TargetSpec(
            task=task, model=ModelView(architecture=architecture), target=target, shard=shard, shards=shards
        )
        teacher, tokenizer = loaded(teacher_directory, task, architecture)
        facts = {"kind": target.kind, "teacher": "teacher", "tokenizer": tokenizer_fingerprint(tokenizer)}
        if target.kind == "token_logits":
            facts["temperatures"] = list(target.temperatures)
        path = folder / f"{target.kind}-{shard}"
        with artefacts.writing(path, spec=spec.as_json(), **facts) as directory:
            capture(teacher, tokenizer, shard_examples(source, spec), spec, directory)
        paths.append(path)
    return paths


def setup(student: TaskModel, tokenizer: object, shards: dict[str, list[Path]], centre: bool = False) -> Setup:
    """What a method is built from."""
    return Setup(
        task=student.task,
        architecture=student.architecture,
        hidden_size=student.hidden_size,
        n_layers=student.n_layers,
        pool=student.pool,
        shards=shards,
        tokenizer=tokenizer_fingerprint(tokenizer),
        centre=centre,
        seed=0,
    )


def batch_of(examples: pd.DataFrame, tokenizer: object, student: TaskModel, answers: dict[str, str] | None = None):
    """All examples in one batch."""
    view = ModelView(architecture=student.architecture)
    return collate(encode_examples(examples, tokenizer, student.task, view, answers), tokenizer.pad_token_id)


def evaluate(method, student: TaskModel, batch, **changes: object) -> tuple[dict[str, int], dict[str, torch.Tensor]]:
    """Counts and sums of a method on a batch."""
    method.attach(batch)
    batch = batch.to(CPU)
    return method.counts(batch), method.sums(student(batch, with_hidden=method.with_hidden), batch)
