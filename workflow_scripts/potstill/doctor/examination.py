"""All looks at this machine, in the order of the screen, and the screen itself."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from potstill.artefacts import is_finished
from potstill.devices.lease import lease_folder
from potstill.doctor import folders, hardware, network, software
from potstill.doctor.finding import Finding
from potstill.errors import PotstillError
from potstill.plan.configuration import main_config
from potstill.plan.forecast import forecast
from potstill.plan.plan import Plan, make_plan

COLOURS = {"ok": "green", "note": "yellow", "problem": "bold red"}


def examine(root: Path, changes: Iterable[str]) -> Iterator[Finding]:
    """Look at everything that a run of an experiment (of config.yaml, or as `changes` say) rests on."""
    yield from _asked("Python", software.python)
    yield from _asked("libraries", lambda: software.libraries(root))
    yield from _asked("Snakemake", software.snakemake)
    plan, findings = _plan(root, changes)
    yield from findings
    results = Path(plan.results if plan else main_config(root, ()).get("results", "results"))
    memory, disk = _needs(plan)
    yield from _asked("devices", hardware.devices)
    yield from _asked("GPU leases", lambda: hardware.leases(lease_folder()))
    yield from _asked("memory", lambda: hardware.memory(memory))
    yield from _asked("disk", lambda: folders.room(results, disk))
    yield from _asked("results folder", lambda: folders.writing(results))
    yield from _asked("Snakemake's lock", lambda: folders.snakemake_lock(root))
    yield from _asked("Hub", lambda: network.hub(plan is not None and _fetches_from_hub(plan)))
    yield from _asked("Hub token", network.token)
    yield from _asked("wheels", network.wheels)
    yield from _asked("SLURM", network.slurm)


def show(findings: Iterable[Finding], console: Console) -> int:
    """Print the findings: a table on a terminal, plain lines elsewhere; returns the number of problems."""
    findings = list(findings)
    problems = sum(finding.state == "problem" for finding in findings)
    end = f"{problems} problem{'s' * (problems != 1)}" if problems else "nothing stands in the way"
    if not console.is_terminal:
        for finding in findings:
            cure = f" -> {finding.cure}" if finding.cure else ""
            print(f"{finding.state:8}{finding.subject:18}{finding.found}{cure}")
        print(end)
        return problems
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for finding in findings:
        colour = COLOURS[finding.state]
        found = finding.found + (f"\n-> {finding.cure}" if finding.cure else "")
        table.add_row(Text(finding.state, colour), finding.subject, Text(found))
    console.print(table)
    console.print(f"[{COLOURS['problem' if problems else 'ok']}]{end}[/]")
    return problems


def _asked(subject: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """A look that itself goes wrong is a finding, not the end of the examination."""
    try:
        return list(look())
    except PotstillError as error:
        return [Finding(subject, "problem", str(error).replace("\n", "; "))]
    except Exception as error:
        return [Finding(subject, "note", f"could not be looked at ({type(error).__name__}: {error})")]


def _plan(root: Path, changes: Iterable[str]) -> tuple[Plan | None, list[Finding]]:
    try:
        plan = make_plan(root, main_config(root, changes), probe=False)
    except PotstillError as error:
        lines = str(error).splitlines()
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        return None, [
            Finding("configuration", "problem", f"{lines[0]}{more}", "correct it; `make plan` shows all of it")
        ]
    return plan, [Finding("configuration", "ok", f"experiment {plan.experiment}; results in {plan.results}/")]


def _needs(plan: Plan | None) -> tuple[float, float]:
    """Bytes of memory of the largest job, and of disk, that are still to come; 0 where nothing is known."""
    if plan is None:
        return 0.0, 0.0
    stages = [stage for stage in forecast(plan, "cpu") if stage.to_do]
    return max((stage.memory for stage in stages), default=0.0), sum(stage.disk for stage in stages)


def _fetches_from_hub(plan: Plan) -> bool:
    assets = plan.graph.nodes.get("assets", {}).values()
    return any("hub" in node.spec["source"] for node in assets if not is_finished(node.directory(plan.results)))
