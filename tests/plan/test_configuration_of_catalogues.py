"""Entries of the catalogues that cannot be meant: models and their sources, tasks with their labels and templates."""

import pytest
from configuration_changes import REMOVED
from refused_configurations import (
    DATASETS,
    DEMO,
    FULL,
    GENERATION,
    HUB,
    MODELS,
    SMOKE,
    TASKS,
    assert_refused,
    cases,
)

MODEL_ENTRIES = {
    "two-kinds": (MODELS, {"minilm-6l.source.hub": "a/b"}, ["minilm-6l: source.wheel: cannot stand beside hub"]),
    "no-kind": (MODELS, {"minilm-6l.source": {}}, ["minilm-6l: source: ", "hub", "wheel", "path"]),
    "source-as-text": (MODELS, {"minilm-6l.source": "org/model"}, ["minilm-6l: source: found 'org/model'", "hub"]),
    "branch": (
        MODELS,
        {"own": {"source": HUB | {"revision": "main"}}},
        ["own: source.revision: found 'main'", "40 hex"],
    ),
    "short-revision": (MODELS, {"own": {"source": HUB | {"revision": "0" * 39}}}, ["own: source.revision", "40 hex"]),
    "no-revision": (MODELS, {"own": {"source": {"hub": "a/b"}}}, ["own: source.revision: missing", "40 hex"]),
    "repository": (
        MODELS,
        {"own": {"source": HUB | {"hub": "https://x.org/a/b"}}},
        ["source.hub: found", "repository"],
    ),
    "sha256": (MODELS, {"minilm-6l.source.sha256": "abc"}, ["minilm-6l: source.sha256: found 'abc'", "SHA-256"]),
    "no-source": (MODELS, {"own": {"architecture": "encoder"}}, ["own: needs a source or derived_from", "neither"]),
    "both": (MODELS, {"minilm-2l.source": HUB}, ["minilm-2l: needs a source or derived_from", "both"]),
    "no-architecture": (MODELS, {"own": {"source": HUB}}, ["own: architecture: missing; write encoder or decoder"]),
    "no-derive": (MODELS, {"minilm-2l.derive": REMOVED}, ["minilm-2l: derive: missing", "keep_layers"]),
    "empty-derive": (MODELS, {"minilm-2l.derive": {}}, ["minilm-2l: derive: needs keep_layers", "neither"]),
    "kept-and-drawn": (MODELS, {"minilm-2l.derive.random": True}, ["minilm-2l: derive: needs keep_layers", "both"]),
    "even-of-how-many": (MODELS, {"smollm2-10l.derive": {"keep_layers": "even"}}, ["derive: layers: missing"]),
    "listed-and-counted": (
        MODELS,
        {"minilm-2l.derive.layers": 2},
        ["derive: layers: keep_layers lists the layers already"],
    ),
    "derive-without-original": (
        MODELS,
        {"minilm-6l.derive": {"keep_layers": [0]}},
        ["minilm-6l: derive needs derived_from"],
    ),
    "derived-twice": (
        MODELS,
        {"own": {"derived_from": "minilm-2l", "derive": {"keep_layers": [0]}}},
        ["is derived itself"],
    ),
    "own-architecture": (
        MODELS,
        {"minilm-2l.architecture": "decoder"},
        ["architecture: comes from minilm-6l; remove it"],
    ),
    "teacher-of-itself": (
        DEMO,
        {"teacher.model": "smollm2-10l"},
        ["teacher.model: smollm2-10l is derived from the teacher"],
    ),
    "cut-of-a-cut": (
        GENERATION,
        {"teacher.model": "tiny-decoder-2l", "students": ["smollm2-10l"]},
        ["teacher.model: tiny-decoder-2l is derived itself"],
    ),
    "local-model": (
        MODELS,
        {"tiny-decoder.source.path": "no/such"},
        ["models.yaml: tiny-decoder: source.path: no/such: there is no data/no/such", "data=FOLDER (now: data)"],
    ),
    "local-data": (
        DATASETS,
        {"smoke-reviews.source.path": "./nowhere.jsonl"},
        ["datasets.yaml: smoke-reviews: source.path: ./nowhere.jsonl: there is no"],
    ),
    "empty-folder": (
        DATASETS,
        {"smoke-reviews.source.path": "./empty"},
        ["smoke-reviews: source.path", "holds no files"],
    ),
    "derived-candidate": (
        DEMO,
        {"teacher.model": ["smollm2-135m", "minilm-2l"]},
        ["teacher.model: minilm-2l is derived", "each needs a source of its own"],
    ),
    "local-candidate": (
        SMOKE,
        {
            "teacher.model": ["tiny-decoder", "own"],
            "catalogue": {"models": {"own": {"source": {"path": "x"}, "architecture": "decoder"}}},
        },
        ["smoke.yaml: catalogue.models.own: source.path: x"],
    ),
}

TASK_ENTRIES = {
    "slice": (TASKS, {"sentiment.splits.train": "all[1:2:3]"}, ["sentiment: splits.train", "is not a slice; write"]),
    "percentage": (TASKS, {"sentiment.splits.train": "all[:120%]"}, ["splits.train", "120% is beyond 100%"]),
    "slice-in-experiment": (
        FULL,
        {"tasks": {"sst2": {"splits": {"train": "x["}}}},
        ["tasks.sst2.splits.train", "not a slice"],
    ),
    "template-field": (TASKS, {"sst2.prompt": "Review: {review}"}, ["sst2: prompt", "names {review}", "{text}"]),
    "template-braces": (TASKS, {"sst2.prompt": "Review: {text"}, ["sst2: prompt", "malformed"]),
    "template-without-field": (TASKS, {"sst2.prompt": "Sentiment:"}, ["sst2: prompt", "names no column"]),
    "template-column": (TASKS, {"sentiment.columns.text": None}, ["tasks.yaml: sentiment: columns.text: missing"]),
    "no-labels": (TASKS, {"sentiment.labels": []}, ["tasks.yaml: sentiment: labels: found 0", "at least two"]),
    "labels-of-qa": (
        TASKS,
        {"smoke-facts.labels": [{"value": 0, "name": "a", "verbalizer": "b"}]},
        ["labels: only a class"],
    ),
    "same-answer": (
        TASKS,
        {"sentiment.labels.0.verbalizer": " good", "sentiment.labels.1.verbalizer": " good"},
        ["tasks.yaml: sentiment: labels: two have the verbalizer ' good'"],
    ),
    "no-test": (TASKS, {"sentiment.splits.test": REMOVED}, ["tasks.yaml: sentiment: splits.test: missing"]),
    "no-label-column": (TASKS, {"sentiment.columns.label": REMOVED}, ["sentiment: columns.label: missing"]),
}

CASES = cases({"model": MODEL_ENTRIES, "task": TASK_ENTRIES})


@pytest.mark.parametrize(("file", "change", "expected"), CASES)
def test_it_is_refused_with_one_clear_message(project, file, change, expected):
    assert_refused(project, file, change, expected)
