"""The only reader of YAML: files in, typed records out, every error with file, key path, finding and remedy."""

import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from potstill.errors import ConfigError
from potstill.plan.base import Record

R = TypeVar("R", bound=Record)

# A Hub token pasted into a YAML file would end up in manifests and reports.
_SECRET = re.compile(r"hf_[A-Za-z0-9]{20,}")


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, and reads `1e-4` as the number that people mean."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is given twice", key_node.start_mark
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*\.[\d_]*([eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+|\.\d+([eE][-+]?\d+)?)$"),
    list("-+0123456789."),
)


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
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    if _SECRET.search(text):
        raise ConfigError(f"{path}: holds what looks like a Hugging Face token; remove it and set HF_TOKEN in the environment")
    try:
        value = yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: not valid YAML: {getattr(error, 'problem', None) or error}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected `key: value` lines, found {_shown(value)}")
    return value


def read_extending(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A YAML file merged over the one that its `extends:` names (same folder), mappings deeply, all else replaced.

    A key set to null in the extending file removes the inherited one.
    """
    if path in seen:
        raise ConfigError(f"{path}: extends itself: {' -> '.join(p.stem for p in (*seen, path))}")
    value = read_yaml(path)
    base = value.pop("extends", None)
    if base is None:
        return value
    if not isinstance(base, str) or not re.fullmatch(r"[\w-]+", base):
        raise ConfigError(f"{path}: extends: found {_shown(base)}, expected the name of another file of {path.parent}")
    return merge(read_extending(path.parent / f"{base}.yaml", (*seen, path)), value)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` merged into `base`: mappings deeply, everything else replaced, None removes."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merge(result[key], value)
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
        return record.model_validate_json(_json(value))
    except pydantic.ValidationError as error:
        lines = [_explained(record, item, where) for item in error.errors(include_url=False)]
        raise ConfigError("\n".join(dict.fromkeys(lines))) from None


def suggestion(name: str, known: Iterable[Any]) -> str:
    """` (did you mean ...? known: ...)`, as the end of a message."""
    known = [str(item) for item in known]
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f" ({hint}known: {', '.join(known) or 'none'})"


def _json(value: Any) -> str:
    import json

    # Catalogue keys and labels may be numbers in YAML (`0: negative`); JSON keys are strings anyway.
    return json.dumps(value, default=str)


def _explained(record: type[Record], item: Any, where: str) -> str:
    location = [part for part in item["loc"] if part not in ("hub", "wheel", "path") or part == item["loc"][-1]]
    key = ".".join(str(part) for part in location)
    at = f"{where}: {key}" if key else where
    found = f"found {_shown(item['input'])}"
    match item["type"]:
        case "extra_forbidden":
            return f"{at}: unknown key{suggestion(str(location[-1]), _known_keys(record, item['loc'][:-1]))}"
        case "missing":
            return f"{at}: missing; add this key"
        case "literal_error" | "enum":
            expected = item["ctx"]["expected"]
            allowed = re.findall(r"'([^']*)'", expected)
            return f"{at}: {found}, allowed: {expected}{_nearest(item['input'], allowed)}"
        case _:
            message = item["msg"][0].lower() + item["msg"][1:]
            return f"{at}: {found}, but {message.removeprefix('value error, ')}"


def _nearest(found: Any, allowed: list[str]) -> str:
    close = difflib.get_close_matches(str(found), allowed, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _known_keys(record: Any, location: tuple[Any, ...]) -> list[str]:
    """The keys of the record that `location` leads to."""
    for part in location:
        candidates = [_inside(option, part) for option in _options(record)]
        record = next((c for c in candidates if c is not None), None)
    return sorted({name for option in _options(record) for name in getattr(option, "model_fields", {})})


def _inside(annotation: Any, part: Any) -> Any:
    """The annotation of one entry of a record, mapping, tuple or tagged union."""
    fields = getattr(annotation, "model_fields", None)
    if fields is not None:
        return fields[part].annotation if part in fields else annotation if part in ("hub", "wheel", "path") else None
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is dict and len(arguments) == 2:
        return arguments[1]
    if typing.get_origin(annotation) is tuple and isinstance(part, int) and arguments:
        return arguments[0]
    return None


def _options(annotation: Any) -> list[Any]:
    """The members of a union, annotations unwrapped."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [inner for option in typing.get_args(annotation) for inner in _options(option)]
    return [annotation]
