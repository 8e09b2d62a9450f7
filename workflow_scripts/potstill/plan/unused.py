"""Which artefacts no experiment refers to any more."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from potstill.artefacts import is_finished
from potstill.errors import ConfigError, PotstillError
from potstill.plan.configuration import RESERVED, load_configuration
from potstill.plan.plan import Plan, make_plan
from potstill.plan.probe import candidates

KINDS = tuple(kind for kind in RESERVED if kind not in ("probes", "logs"))


def unused(root: Path, main: Mapping[str, Any]) -> tuple[list[Path], list[str]]:
    """The artefacts, and leftovers of killed jobs, that no experiment of `root` needs with today's configuration and code.

    An experiment with several possible teachers needs what belongs to each of them.

    Args:
        root: folder of the Snakefile.
        main: config.yaml with what the call changes, as for `snakemake --config`.

    Returns:
        their folders, and the experiments that cannot be planned but have no results either.

    Raises:
        PotstillError: an experiment with results cannot be planned, so what it uses is unknown.
    """
    results = Path(main.get("results", "results"))
    used: set[str] = set()
    left_out = []
    for experiment in sorted(path.stem for path in (root / "config" / "experiments").glob("*.yaml")):
        try:
            used |= _used(root, {**main, "experiment": experiment})
        except PotstillError as error:
            if (results / experiment).exists():
                raise ConfigError(
                    f"{experiment} has results but cannot be planned, so nothing is sure:\n{error}"
                ) from None
            left_out.append(experiment)
    # Path.glob finds hidden folders, too: what killed jobs left.
    found = [path for kind in KINDS for path in sorted((results / kind).glob("*")) if path.is_dir()]
    return [path for path in found if f"{path.parent.name}/{_owner(path)}" not in used], left_out


def _owner(path: Path) -> str:
    """The artefact's name; for the checkpoints of a run that is not finished, the run's."""
    owner = path.name.removeprefix(".").removesuffix(".checkpoints")
    return owner if path.name == f".{owner}.checkpoints" and not is_finished(path.with_name(owner)) else path.name


def possible_plans(root: Path, main: Mapping[str, Any]) -> list[Plan]:
    """The plans of one experiment, one for each of its possible teachers; of several, none is probed for."""
    teachers = candidates(load_configuration(root / "config", main))
    if len(teachers) == 1:
        return [make_plan(root, main, probe=False)]
    return [make_plan(root, {**main, "teacher": teacher}, probe=False) for teacher in teachers]


def _used(root: Path, main: Mapping[str, Any]) -> set[str]:
    graphs = [plan.graph for plan in possible_plans(root, main)]
    return {f"{kind}/{name}" for graph in graphs for kind, nodes in graph.nodes.items() for name in nodes}
