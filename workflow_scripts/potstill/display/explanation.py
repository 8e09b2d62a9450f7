"""What is behind a number of a table, or behind a run, for a terminal: runs, data rows, and what each was made from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape

from potstill.artefacts import make_command, unsealed
from potstill.display.lineage import lineage, origin
from potstill.errors import ConfigError
from potstill.plan.nodes import Node
from potstill.plan.plan import Plan
from potstill.plan.specs.table import TABLES
from potstill.report.behind import data_rows, matching_rows, runs_behind
from potstill.report.table import rows as table_rows
from potstill.tables import read_frame


def explain_table(plan: Plan, table: str, where: Mapping[str, str], rows: Path | None, console: Console) -> None:
    """Print the rows asked for and who wrote them, then all that is behind them.

    Raises:
        ConfigError: no such table, column or row.
    """
    _require(plan, f"tables/{table}")
    path = Path(plan.folder, plan.products[f"tables/{table}"].output)
    found = matching_rows(pd.read_csv(path), where, str(path))
    for place, row in found.iterrows():
        values = ", ".join(f"{column} {value}" for column, value in row.items() if not pd.isna(value))
        console.print(f"[bold]{escape(str(path))}, row {int(str(place)) + 1}[/bold]: {escape(values)}")
    record = Path(plan.products[f"tables/{table}"].record(plan.folder))
    for line in origin(unsealed(record.read_text(encoding="utf-8"))):
        console.print(f"  {escape(line)}")
    console.print(f"  made again by: {escape(make_command(str(path), plan.call()))}")
    runs = _collected(plan)
    of_rows = [runs_behind({str(key): value for key, value in row.items()}, runs) for _, row in found.iterrows()]
    behind = pd.concat(of_rows).drop_duplicates("run_id")
    if "collected_benchmarks" in TABLES[table]:
        wanted = set(found[["task", "model"]].itertuples(index=False, name=None))
        measured = [node for (task, _, name), node in plan.graph.benchmarks.items() if (task, name) in wanted]
        _explain(plan, behind.iloc[:0], measured, rows, console)
    elif "transfer" in TABLES[table]:
        ids, tested_on = set(behind.run_id), set(found.test_task)
        answers = [
            transfer.node
            for transfer in plan.graph.transfers
            if transfer.test_task in tested_on
            and (transfer.run.node if transfer.run else plan.graph.predictions[transfer.task]).id in ids
        ]
        _explain(plan, behind, answers, rows, console)
    else:
        _explain(plan, behind, [], rows, console)


def explain_run(plan: Plan, name: str, rows: Path | None, console: Console) -> None:
    """Print all that is behind the runs whose names begin with `name`.

    Raises:
        ConfigError: no such run in the experiment.
    """
    runs = _collected(plan)
    found = runs[runs.run_id.str.startswith(name)]
    if found.empty:
        raise ConfigError(f"{plan.experiment}: no run begins with {name!r}; there are {', '.join(runs.run_id)}")
    _explain(plan, found, [], rows, console)


def _explain(plan: Plan, runs: pd.DataFrame, others: Sequence[Node], rows: Path | None, console: Console) -> None:

    nodes = {node.id: node for kind in ("runs", "predictions") for node in plan.graph.nodes.get(kind, {}).values()}
    scores = read_frame(Path(plan.folder, "collected", "scores.parquet"))
    behind = data_rows(runs, scores)
    if len(runs):
        console.print(f"\n[bold]Behind it: {_count(len(runs), 'run')}[/bold]")
    for run in table_rows(runs):
        of_run = behind[behind.run_id == run.run_id]
        seed = f"seed {run.seed}" if run.seed >= 0 else "teacher"
        means = ", ".join(
            f"{metric} {value:.6g}" for metric, value in of_run.groupby("metric", sort=False).score.mean().items()
        )
        console.print(f"  {escape(run.run_id)}: {seed}, {means} on {of_run.example_id.nunique()} test examples")
    console.print("\n[bold]What each was made from[/bold]")
    seen: set[str] = set()
    for node in [*(nodes[run_id] for run_id in runs.run_id), *others]:
        console.print(lineage(node, plan.results, seen))
    if rows is not None:
        behind.to_csv(rows, index=False, lineterminator="\n")
        console.print(f"\nThe {len(behind)} data rows behind it: {escape(str(rows))}")
    elif len(behind):
        console.print(
            f"\nData rows: {len(behind)} scores of single examples; --rows FILE (make explain ... ROWS=FILE) writes them"
        )


def _collected(plan: Plan) -> pd.DataFrame:

    _require(plan, "collected")
    return read_frame(Path(plan.folder, "collected", "runs.parquet"))


def _require(plan: Plan, name: str) -> None:
    """Raise a ConfigError unless an end product lies there as the configuration asks now."""
    if name not in plan.products:
        known = ", ".join(other.partition("/")[2] for other in plan.products if other.startswith("tables/"))
        raise ConfigError(f"{plan.experiment}: no table {name.partition('/')[2]}; there are {known}")
    if not plan.is_made(name):
        target = f"{plan.folder}/{plan.products[name].files[0]}"
        raise ConfigError(
            f"{target} is not there as the configuration asks now. Make it first: {make_command(target, plan.call())}"
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
