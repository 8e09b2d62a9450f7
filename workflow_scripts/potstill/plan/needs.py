"""Which tables and figures an experiment can have: some show what only certain experiments have."""

from collections.abc import Callable, Iterable

from potstill.plan import methods
from potstill.plan.configuration import Configuration
from potstill.plan.grid import expand
from potstill.plan.specs.figure import Need
from potstill.plan.specs.table import TABLES

# Table -> what an experiment must have for it. A figure's stand in figures.yaml.
TABLE_NEEDS: dict[str, tuple[Need, ...]] = {"table_4_7_out_of_domain": ("transfer",)}


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
    return [remedy for need in needs for is_met, remedy in [_NEEDS[need]] if not is_met(configuration)]


def has_classification(configuration: Configuration) -> bool:
    """Whether a task is a classification."""
    tasks = configuration.catalogue.tasks
    return any(tasks[task].kind == "classification" for task in configuration.experiment.tasks)


def has_grid(configuration: Configuration) -> bool:
    """Whether a method has several temperatures or weights. Without a weight (alpha: 0) a temperature does nothing."""
    for label, settings in configuration.experiment.methods.items():
        where = f"{configuration.path}: methods.{label}"
        points = expand(methods.load(settings.method).Options, settings.options, where)
        weighted = [point for point in points if getattr(point, "alpha", None)]
        if len({(getattr(point, "temperature", None), point.alpha) for point in weighted}) > 1:
            return True
    return False


def has_transfer(configuration: Configuration) -> bool:
    """Whether a task's models are scored on further tasks."""
    return any(task.also_evaluate_on for task in configuration.experiment.tasks.values())


# Need -> whether an experiment meets it, and what it takes.
_NEEDS: dict[Need, tuple[Callable[[Configuration], bool], str]] = {
    "classification": (has_classification, "a task of the kind classification"),
    "grid": (has_grid, "a method with several values of temperature or alpha, such as `temperature: [2, 4]`"),
    "transfer": (
        has_transfer,
        "an experiment that scores its models on further tasks; write `also_evaluate_on` below one of its tasks",
    ),
}
