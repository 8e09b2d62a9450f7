"""Which jobs each run of an experiment rests on: the teacher's fit, its answers, its targets."""

from collections.abc import Mapping
from typing import Any

from potstill.plan.configuration import Configuration
from potstill.plan.graph import TEACHER, Graph
from potstill.plan.nodes import Node
from potstill.plan.specs.costs import CollectCostsSpec, CostedRun, CostedTargets


def costs_product(configuration: Configuration, graph: Graph) -> tuple[CollectCostsSpec, Mapping[str, Any]]:
    """Spec of the collected costs, and the artefacts whose jobs are counted, by their role."""
    shards: list[Node] = []
    sets: dict[tuple[str, ...], int] = {}
    targets: list[CostedTargets] = []
    runs = []
    for run in graph.runs:
        read = []
        for kind, nodes in run.node.inputs.items():
            if isinstance(nodes, Node):
                continue
            key = tuple(node.id for node in nodes)
            if key not in sets:
                sets[key] = len(targets)
                places = range(len(shards), len(shards) + len(nodes))
                targets.append(CostedTargets(task=run.task, kind=kind, shards=tuple(places)))
                shards += nodes
            read.append(sets[key])
        learns = bool(read) or configuration.catalogue.models[run.student].derived_from == TEACHER
        runs.append(
            CostedRun(
                task=run.task,
                student=run.student,
                method=run.method,
                targets=tuple(read),
                fit=learns and run.task in graph.fits,
                teacher=learns,
            )
        )
    spec = CollectCostsSpec(
        baseline=configuration.experiment.comparison.baseline, targets=tuple(targets), runs=tuple(runs)
    )
    trained = [run.node for run in graph.runs]
    return spec, {"runs": trained, "targets": shards, "predictions": graph.predictions, "fits": graph.fits}
