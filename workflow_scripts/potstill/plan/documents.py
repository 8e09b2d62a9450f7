"""What the documents that people read say besides the tables they show: the specs of the report and of the model cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from potstill.plan.configuration import Configuration
from potstill.plan.experiment import Experiment
from potstill.plan.graph import TEACHER, Graph, resolved
from potstill.plan.nodes import Node
from potstill.plan.specs.report import CardEntry, ModelCardsSpec, ReportSpec, Source
from potstill.plan.specs.source import HubSource, WheelSource
from potstill.plan.specs.source import Source as AssetSource


@dataclass(frozen=True)
class Texts:
    """Texts of docs/ that are shown: captions by the name of their figure or table, and the index of the methods."""

    captions: Mapping[str, str]
    methods: str


def read_texts(docs: Path) -> Texts:
    """The texts of the folder docs/; what is not there is empty."""
    found = sorted((docs / "captions").glob("*.rst"))
    index = docs / "methods.md"
    return Texts(
        {path.stem: path.read_text(encoding="utf-8") for path in found},
        index.read_text(encoding="utf-8") if index.exists() else "",
    )


def report_spec(
    configuration: Configuration, graph: Graph, notes: Sequence[str], texts: Texts, shown: Sequence[str]
) -> ReportSpec:
    """The report's spec; `shown` are the products `tables/<table>` and `figures/<figure>`."""
    experiment = configuration.experiment
    tables, figures = (
        tuple(name.partition("/")[2] for name in shown if name.startswith(f"{kind}/")) for kind in ("tables", "figures")
    )
    return ReportSpec(
        title=experiment.title,
        description=experiment.description,
        experiment=configuration.name,
        teacher=graph.teacher,
        teacher_is_fitted=experiment.teacher.fit is not None,
        seeds=experiment.seeds,
        baseline=experiment.comparison.baseline,
        notes=tuple(notes),
        methods={name: settings.method for name, settings in experiment.methods.items()},
        sources=_sources(configuration, graph),
        tables=tables,
        figures=figures,
        captions={name: texts.captions[name] for name in (*tables, *figures) if name in texts.captions},
        index=texts.methods,
        # Own entries of the catalogue may hold folders of this machine; where models and data come from is in `sources`.
        settings=_settings(experiment),
    )


def model_cards_spec(
    configuration: Configuration, graph: Graph, texts: Texts
) -> tuple[ModelCardsSpec, dict[str, Node]]:
    """The cards of all students of an experiment, and the assets that they speak of by their names."""
    experiment, catalogue = configuration.experiment, configuration.catalogue
    cards: dict[tuple[str, str, str], CardEntry] = {}
    assets: dict[str, Node] = {}
    licences: dict[str, str] = {}

    def asset(node: Node, licence: str | None) -> str:
        found = _asset(node)
        assets[found.id] = found
        if licence:
            licences[found.id] = licence
        return found.id

    teacher = catalogue.models[graph.teacher]
    for run in graph.runs:
        entry = catalogue.models[run.student]
        origin = resolved(catalogue.models, entry, graph.teacher)
        dataset = catalogue.tasks[run.task].dataset
        cards.setdefault(
            (run.task, run.student, run.method),
            CardEntry(
                task=run.task,
                kind=catalogue.tasks[run.task].kind,
                student=run.student,
                method=run.method,
                file=experiment.methods[run.method].method,
                base=asset(_one(run.node.inputs["model"]), entry.licence or origin.licence),
                teacher_name=graph.teacher,
                teacher=asset(_one(graph.predictions[run.task].inputs["teacher"]), teacher.licence),
                dataset=dataset,
                data=asset(graph.examples[run.task], catalogue.datasets[dataset].licence),
                encoder=origin.architecture == "encoder",
                derived=_derived(configuration, run.student),
            ),
        )
    spec = ModelCardsSpec(
        title=experiment.title,
        baseline=experiment.comparison.baseline,
        cards=tuple(cards.values()),
        index=texts.methods,
        licences=licences,
    )
    return spec, assets


def _settings(experiment: Experiment) -> dict[str, Any]:
    """The experiment with its defaults; of a `training` below the first one only the changes, for no more counts."""
    hidden = {"title", "description", "catalogue"}
    settings = experiment.model_dump(mode="json", exclude=hidden)
    given = experiment.model_dump(mode="json", exclude=hidden, exclude_unset=True)
    for section in ("tasks", "students", "methods"):
        for name, entry in settings[section].items():
            entry["training"] = given[section][name].get("training", {})
    if settings["teacher"]["fit"]:
        settings["teacher"]["fit"]["training"] = given["teacher"]["fit"].get("training", {})
    return settings


def _sources(configuration: Configuration, graph: Graph) -> tuple[Source, ...]:
    """The teacher, the students and the data sets, each with where it came from."""
    experiment, catalogue = configuration.experiment, configuration.catalogue
    found = []
    for role, names in (("teacher", [graph.teacher]), ("student", list(experiment.students))):
        for name in names:
            entry = catalogue.models[name]
            origin = resolved(catalogue.models, entry, graph.teacher)
            text = _derived(configuration, name) or described(origin.source)
            found.append(Source(role=role, name=name, origin=text, licence=entry.licence or origin.licence))
    for task in experiment.tasks:
        name = catalogue.tasks[task].dataset
        dataset = catalogue.datasets[name]
        origin_text = f"{name}: {described(dataset.source)}"
        found.append(Source(role="data", name=task, origin=origin_text, licence=dataset.licence))
    return tuple(found)


def described(source: AssetSource | None) -> str:
    """A source in words, without folders of this machine."""
    if isinstance(source, HubSource):
        return f"{source.hub} on the Hugging Face Hub, revision {source.revision}"
    if isinstance(source, WheelSource):
        return f"{source.path} in the PyPI wheel {source.wheel} {source.version}"
    return f"local: {Path(source.path).name}" if source else "unknown"


def _derived(configuration: Configuration, name: str) -> str:
    """How a derived model comes from another one; empty: it does not."""
    entry = configuration.catalogue.models[name]
    if entry.derived_from is None:
        return ""
    base = "the teacher" if entry.derived_from == TEACHER else entry.derived_from
    derive = entry.derive.model_dump(mode="json", exclude_defaults=True) if entry.derive else {}
    changes = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in derive.items())
    return f"{base}: {changes}" if changes else base


def _asset(node: Node) -> Node:
    """The fetched model or data set behind a node."""
    while node.kind != "assets":
        node = _one(node.inputs["dataset" if node.kind == "examples" else "model"])
    return node


def _one(nodes: Node | tuple[Node, ...]) -> Node:
    return nodes if isinstance(nodes, Node) else nodes[0]
