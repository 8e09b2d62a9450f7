"""Bad input in the configuration: one clear message for each thing that is wrong, and never another exception.

Each case is (file below config/, change, what the message must say). A change is a mapping of dotted key paths to new
values (REMOVED takes the key away), text appended to the file, or the new content of the file as bytes.
"""

import re
from pathlib import Path

import pytest
from configuration_changes import REMOVED, change_file
from potstill.errors import ConfigError
from potstill.plan.plan import make_plan

DEMO, SMOKE, GENERATION = "experiments/demo.yaml", "experiments/smoke.yaml", "experiments/smoke_generation.yaml"
FULL, EXTENDING = "experiments/thesis_full.yaml", "experiments/demo_full.yaml"
MODELS, DATASETS, TASKS, FIGURES = "models.yaml", "datasets.yaml", "tasks.yaml", "figures.yaml"
SHA = "0" * 64
HUB = {"hub": "org/model", "revision": "0" * 40}

UNKNOWN_KEYS = {
    "top": (DEMO, {"sedes": [1]}, ["sedes: unknown key", "did you mean 'seeds'?"]),
    "teacher": (DEMO, {"teacher.modle": "x"}, ["teacher.modle: unknown key", "did you mean 'model'?"]),
    "teacher-fit": (SMOKE, {"teacher.fit.sed": 1}, ["teacher.fit.sed: unknown key", "did you mean 'seed'?"]),
    "nested-training": (
        DEMO,
        {"methods.b0.training.epoch": 3},
        ["methods.b0.training.epoch: unknown key", "did you mean 'epochs'?"],
    ),
    "lora": (FULL, {"training.lora.rnk": 8}, ["training.lora.rnk: unknown key", "did you mean 'rank'?", "alpha"]),
    "task-changes": (FULL, {"tasks": {"sst2": {"split": {}}}}, ["tasks.sst2.split: unknown key", "'splits'"]),
    "split": (EXTENDING, {"tasks": {"sentiment": {"splits": {"trian": "all"}}}}, ["splits.trian", "'train'"]),
    "student": (EXTENDING, {"students.minilm-2l": {"trainig": {}}}, ["students.minilm-2l.trainig", "'training'"]),
    "targets": (DEMO, {"targets.shard": 2}, ["targets.shard: unknown key", "did you mean 'shards'?"]),
    "benchmark": (DEMO, {"benchmark.repeat": 2}, ["benchmark.repeat: unknown key", "did you mean 'repeats'?"]),
    "comparison": (DEMO, {"comparison.base": "b0"}, ["comparison.base: unknown key", "did you mean 'baseline'?"]),
    "catalogue-section": (DEMO, {"catalogue": {"modls": {}}}, ["catalogue.modls: unknown key", "'models'"]),
    "catalogue-entry": (
        DEMO,
        {"catalogue": {"tasks": {"sentiment": {"promt": "x"}}}},
        ["demo.yaml: catalogue.tasks.sentiment: promt: unknown key", "did you mean 'prompt'?"],
    ),
    "method-option": (
        DEMO,
        {"methods.kd1.temprature": 2},
        ["methods.kd1.temprature: unknown option", "did you mean 'temperature'?", "divergence"],
    ),
    "model": (MODELS, {"minilm-6l.licens": "mit"}, ["minilm-6l: licens: unknown key", "did you mean 'licence'?"]),
    "model-source": (MODELS, {"minilm-6l.source.sha": SHA}, ["minilm-6l: source.sha: unknown key", "'sha256'"]),
    "derivation": (MODELS, {"minilm-2l.derive.keep_layer": [0]}, ["derive.keep_layer: unknown", "'keep_layers'"]),
    "dataset": (DATASETS, {"sst2.file": {}}, ["sst2: file: unknown key", "did you mean 'files'?"]),
    "task": (TASKS, {"squad.promt": "{text}"}, ["squad: promt: unknown key", "did you mean 'prompt'?"]),
    "task-label": (TASKS, {"sst2.labels.0.verbaliser": "x"}, ["labels.0.verbaliser", "did you mean 'verbalizer'?"]),
    "figure": (FIGURES, {"fig_4_2_latency.tilte": "x"}, ["fig_4_2_latency: tilte: unknown key", "'title'"]),
}

