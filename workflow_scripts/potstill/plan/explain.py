"""What is wrong with a value, in the words of a person who writes YAML: key path, finding, what is allowed."""

import difflib
import re
import types
import typing
from collections.abc import Iterable
from typing import Any

import pydantic
from pydantic.fields import FieldInfo

_PLAIN = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def explain(record: Any, error: pydantic.ValidationError, where: str) -> list[str]:
    """One line for each thing that is wrong with a value of the type `record`; `where` leads every line."""
    places: dict[tuple[str, ...], list[tuple[Any, _Place]]] = {}
    for item in error.errors(include_url=False):
        place = _Place(record, item["loc"])
        places.setdefault(place.path, []).append((item, place))
    lines = []
    for path, found in places.items():
        # A union complains once for each of its members; where one of them went deeper, that is what was meant.
        if not any(other[: len(path)] == path for other in places if len(other) > len(path)):
            lines.append(f"{where}: {'.'.join(path)}: {_finding(found)}" if path else f"{where}: {_finding(found)}")
    return lines


def suggestion(name: str, known: Iterable[Any]) -> str:
    """` (did you mean ...? known: ...)`, as the end of a message."""
    known = [str(item) for item in known]
    begun = [item for item in known if name and item.startswith(str(name))]
    close = begun or difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f" ({hint}known: {', '.join(known) or 'none'})"


def shown(value: Any) -> str:
    """A value that was found, in one short line."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


class _Place:
    """Where pydantic's location leads: the key path that the user wrote, without the names of union members.

    Attributes:
        path: keys and list positions.
        options: the types allowed there.
        field: the record's field, if the last key is one.
        parent: the types allowed one level above.
        tag: which member of a tagged union the last record is.
    """

    def __init__(self, record: Any, location: Iterable[Any]) -> None:
        self.path: tuple[str, ...] = ()
        self.options = _members(record)
        self.field: FieldInfo | None = None
        self.parent: list[Any] = []
        self.tag: str | None = None
        self.siblings: list[str] = []
        for part in location:
            tags = {tag: option for option in self.options for tag in [_tag(option)] if tag}
            if part in tags:
                self.options, self.tag, self.siblings = _members(tags[part]), str(part), list(tags)
            elif part != "[key]" and (not self._is_union() or self._leads_to(part)):
                self._enter(part)

    def _is_union(self) -> bool:
        return len([option for option in self.options if option is not type(None)]) > 1

    def _leads_to(self, part: Any) -> bool:
        return any(_inside(option, part) is not None for option in self.options)

    def _enter(self, part: Any) -> None:
        fields = [getattr(option, "model_fields", {}).get(part) for option in self.options]
        self.field = next((field for field in fields if field is not None), None)
        self.parent = self.options
        inner = [_inside(option, part) for option in self.options]
        self.options = [member for option in inner if option is not None for member in _members(option)]
        self.path = (*self.path, str(part))


def _finding(found: list[tuple[Any, _Place]]) -> str:
    """What is wrong at one place, from all that pydantic says about it."""
    item, place = next((pair for pair in found if not _is_about_type(pair[0])), found[0])
    value, kind, context = item["input"], item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(place)
    if kind == "missing":
        meaning = f": {place.field.description}" if place.field and place.field.description else ""
        return f"missing; add this key{meaning}"
    if item["loc"] and item["loc"][-1] == "[key]":
        return f"unknown key{suggestion(place.path[-1], typing.get_args(typing.get_args(place.parent[0])[0]))}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"found {shown(value)}, must be {words} {context[name]:g}"
    if kind in ("too_short", "string_too_short"):
        return f"found {shown(value)}, needs at least {context['min_length']} entry"
    if kind == "finite_number":
        return f"found {shown(value)}, expected a finite number"
    if kind == "string_pattern_mismatch":
        meaning = place.field.description if place.field and place.field.description else context["pattern"]
        return f"found {shown(value)}, expected {meaning} (as a pattern: {context['pattern']})"
    if _is_about_type(item):
        expected = list(dict.fromkeys(words for option in place.options if (words := _in_words(option))))
        return f"found {shown(value)}, expected {' or '.join(expected)}{_remedy(value, place.options)}"
    message = item["msg"].removeprefix("Value error, ")
    return message if isinstance(value, dict | list) or repr(value) in message else f"found {shown(value)}: {message}"


def _is_about_type(item: Any) -> bool:
    return item["type"].endswith("_type") or item["type"] in ("literal_error", "int_from_float")


def _unknown_key(place: _Place) -> str:
    name = place.path[-1]
    if name in place.siblings:
        return f"cannot stand beside {place.tag}; a source has one of {', '.join(place.siblings)}"
    known = sorted({key for option in place.parent for key in getattr(option, "model_fields", {})})
    return f"unknown key{suggestion(name, known)}"


def _remedy(value: Any, options: list[Any]) -> str:
    """What to write instead, where it can be guessed."""
    literals = [option for option in options if typing.get_origin(option) is typing.Literal]
    choices = [str(choice) for literal in literals for choice in typing.get_args(literal)]
    close = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.5)
    if close:
        return f" (did you mean {close[0]!r}?)"
    if isinstance(value, str) and {int, float} & set(options) and re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?", value):
        return "; remove the quotes"
    if str in options and isinstance(value, int | float):
        return f'; write it in quotes: "{shown(value)}"'
    return ""


def _in_words(annotation: Any) -> str:
    """A type as a person would ask for it; empty for "nothing"."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is typing.Literal:
        return ("one of " if len(arguments) > 1 else "") + ", ".join(repr(value) for value in arguments)
    if origin is tuple:
        inner = " or ".join(_in_words(member) for member in _members(arguments[0]))
        return f"a list, each {inner}"
    if origin is dict or hasattr(annotation, "model_fields"):
        return "`key: value` lines"
    return "" if annotation is type(None) else "a value"


def _inside(annotation: Any, part: Any) -> Any:
    """The annotation of one entry of a record, mapping or tuple; None if it has no such entry."""
    fields = getattr(annotation, "model_fields", None)
    if fields is not None:
        return fields[part].annotation if part in fields else None
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is dict:
        return arguments[1]
    if origin is tuple and isinstance(part, int):
        return arguments[0]
    return None


def _members(annotation: Any) -> list[Any]:
    """The members of a union; annotations are unwrapped, but for the tags of a union's members."""
    if typing.get_origin(annotation) is typing.Annotated and not _tag(annotation):
        return _members(typing.get_args(annotation)[0])
    if _tag(annotation):
        return [typing.get_args(annotation)[0]]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        found = []
        for option in typing.get_args(annotation):
            found += [option] if _tag(option) else _members(option)
        return found
    return [annotation]


def _tag(annotation: Any) -> str | None:
    """The tag of a tagged union's member."""
    metadata = getattr(annotation, "__metadata__", ())
    return next((item.tag for item in metadata if isinstance(item, pydantic.Tag)), None)
