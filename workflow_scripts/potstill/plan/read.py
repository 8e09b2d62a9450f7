"""The only reader of YAML: files in, typed records out, every error with file, key path, finding and remedy."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from potstill.errors import ConfigError
from potstill.plan.base import Record
from potstill.plan.explain import explain, shown, suggestion

R = TypeVar("R", bound=Record)

# A Hub token pasted into a YAML file would end up in manifests and reports.
_SECRET = re.compile(r"hf_[A-Za-z0-9]{20,}")


class _Loader(yaml.SafeLoader):
    """Safe YAML whose plain words mean what people mean, and that refuses a key given twice.

    As in YAML 1.2, `1e-4` is a number, while `no` (an answer), `1:4` (a layer map) and `2024-01-01` (a version) are
    text; YAML 1.1 reads them as text, false, 64 and a date. Keys are always the text that stands there.
    """


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    given: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be one word", key.start_mark)
        if key.value in given:
            problem = f"the key {key.value!r} is given twice"
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        given.add(key.value)
    loader.flatten_mapping(node)
    return {key.value: loader.construct_object(value, deep=True) for key, value in node.value}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(0|[1-9][0-9_]*)", "-+0123456789"),
    ("float", r"[-+]?(([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)", "-+0123456789."),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), list(_first))


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file (empty for an empty file).

    Raises:
        ConfigError: missing, not UTF-8, not YAML, not a mapping, or something in it looks like an access token.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        others = sorted(p.stem for p in path.parent.glob("*.yaml"))
        raise ConfigError(f"{path}: no such file{suggestion(path.stem, others)}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}: {error.reason}); save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if _SECRET.search(text):
        raise ConfigError(
            f"{path}: holds what looks like a Hugging Face token; remove it and set HF_TOKEN in the environment"
        )
    try:
        value = yaml.load(text, Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        remedy = "; indent with spaces, not with tabs" if "'\\t'" in problem else ""
        raise ConfigError(f"{path}{where}: not valid YAML: {problem}{remedy}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected `key: value` lines, found {shown(value)}")
    return value


def read_extending(path: Path, seen: tuple[Path, ...] = ()) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """A YAML file merged over the one that its `extends:` names (same folder), and the files read for it.

    As `merge`: a key set to null in the extending file removes the inherited one.
    """
    if path in seen:
        raise ConfigError(f"{path}: extends itself: {' -> '.join(p.stem for p in (*seen, path))}")
    value = read_yaml(path)
    base = value.pop("extends", None)
    if base is None:
        return value, (path,)
    if not isinstance(base, str) or not re.fullmatch(r"[\w-]+", base):
        raise ConfigError(f"{path}: extends: found {shown(base)}, expected the name of another file of {path.parent}")
    other, others = path.parent / f"{base}.yaml", sorted(p.stem for p in path.parent.glob("*.yaml"))
    if base not in others:
        raise ConfigError(f"{path}: extends: there is no {other}{suggestion(base, others)}")
    inherited, files = read_extending(other, (*seen, path))
    return merge(inherited, value), (path, *files)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` merged into `base`: mappings deeply, everything else replaced, None removes what is there.

    A list of names in `base` is the short form of a mapping without changes: `{b: {...}}` over `[a, b]` changes b and
    keeps a.
    """
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, list) and all(isinstance(name, str) for name in below):
            below = {name: {} for name in below}
        if value is None and key in result:
            del result[key]
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = merge(below, value)
        else:
            result[key] = value
    return result


def validated(record: type[R], value: Any, where: str) -> R:
    """`value` as a record.

    Args:
        where: the file, and the key path inside it if any (`config/models.yaml: mymodel`); leads every message.

    Raises:
        ConfigError: with one line for each thing that is wrong.
    """
    try:
        # Lists are tuples here; otherwise strict: no string becomes a number.
        return record.model_validate_json(json.dumps(value, default=str))
    except pydantic.ValidationError as error:
        raise ConfigError("\n".join(explain(record, error, where))) from None
