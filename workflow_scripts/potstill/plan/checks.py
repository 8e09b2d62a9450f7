"""Cross-checks of a configuration before anything is planned: names, grids, and what can serve what."""

from collections.abc import Iterator
from pathlib import Path

from potstill.errors import ConfigError
from potstill.plan import methods
from potstill.plan.configuration import Configuration
from potstill.plan.graph import TEACHER, resolved, tokenizer_family
from potstill.plan.grid import expand
from potstill.plan.probe import candidates
from potstill.plan.read import suggestion
from potstill.plan.specs.table import TABLES


def check(configuration: Configuration, root: Path) -> None:
    """Refuse a configuration that cannot work.

    Raises:
        ConfigError: one line for each thing that is wrong, of the first group in which something is.
    """
    # Later groups rely on the earlier ones.
    for group in (_names, _models, _data, _seeds, _methods, _end_products):
        problems = list(dict.fromkeys(group(configuration, root)))
        if problems:
            raise ConfigError("\n".join(f"{configuration.path}: {problem}" for problem in problems))


def _names(configuration: Configuration, root: Path) -> Iterator[str]:
    experiment, catalogue = configuration.experiment, configuration.catalogue
    for task in experiment.tasks:
        if task not in catalogue.tasks:
            yield f"tasks.{task}: not in config/tasks.yaml{suggestion(task, catalogue.tasks)}"
    for position, name in enumerate(candidates(configuration)):
        if name not in catalogue.models:
            yield f"teacher.model: {name!r} is not in config/models.yaml{suggestion(name, catalogue.models)}"
        elif name in candidates(configuration)[:position]:
            yield f"teacher.model: {name} is named twice"
    if not candidates(configuration):
        yield "teacher.model: the list is empty; name a model of config/models.yaml"
    for student in experiment.students:
        if student not in catalogue.models:
            yield f"students.{student}: not in config/models.yaml{suggestion(student, catalogue.models)}"
    for label, settings in experiment.methods.items():
        if settings.method not in methods.names():
            key = f"methods.{label}" + (".method" if settings.method != label else "")
            yield f"{key}: {settings.method!r} is not a method{suggestion(settings.method, methods.names())}"


def _models(configuration: Configuration, root: Path) -> Iterator[str]:
    models = configuration.catalogue.models
    for name, entry in models.items():
        where = f"model {name}"
        if (entry.source is None) == (entry.derived_from is None):
            yield f"{where}: needs either a source or derived_from, found {'neither' if entry.source is None else 'both'}"
        elif entry.derived_from is None:
            if entry.architecture is None:
                yield f"{where}: architecture: missing; write encoder or decoder"
            if entry.derive is not None:
                yield f"{where}: derive needs derived_from: the model whose layers are kept"
        elif entry.derive is None:
            yield f"{where}: derive: missing; say which layers are kept (keep_layers) or drawn (random)"
        elif entry.derived_from != TEACHER and entry.derived_from not in models:
            yield f"{where}: derived_from: {entry.derived_from!r} is not a model{suggestion(entry.derived_from, models)}"
        elif entry.derived_from != TEACHER and models[entry.derived_from].derived_from:
            yield f"{where}: derived_from: {entry.derived_from} is derived itself; derive from its original"
    for name in candidates(configuration):
        if models[name].derived_from == TEACHER:
            yield f"teacher.model: {name} is derived from the teacher; a teacher needs a source of its own"


def _data(configuration: Configuration, root: Path) -> Iterator[str]:
    catalogue = configuration.catalogue
    for task in configuration.experiment.tasks:
        entry = catalogue.tasks[task]
        if entry.dataset not in catalogue.datasets:
            yield f"task {task}: dataset: {entry.dataset!r} is not in config/datasets.yaml{suggestion(entry.dataset, catalogue.datasets)}"


def _seeds(configuration: Configuration, root: Path) -> Iterator[str]:
    seeds = configuration.experiment.seeds
    if len(set(seeds)) != len(seeds):
        yield f"seeds: {list(seeds)} names a seed twice; the same run would count as two"


def _methods(configuration: Configuration, root: Path) -> Iterator[str]:
    """Every method must be able to serve every task and pair of models."""
    experiment, catalogue = configuration.experiment, configuration.catalogue
    if experiment.comparison.baseline not in experiment.methods:
        yield f"comparison.baseline: {experiment.comparison.baseline!r} is not one of the methods{suggestion(experiment.comparison.baseline, experiment.methods)}"
    runs: dict[str, str] = {}
    for label, settings in experiment.methods.items():
        method = methods.load(settings.method)
        for options in expand(method.Options, settings.options, f"{configuration.path}: methods.{label}"):
            run = f"{settings.method} {options.model_dump_json()} {settings.training.model_dump_json()}"
            if run in runs:
                yield f"methods.{label}: the same runs as methods.{runs[run]}; remove one"
            runs[run] = label
            for task in experiment.tasks:
                for student in experiment.students:
                    for teacher in candidates(configuration):
                        models = catalogue.models
                        same = tokenizer_family(models, student, teacher) == tokenizer_family(models, teacher, teacher)
                        reason = method.refusal(
                            options,
                            catalogue.tasks[task].kind,
                            same,
                            resolved(models, models[student], teacher).architecture,
                            resolved(models, models[teacher], teacher).architecture,
                        )
                        if reason:
                            yield f"methods.{label}: cannot teach {student} the task {task} from {teacher}: {reason}"
    if experiment.teacher.calibration != "none" and all(catalogue.tasks[t].kind != "classification" for t in experiment.tasks):
        yield "teacher.calibration: only label logits can be centred, and no task is a classification; remove it"


def _end_products(configuration: Configuration, root: Path) -> Iterator[str]:
    experiment = configuration.experiment
    for table in experiment.tables:
        if table not in TABLES:
            yield f"tables: {table!r} is no table{suggestion(table, TABLES)}"
    for figure in experiment.figures or ():
        if figure not in configuration.figures:
            yield f"figures: {figure!r} is not in config/figures.yaml{suggestion(figure, configuration.figures)}"
    for figure in configuration.figures:
        if not (root / "workflow_scripts" / "potstill" / "figures" / f"{figure}.py").exists():
            yield f"config/figures.yaml: {figure}: there is no workflow_scripts/potstill/figures/{figure}.py that draws it"
