"""The generated reference and schema: current, complete, and of use to an editor."""

import json
import typing

import jsonschema
import pytest
from configuration_changes import REPOSITORY
from potstill.plan import methods
from potstill.plan.base import Record
from potstill.plan.catalogue import DatasetEntry, ModelEntry, TaskEntry
from potstill.plan.experiment import Experiment, MainConfig
from potstill.plan.read import read_yaml
from potstill.plan.reference import reference, schema
from potstill.plan.specs.figure import FigureSettings

CONFIG = REPOSITORY / "config"
EXPERIMENTS = sorted((CONFIG / "experiments").glob("*.yaml"))
FILES = (MainConfig, Experiment, ModelEntry, DatasetEntry, TaskEntry, FigureSettings)


def records(annotation):
    """A record and all records inside it."""
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return {annotation}.union(*(records(field.annotation) for field in annotation.model_fields.values()))
    return set().union(*(records(item) for item in typing.get_args(annotation)))


ALL_RECORDS = sorted(set().union(*map(records, FILES)), key=lambda record: record.__name__)


@pytest.fixture(scope="module")
def validator():
    document = json.loads(schema())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


def test_the_files_are_current():
    assert (CONFIG / "README.md").read_text(encoding="utf-8") == reference(), "run `make docs`"
    assert (CONFIG / "schema.json").read_text(encoding="utf-8") == schema(), "run `make docs`"


def section(record):
    """The table of one record in the reference."""
    text = reference()
    title = {
        MainConfig: "## config/config.yaml",
        Experiment: "## config/experiments/NAME.yaml",
        ModelEntry: "## config/models.yaml",
        DatasetEntry: "## config/datasets.yaml",
        TaskEntry: "## config/tasks.yaml",
        FigureSettings: "## config/figures.yaml",
    }.get(record, f"### {record.__name__}")
    assert text.count(f"{title}\n") == 1, title
    return text.split(f"{title}\n")[1].split("\n#")[0]


@pytest.mark.parametrize("record", ALL_RECORDS, ids=lambda record: record.__name__)
def test_every_key_is_in_the_reference(record):
    rows = {line.split("`")[1]: line for line in section(record).splitlines() if line.startswith("| `")}
    expected = set(record.model_fields) - ({"options"} if record.__name__ == "MethodSettings" else set())
    assert set(rows) == expected
    for name in expected:
        field = record.model_fields[name]
        assert ("required" in rows[name]) == field.is_required()
        if field.description:
            assert field.description.replace("|", "\\|") in rows[name]


@pytest.mark.parametrize("name", methods.names())
def test_every_option_is_in_the_reference_and_the_schema(name, validator):
    text = reference().split(f"### {name}\n")[1].split("\n#")[0]
    known = validator.schema["$defs"]["MethodSettings"]["properties"]
    for option, field in methods.load(name).Options.model_fields.items():
        assert f"| `{option}` |" in text
        assert f"{name}: {field.description}" in known[option]["description"]


def test_links_lead_somewhere():
    text = reference()
    anchors = {line.lstrip("# ").lower() for line in text.splitlines() if line.startswith("#")}
    targets = {part.split(")")[0] for part in text.split("](#")[1:]}
    assert targets
    assert targets <= anchors


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_shipped_experiments_follow_the_schema(path, validator):
    validator.validate(read_yaml(path))


MISTAKES = {
    "key": {"sedes": [1]},
    "teacher": {"teacher": {"modle": "x"}},
    "training": {"training": {"epoch": 3}},
    "method-training": {"methods": {"kd1": {"training": {"epoch": 3}}}},
    "option": {"methods": {"kd1": {"temprature": 2}}},
    "option-value": {"methods": {"kd1": {"temperature": "warm"}}},
    "option-range": {"methods": {"kd1": {"alpha": [0.5, 1.5]}}},
    "empty-grid": {"methods": {"kd1": {"alpha": []}}},
    "word": {"teacher": {"precision": "fp8"}},
    "range": {"training": {"epochs": 0}},
    "text": {"seeds": ["1"]},
    "empty": {"seeds": []},
    "section": {"catalogue": {"modls": {}}},
}


@pytest.mark.parametrize("change", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_refused_by_the_schema(change, validator):
    good = read_yaml(CONFIG / "experiments" / "demo.yaml")
    validator.validate(good)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(good | change)


@pytest.mark.parametrize(
    "change",
    [
        {"methods": ["b0", "kd1"]},
        {"methods": {"b0": None, "soft": {"method": "kd1", "temperature": [1, 2.5], "alpha": 1, "level": "labels"}}},
        {"tasks": {"sst2": None, "squad": {"splits": {"train": "train[:10]"}}}},
        {"students": {"minilm-2l": {"training": {"lora": None}}}},
        {"extends": "demo", "teacher": {"precision": "bf16"}},
    ],
)
def test_short_forms_follow_the_schema(change, validator):
    validator.validate(read_yaml(CONFIG / "experiments" / "demo.yaml") | change)