WRONG_TYPES = {
    "quoted-number": (DEMO, {"training.epochs": "3"}, ["training.epochs: found '3'", "a number", "remove the quotes"]),
    "quoted-seed": (DEMO, {"seeds": [0, "1"]}, ["seeds.1: found '1'", "a whole number", "remove the quotes"]),
    "quoted-grid-value": (
        DEMO,
        {"methods.kd1.alpha": [0.5, "0.9"]},
        ["kd1", "alpha: found '0.9'", "remove the quotes"],
    ),
    "fraction": (DEMO, {"seeds": [0.5]}, ["seeds.0: found 0.5", "a whole number"]),
    "number-for-text": (DEMO, {"title": 7}, ["title: found 7", "expected text", 'in quotes: "7"']),
    "version-as-number": (MODELS, {"minilm-6l.source.version": 0.1}, ["source.version: found 0.1", 'in quotes: "0.1"']),
    "text-for-list": (DEMO, {"figures": "fig_4_2_latency"}, ["figures: found 'fig_4_2_latency'", "a list"]),
    "number-for-list": (DEMO, {"seeds": 3}, ["seeds: found 3", "expected a list"]),
    "list-for-mapping": (DEMO, {"training": ["epochs"]}, ["training: found ['epochs']", "`key: value` lines"]),
    "true-for-mapping": (DEMO, {"teacher.fit": True}, ["teacher.fit: found true", "`key: value` lines"]),
    "text-for-mapping": (DEMO, {"tasks": "sentiment"}, ["tasks: found 'sentiment'", "a list of names"]),
    "mapping-in-list": (DEMO, {"students": [{"minilm-2l": None}]}, ["students: found {'minilm-2l': None}", "names"]),
    "method-without-keys": (DEMO, {"methods.kd2": 5}, ["methods.kd2: found 5", "`key: value` lines"]),
    "nothing": (DEMO, {"benchmark": None}, ["benchmark: found nothing", "`key: value` lines"]),
    "nothing-for-number": (DEMO, {"methods.b0.training.epochs": None}, ["methods.b0.training.epochs: found nothing"]),
    "yes-for-true": (DEMO, b"training: {gradient_checkpointing: yes}\n", ["found 'yes', expected true or false"]),
    "union": (MODELS, {"minilm-2l.derive.keep_layers": "evn"}, ["keep_layers: found 'evn'", "did you mean 'even'?"]),
    "column": (TASKS, {"sst2.columns.label": 3}, ["sst2: columns.label: found 3", "text or a list"]),
    "empty-entry": (MODELS, {"minilm-6l": None}, ["minilm-6l: found nothing", "`key: value` lines"]),
    "not-a-number": (DEMO, b"training: {epochs: .nan}\n", ["training.epochs: found '.nan'", "a number"]),
    "unknown-value": (DEMO, {"teacher.precision": "fp8"}, ["teacher.precision: found 'fp8'", "'bf16'", "'fp32'"]),
    "unknown-value-of-two-sets": (DEMO, {"training.precision": "atuo"}, ["found 'atuo'", "did you mean 'auto'?"]),
    "unknown-format": (DATASETS, {"sst2.format": "parqet"}, ["sst2: format: found 'parqet'", "'parquet'", "'jsonl'"]),
    "unknown-kind": (TASKS, {"squad.kind": "extractive_qa"}, ["squad: kind: found", "did you mean 'extractive-qa'?"]),
}

