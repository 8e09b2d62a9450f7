"""Which figures an experiment can fill: what each needs, and whether the experiment has it."""

from collections.abc import Callable

from potstill.plan import methods
from potstill.plan.configuration import Configuration
from potstill.plan.grid import expand
from potstill.plan.specs.figure import FigureSettings, Need


def drawn_figures(configuration: Configuration) -> list[str]:
    """The figures that the experiment names, or, where it names none, all of the catalogue that it can fill."""
    if configuration.experiment.figures is not None:
        return list(configuration.experiment.figures)
    return [name for name, settings in configuration.figures.items() if not lacks(configuration, settings)]


def lacks(configuration: Configuration, settings: FigureSettings) -> list[str]:
    """What a figure needs and the experiment does not have, in words; empty where it can be drawn."""
    return [words for need in settings.needs for has, words in [_NEEDS[need]] if not has(configuration)]


def _has_classification(configuration: Configuration) -> bool:
    tasks = configuration.catalogue.tasks
    return any(tasks[task].kind == "classification" for task in configuration.experiment.tasks)


def _has_grid(configuration: Configuration) -> bool:
    """Whether a method has several temperatures or weights. Without a weight (alpha: 0) a temperature does nothing."""
    for label, settings in configuration.experiment.methods.items():
        where = f"{configuration.path}: methods.{label}"
        options = expand(methods.load(settings.method).Options, settings.options, where)
        weighted = [point for point in options if getattr(point, "alpha", None)]
        if len({(getattr(point, "temperature", None), point.alpha) for point in weighted}) > 1:
            return True
    return False


def _has_transfer(configuration: Configuration) -> bool:
    """Whether a task is scored on further test sets, by its entry in the experiment or in the catalogue."""
    tasks, entries = configuration.experiment.tasks, configuration.catalogue.tasks
    places = [place for name, changes in tasks.items() for place in (changes, entries[name])]
    return any(getattr(place, "also_evaluate_on", None) for place in places)


_NEEDS: dict[Need, tuple[Callable[[Configuration], bool], str]] = {
    "classification": (_has_classification, "no task is a classification"),
    "grid": (_has_grid, "no method has several temperatures or alphas"),
    "transfer": (_has_transfer, "no task has also_evaluate_on"),
}
