"""A change of the configuration that must be refused: which experiment meets it, and what a clear message is."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from configuration_changes import change_file
from potstill.errors import ConfigError
from potstill.plan.plan import make_plan

DEMO, SMOKE, GENERATION = "experiments/demo.yaml", "experiments/smoke.yaml", "experiments/smoke_generation.yaml"
FULL, EXTENDING = "experiments/thesis_full.yaml", "experiments/demo_full.yaml"
MODELS, DATASETS, TASKS, FIGURES = "models.yaml", "datasets.yaml", "tasks.yaml", "figures.yaml"
SHA = "0" * 64
HUB = {"hub": "org/model", "revision": "0" * 40}

# File below config/, change (as `change_file` takes it), and what the message must say.
Case = tuple[str, dict[str, Any] | str | bytes, list[str]]


def cases(groups: Mapping[str, Mapping[str, Case]]) -> list[Any]:
    """The cases of named groups, as pytest's parameters."""
    return [pytest.param(*case, id=f"{g}-{name}") for g, group in groups.items() for name, case in group.items()]


def assert_refused(project: Path, file: str, change: Any, expected: list[str]) -> None:
    """The changed configuration is refused with a clear message that says what is expected."""
    change_file(project / "config" / file, change)
    experiment = Path(file).stem if file.startswith("experiments/") else _experiment_using(change)
    message = refusal(project, {"experiment": experiment})
    for fragment in expected:
        assert fragment in message, message
    assert_is_clear(message, Path(file).name)


def refusal(root: Path, main: dict[str, Any]) -> str:
    """The message of the ConfigError that planning ends with."""
    with pytest.raises(ConfigError) as caught:
        make_plan(root, main, probe=False)
    return str(caught.value)


def assert_is_clear(message: str, file: str) -> None:
    """Every line names the file, and nothing speaks Python or pydantic."""
    for line in message.splitlines():
        assert file in line or "--config" in line, line
        assert re.search(r"\.yaml[^:]*: \S|--config", line), line
    assert not re.search(r"input should|valid dictionary|valid string|pydantic|Error\b|\[type=|Traceback", message), (
        message
    )
    assert len(message) < 2000


def _experiment_using(change: Any) -> str:
    """The catalogue entries of the smoke experiments are used by them alone."""
    text = str(change)
    return "smoke_generation" if "smoke-facts" in text else "smoke" if "smoke-" in text or "tiny-" in text else "demo"