OUT_OF_RANGE = {
    "epochs": (DEMO, {"training.epochs": 0}, ["training.epochs: found 0, must be more than 0"]),
    "student-epochs": (EXTENDING, {"students.minilm-6l.training.epochs": -1}, ["found -1, must be more than 0"]),
    "fit-batch-size": (SMOKE, {"teacher.fit.training.batch_size": 0}, ["batch_size: found 0, must be at least 1"]),
    "lora-rank": (FULL, {"training.lora.rank": 0}, ["training.lora.rank: found 0, must be at least 1"]),
    "temperature": (DEMO, {"methods.kd1.temperature": [2, 0]}, ["kd1", "temperature: found 0, must be more than 0"]),
    "alpha": (DEMO, {"methods.kd1.alpha": 1.5}, ["kd1", "alpha: found 1.5, must be at most 1"]),
    "confidence": (DEMO, {"comparison.confidence": 95}, ["comparison.confidence: found 95, must be less than 1"]),
    "negative-seed": (DEMO, {"seeds": [0, -1]}, ["seeds.1: found -1, must be at least 0"]),
    "shards-without-end": (DEMO, {"targets.shards": 10**30}, ["targets.shards: found 1000", "must be at most 1000"]),
    "title-of-two-lines": (DEMO, {"title": "a\nb"}, ["title: found 'a\\nb'", "expected one line"]),
    "name-without-end": (EXTENDING, {"extends": "x" * 300}, ["demo_full.yaml: extends: there is no"]),
    "shards": (DEMO, {"targets.shards": 0}, ["targets.shards: found 0, must be at least 1"]),
    "stored-temperature": (DEMO, {"targets.temperatures": [1, 0]}, ["targets.temperatures.1: found 0"]),
    "hidden-layer": (DEMO, {"targets.hidden_layers": [-1]}, ["targets.hidden_layers.0: found -1"]),
    "figure-height": (
        FIGURES,
        {"fig_4_2_latency.height": 3},
        ["fig_4_2_latency: height: found 3, must be at least 15"],
    ),
}

EMPTY_OR_REPEATED = {
    "no-seeds": (DEMO, {"seeds": []}, ["seeds: found [], needs at least 1 entry"]),
    "no-methods": (DEMO, {"methods": {}}, ["methods: found {}, needs at least 1 entry"]),
    "no-students": (DEMO, {"students": []}, ["students: found {}, needs at least 1 entry"]),
    "no-teacher": (DEMO, {"teacher.model": []}, ["teacher.model: the list is empty", "config/models.yaml"]),
    "missing-key": (DEMO, {"teacher": REMOVED}, ["teacher: missing; add this key"]),
    "empty-grid": (DEMO, {"methods.kd1.temperature": []}, ["methods.kd1.temperature: the list is empty"]),
    "seed-twice": (DEMO, {"seeds": [1, 2, 1]}, ["seeds: [1, 2, 1] names a seed twice"]),
    "grid-value-twice": (
        DEMO,
        {"methods.kd1.temperature": [2, 2]},
        ["methods.kd1.temperature: a value is listed twice"],
    ),
    "grid-value-in-two-spellings": (
        DEMO,
        {"methods.kd1.temperature": [2, 2.0]},
        ["two points of the grid are the same"],
    ),
    "task-twice": (DEMO, {"tasks": ["sentiment", "sentiment"]}, ["tasks: sentiment is named twice"]),
    "method-twice": (DEMO, {"methods": ["b0", "kd2", "kd2"]}, ["methods: kd2 is named twice"]),
    "teacher-twice": (
        FULL,
        {"teacher.model": ["qwen2.5-7b", "qwen2.5-7b"]},
        ["teacher.model: qwen2.5-7b is named twice"],
    ),
    "same-runs": (
        DEMO,
        {"methods.again": {"method": "kd2"}},
        ["methods.again: the same runs as methods.kd2; remove one"],
    ),
    "no-files": (DATASETS, {"sst2.files": {}}, ["sst2: files: found {}, needs at least 1 entry"]),
}

