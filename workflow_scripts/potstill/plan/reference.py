"""config/README.md and config/schema.json, generated from the typed schema: every key, its type, default and meaning."""

import json
import types
import typing
from typing import Any

import pydantic
from pydantic_core import PydanticUndefined

from potstill.plan import methods
from potstill.plan.base import Record
from potstill.plan.catalogue import DatasetEntry, ModelEntry, TaskEntry
from potstill.plan.experiment import Experiment, MainConfig
from potstill.plan.specs.figure import FigureSettings

_FILES: tuple[tuple[str, type[Record], str], ...] = (
    (
        "config/config.yaml",
        MainConfig,
        "Which experiment is run, and where things lie. `--config KEY=VALUE` changes a key for one call.",
    ),
    (
        "config/experiments/NAME.yaml",
        Experiment,
        "One file is one experiment. `extends: OTHER` starts from another one: mappings are merged deeply (a list of "
        "names is one without changes), everything else is replaced, `null` removes a key.",
    ),
    ("config/models.yaml", ModelEntry, "One entry a model, by its name."),
    ("config/datasets.yaml", DatasetEntry, "One entry a data set, by its name."),
    ("config/tasks.yaml", TaskEntry, "One entry a task, by its name."),
    (
        "config/figures.yaml",
        FigureSettings,
        "One entry a figure, by the name of its file in `workflow_scripts/potstill/figures/`.",
    ),
)


def reference() -> str:
    """Markdown tables of every key that a YAML file may hold."""
    parts = [
        "# Configuration reference",
        "",
        "Generated from the typed schema by `make docs`; unknown keys are refused. Editors that understand JSON schema can use",
        "`schema.json` beside this file (`# yaml-language-server: $schema=../schema.json` as an experiment's first line).",
        "",
    ]
    described: set[type[Record]] = set()
    for file, record, meaning in _FILES:
        parts += [f"## {file}", "", meaning, "", *_table(record), ""]
        parts += _nested(record, described)
    meaning = "Keys of an entry of `methods`, beside `method` and `training`. A list in place of a value is a grid."
    parts += ["## Options of the methods", "", meaning, ""]
    for name in methods.names():
        module = methods.load(name)
        parts += [f"### {name}", "", _first_line(module.__doc__), ""]
        parts += _table(module.Options) if module.Options.model_fields else ["No options.", ""]
        parts += [""]
    return "\n".join(parts).replace("\n\n\n", "\n\n").rstrip() + "\n"


def schema() -> str:
    """JSON schema of an experiment's file, for editors. Short forms (lists of names, options beside `method`) are allowed."""
    document = Experiment.model_json_schema()
    definitions = document["$defs"]
    method = definitions["MethodSettings"]
    method["properties"] = {k: v for k, v in method["properties"].items() if k != "options"} | _method_options()
    for record in (document, *definitions.values()):
        record.pop("required", None)  # an extending file need not repeat what it inherits
    names = {"type": "array", "items": {"type": "string"}}
    for key in ("tasks", "students", "methods"):
        mapping = document["properties"][key]
        mapping["additionalProperties"] = {"anyOf": [mapping["additionalProperties"], {"type": "null"}]}
        document["properties"][key] = {"anyOf": [mapping, names], "description": mapping.pop("description", "")}
    document["properties"]["extends"] = {"type": "string", "description": "another experiment to start from"}
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _method_options() -> dict[str, Any]:
    """Schemas of the options of all methods: a value, or a list of values as a grid."""
    options: dict[str, Any] = {}
    for name in methods.names():
        for key, value in methods.load(name).Options.model_json_schema().get("properties", {}).items():
            option = options.setdefault(key, {"description": "", "anyOf": []})
            option["description"] += ("\n" if option["description"] else "") + f"{name}: {value.pop('description')}"
            one = {k: v for k, v in value.items() if k not in ("title", "default")}
            option["anyOf"] += [one, {"type": "array", "items": one, "minItems": 1}]
    return options


def _nested(record: type[Record], described: set[type[Record]]) -> list[str]:
    """Sections for the records inside a record, each once."""
    parts: list[str] = []
    for field in record.model_fields.values():
        for inner in _records(field.annotation):
            if inner not in described:
                described.add(inner)
                parts += [f"### {inner.__name__}", "", _first_line(inner.__doc__), "", *_table(inner), ""]
                parts += _nested(inner, described)
    return parts


def _table(record: type[Record]) -> list[str]:
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in record.model_fields.items():
        if name == "options" and record.__name__ == "MethodSettings":
            continue
        default = "required" if field.is_required() else _default(field)
        bounds = _bounds(field)
        meaning = (field.description or "").replace("|", "\\|")
        kind = _type(field.annotation).replace("|", "\\|")
        rows.append(f"| `{name}` | {kind}{bounds} | {default} | {meaning} |")
    return rows


def _default(field: pydantic.fields.FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None:
        return ""
    if isinstance(value, Record):
        return "its own defaults"
    text = json.dumps(value)
    return f"`{text}`" if text not in ("{}", "[]", '""') else ""


def _bounds(field: pydantic.fields.FieldInfo) -> str:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    found = [
        f"{sign} {getattr(item, name)}"
        for item in field.metadata
        for name, sign in signs.items()
        if hasattr(item, name)
    ]
    return f" ({', '.join(found)})" if found else ""


def _type(annotation: Any) -> str:
    """A type in words."""
    arguments, origin = typing.get_args(annotation), typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin is typing.Literal:
        return " \\| ".join(f"`{value}`" for value in arguments).replace("\\|", "|")
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(item) for item in arguments if item is not type(None)))
    if origin is dict:
        return f"mapping to {_type(arguments[1])}"
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    plain = {str: "text", int: "integer", float: "number", bool: "true/false", Any: "any"}
    if annotation in plain:
        return plain[annotation]
    return f"[{annotation.__name__}](#{annotation.__name__.lower()})"


def _records(annotation: Any) -> list[type[Record]]:
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return [annotation]
    return [record for item in typing.get_args(annotation) for record in _records(item)]


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]
