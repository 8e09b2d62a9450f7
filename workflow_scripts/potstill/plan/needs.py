"""Which tables and figures an experiment can have: some show what only certain experiments have."""

from collections.abc import Iterable

from potstill.plan.configuration import Configuration
from potstill.plan.specs.figure import Need
from potstill.plan.specs.table import TABLES

# Table -> what an experiment must have for it. A figure's stand in figures.yaml.
TABLE_NEEDS: dict[str, tuple[Need, ...]] = {"table_4_7_out_of_domain": ("transfer",)}

# What an experiment lacks when a need is not met, and what to write for it.
REMEDIES: dict[Need, str] = {
    "transfer": "an experiment that scores its models on further tasks; write `also_evaluate_on` below one of its tasks"
}


def tables(configuration: Configuration) -> tuple[str, ...]:
    """The tables that the experiment names, or all that it can have."""
    named = configuration.experiment.tables
    return (
        named if named is not None else tuple(t for t in TABLES if not lacking(configuration, TABLE_NEEDS.get(t, ())))
    )


def figures(configuration: Configuration) -> tuple[str, ...]:
    """The figures that the experiment names, or all of the catalogue that it can have."""
    named = configuration.experiment.figures
    if named is not None:
        return named
    return tuple(name for name, settings in configuration.figures.items() if not lacking(configuration, settings.needs))


def lacking(configuration: Configuration, needs: Iterable[Need]) -> list[str]:
    """For each need that an experiment does not meet, what it takes."""
    return [REMEDIES[need] for need in needs if need == "transfer" and not has_transfer(configuration)]


def has_transfer(configuration: Configuration) -> bool:
    """Whether a task's models are scored on further tasks."""
    return any(task.also_evaluate_on for task in configuration.experiment.tasks.values())