UNKNOWN_NAMES = {
    "task": (DEMO, {"tasks": ["sentimnt"]}, ["tasks.sentimnt: not in config/tasks.yaml", "did you mean 'sentiment'?"]),
    "teacher": (
        DEMO,
        {"teacher.model": "smollm"},
        ["teacher.model: 'smollm' is not in", "did you mean 'smollm2-135m'?"],
    ),
    "student": (
        DEMO,
        {"students": ["minilm-3l"]},
        ["students.minilm-3l: not in config/models.yaml", "did you mean 'minilm-"],
    ),
    "method": (
        DEMO,
        {"methods.kd4": {}},
        ["methods.kd4: 'kd4' is not a method", "did you mean 'kd", "b0, kd1, kd2, kd3"],
    ),
    "method-of-entry": (
        DEMO,
        {"methods.hard": {"method": "kd22"}},
        ["methods.hard.method: 'kd22'", "did you mean 'kd2'?"],
    ),
    "only-the-baseline": (DEMO, {"methods": {"b0": {}}}, ["methods: found only the baseline 'b0'", "such as kd1"]),
    "baseline": (
        DEMO,
        {"comparison.baseline": "bo"},
        ["comparison.baseline: 'bo' is not one of", "did you mean 'b0'?"],
    ),
    "confirmatory": (
        DEMO,
        {"comparison.confirmatory": ["kd2", "kd"]},
        ["comparison.confirmatory: 'kd' is not one of", "did you mean 'kd"],
    ),
    "confirmatory-baseline": (
        DEMO,
        {"comparison.confirmatory": ["kd1", "b0"]},
        ["comparison.confirmatory: b0 is the baseline", "remove it"],
    ),
    "table": (
        DEMO,
        {"tables": ["table_4_1"]},
        ["tables: 'table_4_1' is no table", "did you mean 'table_4_1_main_results'?"],
    ),
    "figure": (
        DEMO,
        {"figures": ["fig_4_2"]},
        ["figures: 'fig_4_2' is not in config/figures.yaml", "'fig_4_2_latency'"],
    ),
    "dataset": (
        TASKS,
        {"sst2.dataset": "sts2"},
        ["tasks.yaml: sst2: dataset: 'sts2' is not in", "did you mean 'sst2'?"],
    ),
    "figure-without-module": (FIGURES, {"fig_9": {"inputs": ["collected"], "x_label": "x"}}, ["fig_9", "there is no"]),
    "figure-elsewhere": (FIGURES, {"../report/table": {"inputs": ["collected"], "x_label": "x"}}, ["there is no"]),
    "figure-input": (
        FIGURES,
        {"fig_4_2_latency.inputs": ["benchmarks"]},
        ["inputs.0: found 'benchmarks'", "'collected"],
    ),
    "original": (MODELS, {"minilm-2l.derived_from": "minilm"}, ["derived_from: 'minilm' is not a model", "'minilm-"]),
    "data-split": (
        TASKS,
        {"sentiment.splits.train": "trian[:200]"},
        ["sentiment", "splits.train", "'trian'", "known: all"],
    ),
    "data-split-of-experiment": (
        DEMO,
        {"tasks": {"sentiment": {"splits": {"test": "tets"}}}},
        ["tasks.yaml: sentiment", "demo.yaml: tasks.sentiment", "splits.test", "'tets'"],
    ),
}

EXTENDS = {
    "unknown": (
        EXTENDING,
        {"extends": "dmo"},
        ["demo_full.yaml: extends: there is no", "dmo.yaml", "did you mean 'demo'?"],
    ),
    "circle": (DEMO, {"extends": "demo_full"}, ["extends itself", "demo -> demo_full -> demo"]),
    "itself": (DEMO, {"extends": "demo"}, ["demo.yaml: extends itself"]),
    "elsewhere": (EXTENDING, {"extends": "../models"}, ["demo_full.yaml: extends: found '../models'", "experiments"]),
    "list": (
        EXTENDING,
        {"extends": ["demo", "smoke"]},
        ["extends: found ['demo', 'smoke']", "the name of another file"],
    ),
    "inherited-mistake": (
        EXTENDING,
        {"training.epochs": 0},
        ["demo_full.yaml (extends demo): training.epochs: found 0"],
    ),
}

