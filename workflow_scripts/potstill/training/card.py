"""The model card of a student: where it comes from, how it was taught, what may be done with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from potstill.plan.specs.train import TrainSpec

TEXT = """
# {name}

{what}, trained by [Potstill](#how-it-was-made) with the method `{method}`{teacher}.

| | |
|---|---|
{table}

## How it was made

```json
{spec}
```

Scores on the test split are computed when the runs of an experiment are collected and compared; a single run, with one
seed, says little about its method.

## How to load it

```python
from transformers import {auto}, AutoTokenizer

model = {auto}.from_pretrained("path/to/this/folder")
tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
```
"""


def write_card(
    directory: Path,
    spec: TrainSpec,
    *,
    name: str,
    teacher: str | None,
    base: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> None:
    """Write `README.md` with the metadata that the Hugging Face Hub reads.

    Args:
        directory: the student's folder.
        name: of the run.
        teacher: name of the teacher's artefact, if there was one.
        base: manifest of the model that training began from: its `origin` and `licence` are passed on.
        facts: what the table shows.
    """
    from json import dumps

    encoder = spec.model.architecture == "encoder"
    origin = base.get("origin") or {}
    licence = base.get("licence")
    data = ModelCardData(
        library_name="transformers",
        pipeline_tag="text-classification" if encoder else "text-generation",
        license=licence.lower() if licence else None,
        base_model=origin.get("hub"),
        tags=["knowledge-distillation", "potstill", spec.method],
    )
    rows = {"task": spec.task.kind, "seed": spec.seed, "began from": _described(origin), **facts}
    content = TEXT.format(
        name=name,
        what="An encoder with a classification head" if encoder else "A decoder",
        method=spec.method,
        teacher=f" from the teacher `{teacher}`" if teacher else "",
        table="\n".join(f"| {key} | {value} |" for key, value in rows.items()),
        spec=dumps(spec.model_dump(mode="json"), indent=1, sort_keys=True),
        auto="AutoModelForSequenceClassification" if encoder else "AutoModelForCausalLM",
    )
    ModelCard(f"---\n{data.to_yaml()}\n---\n{content}").save(directory / "README.md")


def _described(origin: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in origin.items()) or "a local model"
