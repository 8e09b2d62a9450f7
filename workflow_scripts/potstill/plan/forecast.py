"""What an experiment will take: a line for each stage, and what its numbers rest on."""

import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from potstill.artefacts import is_finished
from potstill.plan.nodes import Node
from potstill.plan.plan import Plan
from potstill.plan.workload import Workload
from potstill.storage import existing

PRODUCT_SECONDS = 5.0  # a table or a figure: Python, pandas and matplotlib start, little else


@dataclass(frozen=True)
class Stage:
    """The jobs of one stage: how many, how many of them are done, and what the others will take.

    `seconds` is the time of all jobs together, `memory` that of the largest one, in bytes like `disk`.
    """

    name: str
    jobs: int
    done: int
    tokens: float = 0
    seconds: float = 0
    memory: float = 0
    disk: float = 0
    measured: bool = False
    assumed: frozenset[str] = frozenset()

    @property
    def to_do(self) -> int:
        """Jobs that a call would run now."""
        return self.jobs - self.done


def forecast(plan: Plan, device: str) -> list[Stage]:
    """Every stage of a plan, in the order in which data flow; `device` (cpu, gpu) is what the jobs will compute on."""
    students = {run.node.id for run in plan.graph.runs}
    nodes = {kind: list(found.values()) for kind, found in plan.graph.nodes.items()}
    runs = nodes.get("runs", [])
    own = {node.id for node in plan.graph.predictions.values()}
    predictions = nodes.get("predictions", [])
    stages = [
        _stage(plan, device, "fetch models and data", nodes.get("assets", [])),
        _stage(plan, device, "prepare tasks", nodes.get("examples", [])),
        _stage(plan, device, "fit the teacher", [node for node in runs if node.id not in students]),
        _stage(plan, device, "score the teacher", [node for node in predictions if node.id in own]),
        _stage(plan, device, "capture targets", nodes.get("targets", [])),
        _stage(plan, device, "train students", [node for node in runs if node.id in students]),
        _stage(plan, device, "score on further tasks", [node for node in predictions if node.id not in own]),
        _stage(plan, device, "measure size and speed", nodes.get("benchmarks", [])),
    ]
    products = list(plan.products.values())
    made = sum(product.is_made(plan.folder) for product in products)
    seconds = PRODUCT_SECONDS * (len(products) - made)
    stages.append(Stage("compare, draw, report", len(products), made, seconds=seconds))
    return [stage for stage in stages if stage.jobs]


def _stage(plan: Plan, device: str, name: str, nodes: Iterable[Node]) -> Stage:
    nodes = list(nodes)
    missing = [node for node in nodes if not is_finished(node.directory(plan.results))]
    works = [plan.workloads.of(node) for node in missing]
    kind = nodes[0].kind if nodes else ""
    return Stage(
        name,
        jobs=len(nodes),
        done=len(nodes) - len(missing),
        tokens=sum(work.tokens for work in works),
        seconds=sum(plan.rates.seconds(kind, _device(work, device), work) for work in works),
        memory=max((work.memory for work in works), default=0),
        disk=sum(work.disk for work in works),
        measured=plan.rates.knows(kind, device),
        assumed=frozenset(text for work in works for text in work.assumed),
    )


def _device(work: Workload, device: str) -> str:
    return device if work.devices else "cpu"


def describe(plan: Plan, stages: list[Stage], device: str, console: Console) -> None:
    """Print the stages as a table, and below it the sums, what they rest on, and whether the disk will do."""
    hours = f"{device.upper()} time"
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage")
    for column in ("jobs", "there", "to do", "tokens", hours, "memory", "disk"):
        table.add_column(column, justify="right")
    for stage in stages:
        table.add_row(stage.name, str(stage.jobs), str(stage.done), *_cells(stage))
    total = Stage(
        "together",
        jobs=sum(stage.jobs for stage in stages),
        done=sum(stage.done for stage in stages),
        tokens=sum(stage.tokens for stage in stages),
        seconds=sum(stage.seconds for stage in stages),
        memory=max((stage.memory for stage in stages), default=0),
        disk=sum(stage.disk for stage in stages),
    )
    table.add_row(total.name, str(total.jobs), str(total.done), *_cells(total), style="bold")
    console.print(f"{plan.experiment}: {plan.configuration.experiment.title}\n", highlight=False)
    console.print(table)
    console.print()
    for line in _remarks(plan, stages, total, device):
        console.print(line, highlight=False, markup=False)


def _cells(stage: Stage) -> tuple[str, ...]:
    if not stage.to_do:
        return ("0", "", "", "", "")
    return (
        str(stage.to_do),
        quantity(stage.tokens) if stage.tokens else "",
        time(stage.seconds),
        size(stage.memory) if stage.memory else "",
        size(stage.disk) if stage.disk else "",
    )


def _remarks(plan: Plan, stages: list[Stage], total: Stage, device: str) -> list[str]:
    if not total.to_do:
        return ["Everything is there: a call makes nothing."]
    lines = [
        f"Time is that of all jobs one after the other; n at once take about an n-th of it. Memory is the largest job's, on "
        f"the {device.upper()} and its host together."
    ]
    computing = [stage for stage in stages if stage.tokens]
    measured = [stage.name for stage in computing if stage.measured]
    guessed = [stage.name for stage in computing if not stage.measured]
    if measured:
        lines.append(f"Speed as measured here before: {', '.join(measured)}.")
    if guessed:
        lines.append(
            f"Speed assumed, right within a factor of ten at best: {', '.join(guessed)}. Finished jobs tell better."
        )
    assumed = sorted({text for stage in stages for text in stage.assumed})
    if assumed:
        lines.append(f"Sizes assumed until they are known: {'; '.join(assumed)}.")
    free = shutil.disk_usage(existing(Path(plan.results))).free
    lines.append(f"Disk: {size(total.disk)} will be written to {plan.results}, {size(free)} are free.")
    if total.disk > free:
        lines.append("That is not enough: make room, or name another folder with --config results=FOLDER.")
    return lines


def quantity(number: float) -> str:
    """Such as 730, 12 k, 3.4 M or 1.2 B."""
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number:.0f}"


def size(number: float) -> str:
    """Such as 12.3 MB."""
    return decimal(round(number))


def time(seconds: float) -> str:
    """Such as 40 s, 12 min, 7.5 h or 16 days."""
    for unit, name in ((86_400 * 2, "days"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            amount = seconds / (86_400 if name == "days" else unit)
            return f"{math.ceil(amount) if amount >= 10 else round(amount, 1):g} {name}"
    return f"{math.ceil(seconds)} s"