NOT_YAML = {
    "syntax": (DEMO, "\nseeds: [0, 1\n", ["demo.yaml, line", "not valid YAML"]),
    "key-twice": (DEMO, "\nseeds: [7]\n", ["demo.yaml, line", "the key 'seeds' is given twice"]),
    "tab": (DEMO, b"title: x\ntraining:\n\tepochs: 3\n", ["demo.yaml, line 3", "spaces"]),
    "list": (MODELS, b"- minilm-6l\n- minilm-2l\n", ["models.yaml: expected `key: value` lines, found ['minilm-6l'"]),
    "text": (TASKS, b"sentiment\n", ["tasks.yaml: expected `key: value` lines, found 'sentiment'"]),
    "empty-experiment": (DEMO, b"", ["demo.yaml: title: missing", "demo.yaml: seeds: missing"]),
    "empty-catalogue": (TASKS, b"# nothing yet\n", ["tasks.sentiment: not in config/tasks.yaml", "known: none"]),
    "latin-1": (DEMO, "title: Über\n".encode("latin-1"), ["demo.yaml: not UTF-8 text", "save it as UTF-8"]),
    "binary": (MODELS, bytes(range(256)), ["models.yaml: not UTF-8 text"]),
    "nul": (DEMO, b"title: a\0b\n", ["demo.yaml", "not valid YAML"]),
    "python-object": (DEMO, b"title: !!python/object/apply:os.getcwd []\n", ["line 1", "not valid YAML"]),
    "recursion": (DEMO, b"title: &a [*a]\n", ["demo.yaml", "not valid YAML"]),
    "depth": (DEMO, b"title: " + b"[" * 5000, ["demo.yaml", "not valid YAML"]),
    "huge-number": (DEMO, b"seeds: [" + b"9" * 5000 + b"]\n", ["demo.yaml", "not valid YAML"]),
    "key-of-a-list": (DEMO, b"? [a, b]\n: 1\n", ["demo.yaml, line 1", "a key must be one word"]),
    "two-documents": (DEMO, "\n---\ntitle: x\n", ["demo.yaml, line", "another document"]),
    "token": (MODELS, "\n# hf_" + "aB3" * 12 + "\n", ["models.yaml: holds what looks like", "HF_TOKEN"]),
}

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

CANNOT_SERVE = {
    "tokens-of-two-tokenizers": (
        FULL,
        {"methods.kd1.alignment": REMOVED},
        ["methods.kd1: cannot teach tinyllama-1.1b the task squad", "different tokenizers", "alignment: uld", "kd2"],
    ),
    "labels-of-qa": (GENERATION, {"methods.kd1.level": "labels"}, ["methods.kd1", "smoke-facts", "use level: tokens"]),
    "encoder-on-qa": (
        GENERATION,
        {"students": ["tiny-encoder"]},
        ["tiny-encoder", "an encoder cannot write", "a decoder"],
    ),
    "tokens-of-an-encoder": (
        SMOKE,
        {"methods.kd1.level": "tokens"},
        ["methods.kd1", "is an encoder; use level: labels"],
    ),
    "states-of-two-tokenizers": (
        DEMO,
        {"methods.kd3.pooling": "tokens"},
        ["methods.kd3", "different", "pooling: last or mean"],
    ),
    "centred-answers": (GENERATION, {"teacher.calibration": "centre"}, ["teacher.calibration: only label logits"]),
    "idle-beta": (DEMO, {"methods.kd1.beta": 0.3}, ["methods.kd1", "beta is for divergence: jsd"]),
    "layer-map": (DEMO, {"methods.kd3.layer_map": "top"}, ["methods.kd3", "layer_map: found 'top'", "uniform"]),
}

