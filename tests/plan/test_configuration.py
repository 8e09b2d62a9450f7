"""Bad input in the configuration: one clear message for each thing that is wrong, and never another exception.

What any file may get wrong, and the command line. Catalogues: `test_configuration_of_catalogues.py`; what is well written and
cannot work: `test_configuration_that_cannot_work.py`.
"""

import pytest
from configuration_changes import REMOVED, change_file
from refused_configurations import (
    DATASETS,
    DEMO,
    EXTENDING,
    FIGURES,
    FULL,
    MODELS,
    SHA,
    SMOKE,
    TASKS,
    assert_is_clear,
    assert_refused,
    cases,
    refusal,
)

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

CASES = cases(
    {
        "unknown-key": UNKNOWN_KEYS,
        "wrong-type": WRONG_TYPES,
        "out-of-range": OUT_OF_RANGE,
        "empty-or-repeated": EMPTY_OR_REPEATED,
        "unknown-name": UNKNOWN_NAMES,
        "extends": EXTENDS,
        "not-yaml": NOT_YAML,
    }
)

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


@pytest.mark.parametrize(("file", "change", "expected"), CASES)
def test_it_is_refused_with_one_clear_message(project, file, change, expected):
    assert_refused(project, file, change, expected)


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
