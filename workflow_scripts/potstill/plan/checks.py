"""Cross-checks of a configuration before anything is planned: names, grids, and what can serve what."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from potstill.errors import ConfigError
from potstill.plan import methods, needs
from potstill.plan.base import Record
from potstill.plan.catalogue import TaskEntry
from potstill.plan.configuration import Configuration
from potstill.plan.explain import suggestion
from potstill.plan.graph import TEACHER, resolved, tokenizer_family
from potstill.plan.grid import expand
from potstill.plan.probe import candidates
from potstill.plan.specs.model import Derivation
from potstill.plan.specs.table import TABLES


def check(configuration: Configuration, root: Path) -> None:
    """Refuse a configuration that cannot work.

    Raises:
        ConfigError: one line for each thing that is wrong, of the first group in which something is.
    """
    # Later groups rely on the earlier ones.
    for group in (_names, _models, _data, _further_tasks, _seeds, _methods, _end_products):
        problems = list(dict.fromkeys(group(configuration, root)))
        if problems:
            raise ConfigError("\n".join(problems))


def _names(configuration: Configuration, root: Path) -> Iterator[str]:
    experiment, catalogue, path = configuration.experiment, configuration.catalogue, configuration.path
    places = [(name, where) for (_, name), where in configuration.origins.items()]
    places += [(label, f"{path}: methods.{label}") for label in experiment.methods]
    for name, where in places:
        if not _is_name(name):
            yield f"{where}: {name!r} cannot be a name: it reads as a place in the file system; use letters, digits, . _ -"
    for task in experiment.tasks:
        if task not in catalogue.tasks:
            yield f"{path}: tasks.{task}: not in config/tasks.yaml{suggestion(task, catalogue.tasks)}"
        for other in experiment.tasks[task].also_evaluate_on:
            if other not in catalogue.tasks:
                hint = suggestion(other, catalogue.tasks)
                yield f"{path}: tasks.{task}.also_evaluate_on: {other!r} is not in config/tasks.yaml{hint}"
    for position, name in enumerate(candidates(configuration)):
        if name not in catalogue.models:
            yield f"{path}: teacher.model: {name!r} is not in config/models.yaml{suggestion(name, catalogue.models)}"
        elif name in candidates(configuration)[:position]:
            yield f"{path}: teacher.model: {name} is named twice; remove one"
    if not candidates(configuration):
        yield f"{path}: teacher.model: the list is empty; name a model of config/models.yaml"
    named = configuration.main.teacher
    if named is not None and named not in candidates(configuration):
        yield f"--config teacher={named}: not a teacher.model of {path}{suggestion(named, candidates(configuration))}"
    if experiment.teacher.shard and experiment.teacher.devices == 1:
        yield f"{path}: teacher.shard: over how many devices? Set teacher.devices to 2 or more"
    for student in experiment.students:
        if student not in catalogue.models:
            yield f"{path}: students.{student}: not in config/models.yaml{suggestion(student, catalogue.models)}"
    for label, settings in experiment.methods.items():
        if settings.method not in methods.names():
            key = f"methods.{label}" + (".method" if settings.method != label else "")
            yield f"{path}: {key}: {settings.method!r} is not a method{suggestion(settings.method, methods.names())}"


def _is_name(text: str) -> bool:
    """Whether a name stays what it is where files are named after it (`owner/name` does)."""
    parts = text.split("/")
    return text.isprintable() and "\\" not in text and all(part.strip(". ") for part in parts) and parts[0] != "~"


def _models(configuration: Configuration, root: Path) -> Iterator[str]:
    """Every entry of the catalogue, used or not: a broken line is found when it is written."""
    models = configuration.catalogue.models
    for name, entry in models.items():
        where = configuration.origins["models", name]
        original = entry.derived_from
        if (entry.source is None) == (original is None):
            found = "neither" if original is None else "both"
            yield f"{where}: needs a source or derived_from (a model that it is made from), found {found}"
        elif original is None:
            if entry.architecture is None:
                yield f"{where}: architecture: missing; write encoder or decoder"
            if entry.derive is not None:
                yield f"{where}: derive needs derived_from: the model whose layers are kept"
        elif entry.derive is None:
            yield f"{where}: derive: missing; say which layers are kept (keep_layers) or drawn (random)"
        elif reason := _unclear(entry.derive):
            yield f"{where}: derive: {reason}"
        elif entry.architecture is not None:
            yield f"{where}: architecture: comes from {original}; remove it"
        elif original != TEACHER and original not in models:
            yield f"{where}: derived_from: {original!r} is not a model{suggestion(original, [TEACHER, *models])}"
        elif original != TEACHER and models[original].derived_from:
            yield f"{where}: derived_from: {original} is derived itself; derive from its original"
    experiment, path = configuration.experiment, configuration.path
    for name in candidates(configuration):
        if models[name].derived_from == TEACHER:
            yield f"{path}: teacher.model: {name} is derived from the teacher; a teacher needs a source of its own"
        elif models[name].derived_from and any(models[s].derived_from == TEACHER for s in experiment.students):
            yield f"{path}: teacher.model: {name} is derived itself, and a student is derived from it; use its original"


def _unclear(derive: Derivation) -> str | None:
    """What a derivation leaves open, or says twice."""
    if (derive.keep_layers is None) == (not derive.random):
        found = "both" if derive.random else "neither"
        return f"needs keep_layers (layers that are kept) or random: true (new weights), found {found}"
    if derive.keep_layers == "even" and derive.layers is None:
        return "layers: missing; how many layers are kept"
    if derive.keep_layers not in (None, "even") and derive.layers is not None:
        return "layers: keep_layers lists the layers already; remove layers, or write keep_layers: even"
    return None


def _data(configuration: Configuration, root: Path) -> Iterator[str]:
    datasets = configuration.catalogue.datasets
    for task, entry in configuration.catalogue.tasks.items():
        if entry.dataset not in datasets:
            where = configuration.origins["tasks", task]
            yield f"{where}: dataset: {entry.dataset!r} is not in config/datasets.yaml{suggestion(entry.dataset, datasets)}"


def _further_tasks(configuration: Configuration, root: Path) -> Iterator[str]:
    """A task's models can answer another task of the same kind with the same answers."""
    experiment, catalogue, path = configuration.experiment, configuration.catalogue, configuration.path
    for task, settings in experiment.tasks.items():
        where, own = f"{path}: tasks.{task}.also_evaluate_on", catalogue.tasks[task]
        for position, name in enumerate(settings.also_evaluate_on):
            other = catalogue.tasks[name]
            if name == task:
                yield f"{where}: {name} is the task itself, on which its models are scored anyway; remove it"
            elif name in settings.also_evaluate_on[:position]:
                yield f"{where}: {name} is named twice; remove one"
            elif other.kind != own.kind:
                yield f"{where}: {name} is of kind {other.kind}, {task} of kind {own.kind}; its models answer that kind alone"
            elif (theirs := _verbalizers(other)) != (ours := _verbalizers(own)):
                yield (
                    f"{where}: {name} has the answers {list(theirs)}, {task} has {list(ours)}; its models know those alone: "
                    f"give the labels of {name} the same verbalizers in the same order, or remove it"
                )