FURTHER = "tasks.smoke-reviews.also_evaluate_on"
FURTHER_TASKS = {
    "unknown": (
        SMOKE,
        {"tasks": {"smoke-reviews": {"also_evaluate_on": ["smoke-opinion"]}}},
        [f"{FURTHER}: 'smoke-opinion' is not in config/tasks.yaml", "did you mean 'smoke-opinions'?"],
    ),
    "not-a-list": (
        SMOKE,
        {"tasks": {"smoke-reviews": {"also_evaluate_on": "smoke-opinions"}}},
        [f"{FURTHER}: found 'smoke-opinions'", "a list"],
    ),
    "itself": (
        SMOKE,
        {"tasks": {"smoke-reviews": {"also_evaluate_on": ["smoke-reviews"]}}},
        [f"{FURTHER}: smoke-reviews is the task itself", "remove it"],
    ),
    "twice": (
        SMOKE,
        {"tasks": {"smoke-reviews": {"also_evaluate_on": ["smoke-opinions", "smoke-opinions"]}}},
        [f"{FURTHER}: smoke-opinions is named twice; remove one"],
    ),
    "another-kind": (
        SMOKE,
        {"tasks": {"smoke-reviews": {"also_evaluate_on": ["smoke-facts"]}}},
        [f"{FURTHER}: smoke-facts is of kind extractive-qa, smoke-reviews of kind classification"],
    ),
    "other-answers": (
        SMOKE,
        {"tasks": {"smoke-reviews": {"also_evaluate_on": ["sst2"]}}},
        [
            f"{FURTHER}: sst2 has the answers [' negative', ' positive'], smoke-reviews has [' dull', ' moving']",
            "same order",
        ],
    ),
    "other-order": (
        SMOKE,
        {
            "tasks": {"smoke-reviews": {"also_evaluate_on": ["smoke-opinions"]}},
            "catalogue": {
                "tasks": {
                    "smoke-opinions": {
                        "labels": [
                            {"value": 1, "name": "positive", "verbalizer": " moving"},
                            {"value": 0, "name": "negative", "verbalizer": " dull"},
                        ]
                    }
                }
            },
        },
        [f"{FURTHER}: smoke-opinions has the answers [' moving', ' dull']", "in the same order, or remove it"],
    ),
    "more-answers": (
        SMOKE,
        {
            "tasks": {"smoke-reviews": {"also_evaluate_on": ["smoke-opinions"]}},
            "catalogue": {
                "tasks": {
                    "smoke-opinions": {
                        "labels": [
                            {"value": 0, "name": "negative", "verbalizer": " dull"},
                            {"value": 1, "name": "positive", "verbalizer": " moving"},
                            {"value": 2, "name": "neither", "verbalizer": " so"},
                        ]
                    }
                }
            },
        },
        [f"{FURTHER}: smoke-opinions has the answers [' dull', ' moving', ' so']"],
    ),
    "table": (
        SMOKE,
        {"tables": ["table_4_7_out_of_domain"]},
        [
            "tables: table_4_7_out_of_domain needs an experiment that scores its models on further tasks",
            "also_evaluate_on",
        ],
    ),
    "figure": (
        SMOKE,
        {"figures": ["fig_4_13_transfer"]},
        [
            "figures: fig_4_13_transfer needs an experiment that scores its models on further tasks",
            "leave the figure out",
        ],
    ),
    "unknown-need": (FIGURES, {"fig_4_13_transfer.needs": ["transfr"]}, ["needs.0: found 'transfr'", "transfer"]),
}

