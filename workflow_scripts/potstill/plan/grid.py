"""Grids: a method's options with a list in place of a value stand for every combination."""

import itertools
from collections.abc import Mapping
from typing import Any

import pydantic

from potstill.errors import ConfigError
from potstill.plan.base import Record
from potstill.plan.explain import suggestion
from potstill.plan.read import validated


def expand(options: type[Record], given: Mapping[str, Any], where: str) -> list[Any]:
    """Every point of a grid, in the order of the file, the last option varying fastest.

    Args:
        options: the method's record of options.
        given: option -> value, or list of values.
        where: file and key path of the method, for messages.

    Raises:
        ConfigError: unknown option, value out of its range, empty list, or a value listed twice.
    """
    axes: list[list[tuple[str, Any]]] = []
    for name, value in given.items():
        if name not in options.model_fields:
            raise ConfigError(f"{where}.{name}: unknown option{suggestion(name, options.model_fields)}")
        values = [value] if not isinstance(value, list) or _fits(options, name, value) else value
        if not values:
            raise ConfigError(f"{where}.{name}: the list is empty, so there is nothing to run; give a value")
        if len(values) != len({repr(v) for v in values}):
            raise ConfigError(f"{where}.{name}: a value is listed twice in {value}; the same run would count as two")
        axes.append([(name, v) for v in values])
    points = [validated(options, dict(point), where) for point in itertools.product(*axes)]
    if len(points) != len({point.model_dump_json() for point in points}):
        raise ConfigError(f"{where}: two points of the grid are the same run; remove the repeated values")
    return points


def _fits(options: type[Record], name: str, value: Any) -> bool:
    """Whether a list is itself a value of the option (an explicit layer map), not a grid of values."""
    try:
        annotation: Any = options.model_fields[name].annotation
        pydantic.TypeAdapter(annotation).validate_python(value, strict=False)
    except pydantic.ValidationError:
        return False
    return True
