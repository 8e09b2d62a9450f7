"""What lies below `results/` that can be verified, and the call that makes each of it again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from potstill.artefacts import is_finished, rebuild_command
from potstill.errors import PotstillError
from potstill.plan.experiment import MainConfig
from potstill.plan.plan import Plan
from potstill.plan.unused import KINDS, possible_plans
from potstill.verification import Artefact, EndProduct, cure_of_unused

Items = list[Artefact | EndProduct]


def of_plan(plan: Plan) -> tuple[Items, int]:
    """An experiment's finished artefacts and end products, and how many of its plan are not made yet.

    A product made from another configuration is checked against its record like any other: what lies there is right or
    wrong, whether or not it is still wanted.
    """
    items: Items = []
    missing = 0
    for nodes in plan.graph.nodes.values():
        for node in nodes.values():
            folder = Path(node.directory(plan.results))
            if is_finished(folder) or _has_files(folder):
                items.append(Artefact(folder, rebuild_command(folder, plan.call())))
            else:
                missing += 1
            items += _checkpoints(folder, plan.call())
    for product in plan.products.values():
        record = Path(product.record(plan.folder))
        if record.exists() or any(Path(plan.folder, file).exists() for file in product.files):
            items.append(EndProduct(record, plan.call()))
        else:
            missing += 1
    return items, missing


def of_results(root: Path, main: Mapping[str, Any]) -> Items:
    """Everything below the results folder, whichever experiment it belongs to, or none.

    Args:
        root: folder of the Snakefile.
        main: config.yaml with what the call changes.
    """
    results = Path(main.get("results", MainConfig().results))
    planned: dict[Path, Artefact] = {}
    calls: dict[str, str] = {}
    for experiment in sorted(path.stem for path in (root / "config" / "experiments").glob("*.yaml")):
        try:
            plans = possible_plans(root, {**main, "experiment": experiment})
        except PotstillError:
            continue  # its artefacts are checked all the same, but nothing can make them again now
        for plan in plans:
            calls[experiment] = plan.call()
            planned |= {item.folder: item for item in of_plan(plan)[0] if isinstance(item, Artefact)}
    items: Items = []
    # Path.glob finds hidden folders, too: checkpoints, and what is being written.
    for folder in (path for kind in KINDS for path in sorted((results / kind).glob("*")) if path.is_dir()):
        if not folder.name.startswith(".") and (is_finished(folder) or _has_files(folder)):
            items.append(planned.get(folder) or Artefact(folder, cure_of_unused(folder)))
        elif folder.name.endswith(".checkpoints"):
            items += [planned.get(step) or Artefact(step, cure_of_unused(step)) for step in _steps(folder)]
    for record in sorted(results.glob("*/.made/*.json")):
        experiment = record.parent.parent.name
        items.append(EndProduct(record, calls.get(experiment, f"experiment={experiment}")))
    return items


def _checkpoints(folder: Path, call: str) -> Items:
    """Those of a run that is not finished."""
    steps = _steps(folder.with_name(f".{folder.name}.checkpoints"))
    return [Artefact(step, rebuild_command(step, call)) for step in steps]


def _steps(folder: Path) -> list[Path]:
    return sorted(step for step in folder.glob("step-*") if is_finished(step))


def _has_files(folder: Path) -> bool:
    """Whether something lies in a folder; Snakemake makes an empty one before a job, which appears whole or not at all."""
    return folder.is_dir() and any(folder.iterdir())