GROUPS = {
    "unknown-key": UNKNOWN_KEYS,
    "wrong-type": WRONG_TYPES,
    "out-of-range": OUT_OF_RANGE,
    "empty-or-repeated": EMPTY_OR_REPEATED,
    "unknown-name": UNKNOWN_NAMES,
    "extends": EXTENDS,
    "not-yaml": NOT_YAML,
    "model": MODEL_ENTRIES,
    "task": TASK_ENTRIES,
    "cannot-serve": CANNOT_SERVE,
    "further-task": FURTHER_TASKS,
}
CASES = [pytest.param(*case, id=f"{g}-{name}") for g, group in GROUPS.items() for name, case in group.items()]

COMMAND_LINE = {
    "key": ({"experimnt": "demo"}, ["--config: experimnt: unknown key", "did you mean 'experiment'?"]),
    "experiment": ({"experiment": "dmo"}, ["dmo.yaml: no such file", "did you mean 'demo'?"]),
    "elsewhere": ({"experiment": "../models"}, ["--config: experiment: found '../models'", "config/experiments"]),
    "file-name": ({"experiment": "demo.yaml"}, ["--config: experiment: found 'demo.yaml'", "config/experiments"]),
    "number": ({"experiment": 3}, ["--config: experiment: found 3", "expected text"]),
    "reserved": ({"experiment": "runs"}, ["experiment=runs", "is where artefacts lie", "another name"]),
    "code": ({"code": "kep"}, ["--config: code: found 'kep'", "did you mean 'keep'?"]),
    "results": ({"results": None}, ["--config: results: found nothing", "expected text"]),
}


def refusal(root: Path, main: dict) -> str:
    """The message of the ConfigError that planning ends with."""
    with pytest.raises(ConfigError) as caught:
        make_plan(root, main, probe=False)
    return str(caught.value)


@pytest.mark.parametrize(("file", "change", "expected"), CASES)
def test_bad_configuration(project, file, change, expected):
    change_file(project / "config" / file, change)
    experiment = Path(file).stem if file.startswith("experiments/") else experiment_using(file, change)
    message = refusal(project, {"experiment": experiment})
    for fragment in expected:
        assert fragment in message, message
    assert_is_clear(message, Path(file).name)


def experiment_using(file: str, change) -> str:
    """The catalogue entries of the smoke experiments are used by them alone."""
    text = str(change)
    return "smoke_generation" if "smoke-facts" in text else "smoke" if "smoke-" in text or "tiny-" in text else "demo"


def assert_is_clear(message: str, file: str) -> None:
    """Every line names the file, and nothing speaks Python or pydantic."""
    for line in message.splitlines():
        assert file in line or "--config" in line, line
        assert re.search(r"\.yaml[^:]*: \S|--config", line), line
    assert not re.search(r"input should|valid dictionary|valid string|pydantic|Error\b|\[type=|Traceback", message), (
        message
    )
    assert len(message) < 2000


@pytest.mark.parametrize(("main", "expected"), COMMAND_LINE.values(), ids=COMMAND_LINE)
def test_bad_command_line(project, main, expected):
    message = refusal(project, {"experiment": "demo"} | main)
    for fragment in expected:
        assert fragment in message, message
    assert_is_clear(message, ".yaml")


def test_refused_configurations_leave_nothing_behind(project):
    change_file(project / "config" / SMOKE, {"seeds": []})
    refusal(project, {"experiment": "smoke"})
    assert not (project / "results").exists()


def test_every_mistake_is_told_at_once(project):
    change_file(project / "config" / DEMO, {"seeds": [], "training.epochs": 0, "titel": "x"})
    assert len(refusal(project, {"experiment": "demo"}).splitlines()) == 3


def test_a_catalogue_entry_is_checked_even_if_unused(project):
    change_file(project / "config" / MODELS, {"smollm2-360m-8bit.architecture": "decodr"})
    assert "smollm2-360m-8bit: architecture: found" in refusal(project, {"experiment": "smoke"})


def test_at_least_forty_cases():
    assert len(CASES) + len(COMMAND_LINE) >= 40
