"""Which of several teachers is used: decided once, by a probe before the plan, and recorded beside the results."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from potstill.artefacts import canonical_json
from potstill.errors import ConfigError
from potstill.plan.configuration import Configuration
from potstill.plan.local import locate
from potstill.plan.nodes import digest, slug
from potstill.plan.specs.source import LocalSource


def candidates(configuration: Configuration) -> tuple[str, ...]:
    """The experiment's teachers in order of preference."""
    model = configuration.experiment.teacher.model
    return (model,) if isinstance(model, str) else model


def choose_teacher(configuration: Configuration, root: Path, *, probe: bool) -> Mapping[str, Any]:
    """The teacher to plan with: `choice`, its name, and where it was probed for `verdicts` (name, refused: why or None).

    `--config teacher=NAME` decides without a probe. Otherwise the answer is recorded in `results/probes/` on the first
    real run and holds from then on: jobs never decide, so the same teacher serves all of them. Without a record, and
    with `probe` False, the first candidate is planned with, and a line says so.

    Raises:
        ConfigError: no candidate can be used; the probe's message says why.
    """
    names = candidates(configuration)
    if len(names) == 1 or configuration.main.teacher is not None:
        return {"choice": configuration.main.teacher or names[0]}
    spec: dict[str, Any] = {
        "candidates": [{"name": name, **_source(configuration, name)} for name in names],
        "precision": configuration.experiment.teacher.precision,
    }
    if configuration.experiment.teacher.shard:
        spec["devices"] = configuration.experiment.teacher.devices  # which hold it together
    record = Path(configuration.main.results, "probes", f"{slug(*names)}-{digest(spec)[:10]}.json")
    if not record.exists():
        if not probe:
            print(f"teacher not probed yet: planned with {names[0]}, the first of {', '.join(names)}", file=sys.stderr)
            return {"choice": names[0]}
        _probe(root, spec, record)
    try:
        answer: Mapping[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        if answer["choice"] in names and all({"name", "refused"} <= verdict.keys() for verdict in answer["verdicts"]):
            return answer
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ConfigError(f"{record}: no record of which teacher is used; remove it, and the next run decides again")


def _source(configuration: Configuration, name: str) -> dict[str, Any]:
    source, where = configuration.catalogue.models[name].source, configuration.origins["models", name]
    if source is None:
        raise ConfigError(
            f"{configuration.path}: teacher.model: {name} is derived; of several teachers each needs a source of its own"
        )
    if isinstance(source, LocalSource):
        return {"source": {"path": str(locate(source, configuration, where))}}
    return {"source": source.as_json()}


def _probe(root: Path, spec: Mapping[str, Any], record: Path) -> None:
    """Run the probe in a process of its own: it needs torch and the network, which planning never does."""
    script = root / "workflow_scripts" / "probe_teacher.py"
    command = [sys.executable, str(script), "--spec", canonical_json(spec), "--output", str(record)]
    result = subprocess.run(command, stdout=sys.stderr, check=False)
    if result.returncode:
        named = f"--config teacher={spec['candidates'][0]['name']}"
        raise ConfigError(
            f"no teacher can be used (the reasons are above); to plan with one all the same, say {named}: for data steps "
            "alone, or where another machine computes"
        )
