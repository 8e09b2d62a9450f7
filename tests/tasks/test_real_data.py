"""Preparing published data sets; skipped where they are not on this machine (POTSTILL_DATA, or ../shared/data)."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from potstill.plan.specs.prepare import PrepareSpec
from potstill.tasks import metrics
from potstill.tasks.formats import read_rows
from potstill.tasks.prepare import prepare

DATA = Path(os.environ.get("POTSTILL_DATA", Path(__file__).parents[3] / "shared" / "data"))
SENTIMENT = [
    {"value": 0, "name": "negative", "verbalizer": " negative"},
    {"value": 1, "name": "positive", "verbalizer": " positive"},
]
QUESTIONS = {"question": "question", "context": "context", "answers": "answers"}


def folder(name: str) -> Path:
    if not (DATA / name).is_dir():
        pytest.skip(f"no {DATA / name}; set POTSTILL_DATA to the folder of data sets")
    return DATA / name


def prepared(dataset: Path, **spec: Any) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    return prepare(PrepareSpec.parse(spec), dataset)


def test_sst2_of_glue() -> None:
    """67,349 and 872 sentences are GLUE's own counts; its two copies here name the column `text` and `sentence`."""
    frames, report = prepared(
        folder("sst2_glue"),
        kind="classification",
        format="tsv",
        files={"train": ["train.tsv"], "dev": ["dev.tsv"]},
        columns={"text": ["sentence", "text"], "label": "label"},
        prompt="Review: {text}\nSentiment:",
        text="{text}",
        labels=SENTIMENT,
        splits={"train": "train[:2000]", "transfer": "train[2000:4000]", "test": "dev"},
        shuffle_seed=0,
    )
    assert report["sources"]["train"]["rows"] == 67_349
    assert report["splits"]["test"]["labels"] == {"negative": 428, "positive": 444}
    assert report["sources"]["train"]["duplicates"] == 371
    assert pd.concat(frames.values())["example_id"].is_unique
    baseline = metrics.constant_baselines("classification", frames["train"], frames["test"])
    assert baseline["score"].tolist() == [pytest.approx(444 / 872)]


def test_the_official_file_of_squad() -> None:
    """11,877 questions: the test set that was cut from SQuAD's train file for question generation (Du et al. 2017)."""
    frames, report = prepared(
        folder("squad_train_du_test"),
        kind="extractive-qa",
        format="squad",
        files={"all": ["test-v1.1.json"]},
        columns={**QUESTIONS, "cluster": "title"},
        prompt="{context}\nQuestion: {question}\nAnswer:",
        text="{question} {context}",
        splits={"train": "all[:90%]", "test": "all[90%:]"},
    )
    assert report["sources"]["all"]["rows"] == 11_877
    assert set(frames["train"]["cluster_id"]).isdisjoint(frames["validation"]["cluster_id"])
    # The slice cuts through one article, and the report says so.
    assert report["splits"]["train"]["clusters_shared_with_test"] == 1
    answers = [answer for gold in frames["test"]["answers"] for answer in gold]
    assert all(metrics.squad_exact_match(answer, [answer]) == 1 for answer in answers)
    table = metrics.constant_baselines("extractive-qa", frames["train"], frames["test"])
    assert table["score"].between(0, 0.05).all()


def test_squad_as_lines_keeps_several_gold_answers() -> None:
    dataset = folder("squad_dev_derived")
    frames, _ = prepared(
        dataset,
        kind="extractive-qa",
        format="jsonl",
        files={"dev": ["squad_v1.1_dev_partial.jsonl"]},
        columns=QUESTIONS,
        prompt="{context}\nQuestion: {question}\nAnswer:",
        text="{question} {context}",
        splits={"train": "dev[1000:]", "test": "dev[:1000]"},
    )
    rows = read_rows(dataset / "squad_v1.1_dev_partial.jsonl", "jsonl")
    expected = sum(len(set(map(str.strip, row["answers"]))) for row in rows.values)
    assert sum(len(gold) for frame in frames.values() for gold in frame["answers"]) == expected
    # What people score against each other: the last gold answer of a question against the others.
    several = [gold for gold in frames["test"]["answers"] if len(gold) > 1]
    human = [metrics.squad_f1(gold[-1], gold[:-1]) for gold in several]
    assert 0.4 < sum(human) / len(human) < 1


def test_winogrande_as_generation_with_an_unlabelled_transfer_set() -> None:
    frames, report = prepared(
        folder("winogrande"),
        kind="generation",
        format="jsonl",
        files={"train": ["train_m.jsonl"], "dev": ["dev.jsonl"], "test": ["test.jsonl"]},
        columns={"text": "sentence", "question": "option1", "context": "option2", "answers": "answer"},
        prompt="{text}\n1: {question}\n2: {context}\nAnswer:",
        text="{text} {question} {context}",
        splits={"train": "train", "transfer": "test", "test": "dev"},
    )
    assert report["splits"]["test"]["examples"] == 1267
    assert set(map(tuple, frames["test"]["answers"])) == {("1",), ("2",)}
    assert set(map(tuple, frames["transfer"]["answers"])) == {()}