def _verbalizers(task: TaskEntry) -> tuple[str, ...]:
    return tuple(label.verbalizer for label in task.labels)


def _seeds(configuration: Configuration, root: Path) -> Iterator[str]:
    seeds = configuration.experiment.seeds
    if len(set(seeds)) != len(seeds):
        yield f"{configuration.path}: seeds: {list(seeds)} names a seed twice; the same run would count as two"


def _methods(configuration: Configuration, root: Path) -> Iterator[str]:
    """Every method must be able to serve every task and pair of models."""
    experiment, path = configuration.experiment, configuration.path
    baseline = experiment.comparison.baseline
    if baseline not in experiment.methods:
        yield f"{path}: comparison.baseline: {baseline!r} is not one of the methods{suggestion(baseline, experiment.methods)}"
    elif len(experiment.methods) == 1:
        yield f"{path}: methods: found only the baseline {baseline!r}; add one to compare with it, such as kd1: {{}}"
    for label in experiment.comparison.confirmatory or ():
        if label not in experiment.methods:
            yield f"{path}: comparison.confirmatory: {label!r} is not one of the methods{suggestion(label, experiment.methods)}"
        elif label == baseline:
            yield f"{path}: comparison.confirmatory: {label} is the baseline that the others are compared with; remove it"
    runs: dict[str, str] = {}
    for label, settings in experiment.methods.items():
        method = methods.load(settings.method)
        for options in expand(method.Options, settings.options, f"{path}: methods.{label}"):
            training = settings.training.model_dump_json(exclude_unset=True)
            run = f"{settings.method} {options.model_dump_json()} {training}"
            if run in runs:
                yield f"{path}: methods.{label}: the same runs as methods.{runs[run]}; remove one"
            runs[run] = label
            for task, student, teacher in itertools.product(
                experiment.tasks, experiment.students, candidates(configuration)
            ):
                if reason := _refusal(configuration, method, options, task, student, teacher):
                    yield f"{path}: methods.{label}: cannot teach {student} the task {task} from {teacher}: {reason}"
    kinds = {configuration.catalogue.tasks[task].kind for task in experiment.tasks}
    if experiment.teacher.calibration != "none" and "classification" not in kinds:
        yield f"{path}: teacher.calibration: only label logits can be centred, and no task is a classification; remove it"


def _refusal(
    configuration: Configuration, method: ModuleType, options: Record, task: str, student: str, teacher: str
) -> str | None:
    models = configuration.catalogue.models
    reason: str | None = method.refusal(
        options,
        configuration.catalogue.tasks[task].kind,
        tokenizer_family(models, student, teacher) == tokenizer_family(models, teacher, teacher),
        resolved(models, models[student], teacher).architecture,
        resolved(models, models[teacher], teacher).architecture,
    )
    return reason


def _end_products(configuration: Configuration, root: Path) -> Iterator[str]:
    experiment, figures, path = configuration.experiment, configuration.figures, configuration.path
    for table in experiment.tables or ():
        if table not in TABLES:
            yield f"{path}: tables: {table!r} is no table{suggestion(table, TABLES)}"
        for remedy in needs.lacking(configuration, needs.TABLE_NEEDS.get(table, ())):
            yield f"{path}: tables: {table} needs {remedy}, or leave the table out"
    for figure in experiment.figures or ():
        if figure not in figures:
            yield f"{path}: figures: {figure!r} is not in config/figures.yaml{suggestion(figure, figures)}"
            continue
        for remedy in needs.lacking(configuration, figures[figure].needs):
            yield f"{path}: figures: {figure} needs {remedy}, or leave the figure out"
    for figure in figures:
        module = f"workflow_scripts/potstill/figures/{figure}.py"
        if not figure.isidentifier() or not (root / module).exists():
            yield f"config/figures.yaml: {figure}: there is no {module} that draws it"
