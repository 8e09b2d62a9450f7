"""Named end products: tables, figures, report, and the collected data that they show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from potstill.artefacts import unsealed
from potstill.plan.base import Record
from potstill.plan.code import code_digest
from potstill.plan.configuration import Configuration
from potstill.plan.costs import costs_product
from potstill.plan.documents import Texts, model_cards_spec, report_spec
from potstill.plan.graph import Graph
from potstill.plan.needs import figures, tables
from potstill.plan.nodes import CODE_DIGITS, SPEC_DIGITS, Node, digest
from potstill.plan.specs.analyse import OWN_SLICES, AnalyseSpec
from potstill.plan.specs.collect import CollectBenchmarksSpec, CollectedRun, CollectSpec
from potstill.plan.specs.compare import CompareSpec
from potstill.plan.specs.figure import FigureSpec
from potstill.plan.specs.prepare import PrepareSpec
from potstill.plan.specs.table import TABLES, TableSpec
from potstill.plan.specs.transfer import CollectTransferSpec, TransferredRun

COSTS = ("costs.parquet",)
TRANSFER = ("transfer.parquet", "transfer_summary.parquet", "transfer_baselines.parquet")
COMPARISON = ("summary.parquet", "contrasts.parquet", "retention.parquet", "wins.parquet", "budget.parquet")
COLLECTED = (
    "runs.parquet", "scores.parquet", "history.parquet", "baselines.parquet", "answers.parquet", "examples.parquet",
)  # fmt: skip
ERROR_ANALYSIS = (
    "agreement.parquet", "calibration.parquet", "options.parquet", "warnings.parquet", "slices.parquet",
    "differing.parquet",
)  # fmt: skip
REPORT = ("report.html", "summary.md", "latex/numbers.tex", "latex/figures.tex")


@dataclass(frozen=True)
class Product:
    """One named end product.

    Attributes:
        name: `collected`, `tables/<table>`, `figures/<figure>`, `report` ...
        files: its files, relative to the experiment's folder.
        output: what its stage script is told to write.
        nodes: role -> artefacts it reads; `products`: other end products it reads.
    """

    name: str
    files: tuple[str, ...]
    output: str
    spec: Mapping[str, Any]
    code: str
    nodes: Mapping[str, Any] = field(default_factory=dict)
    products: tuple["Product", ...] = ()

    @property
    def id(self) -> str:
        """What it is made from: spec, code, and the names of its inputs."""
        inputs = [node.id for node in self.flat_nodes()] + [product.id for product in self.products]
        made_from = digest([self.name, self.spec, inputs])
        return f"{made_from[:SPEC_DIGITS]}.{digest([self.code, inputs])[:CODE_DIGITS]}"

    def flat_nodes(self) -> list[Node]:
        """All artefacts it reads."""
        found: list[Node] = []
        for value in self.nodes.values():
            values: Iterable[Node] = value.values() if isinstance(value, Mapping) else value
            found += values
        return found

    def record(self, folder: str) -> str:
        """The file that says what it was made from."""
        return f"{folder}/.made/{self.name.replace('/', '.')}.json"

    def is_made(self, folder: str) -> bool:
        """Whether it lies there complete and made from just these inputs."""
        try:
            made = unsealed(Path(self.record(folder)).read_text(encoding="utf-8"))["id"]
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return bool(made == self.id) and all(Path(folder, file).exists() for file in self.files)

    def is_stale(self, folder: str) -> bool:
        """Whether it lies there, in whole or part, but not as it should be."""
        return not self.is_made(folder) and any(Path(folder, file).exists() for file in self.files)


def build_products(
    configuration: Configuration, graph: Graph, notes: Sequence[str], texts: Texts
) -> dict[str, Product]:
    """All end products of an experiment, by name. `notes` and `texts` are shown in the report."""
    experiment = configuration.experiment
    products: dict[str, Product] = {}

    def add(
        name: str,
        files: Iterable[str],
        output: str,
        spec: Record,
        script: str,
        roots: Iterable[str] = (),
        templates: Iterable[str] = (),
        **inputs: Any,
    ) -> None:
        code = code_digest(script, tuple(roots), texts=tuple(f"potstill/report/templates/{name}" for name in templates))
        products[name] = Product(name, tuple(files), output, spec.as_json(), code, **inputs)

    collected = _collected(configuration, graph)
    add(
        "collected",
        (f"collected/{file}" for file in COLLECTED),
        "collected",
        collected[0],
        "collect_runs.py",
        nodes={"runs": collected[1], "examples": graph.examples},
    )
    benchmarks = CollectBenchmarksSpec.parse(
        {"benchmarks": [{"task": t, "role": r, "student": s} for t, r, s in graph.benchmarks]}
    )
    add(
        "collected_benchmarks",
        ("collected_benchmarks/benchmarks.parquet",),
        "collected_benchmarks",
        benchmarks,
        "collect_benchmarks.py",
        nodes={"benchmarks": list(graph.benchmarks.values())},
    )
    add(
        "comparison",
        (f"comparison/{file}" for file in COMPARISON),
        "comparison",
        CompareSpec(comparison=experiment.comparison),
        "compare.py",
        products=(products["collected"],),
    )
    costs, jobs = costs_product(configuration, graph)
    add("costs", (f"costs/{file}" for file in COSTS), "costs", costs, "collect_costs.py", nodes=jobs)
    if graph.transfers:
        made_with = {transfer.task: graph.examples[transfer.task] for transfer in graph.transfers}
        add(
            "transfer",
            (f"transfer/{file}" for file in TRANSFER),
            "transfer",
            _transfer(configuration, graph),
            "collect_transfer.py",
            nodes={"predictions": [t.node for t in graph.transfers], "examples": made_with | graph.further_examples},
            products=(products["collected"],),
        )
    analysis, data = _error_analysis(configuration, graph)
    add(
        "error_analysis",
        (f"error_analysis/{file}" for file in ERROR_ANALYSIS),
        "error_analysis",
        analysis,
        "analyse_errors.py",
        nodes={"data": data} if data else {},
        products=(products["collected"],),
    )
    for table in tables(configuration):
        add(
            f"tables/{table}",
            (f"summary/{table}.csv", f"summary/{table}.tex"),
            f"summary/{table}.csv",
            TableSpec(table=table),
            "write_table.py",
            [f"potstill.report.tables.{table}"],
            products=tuple(products[name] for name in TABLES[table]),
        )
    for figure in figures(configuration):
        settings = configuration.figures[figure]
        add(
            f"figures/{figure}",
            (f"figures/{figure}.{suffix}" for suffix in ("png", "pdf", "svg", "csv")),
            f"figures/{figure}.png",
            FigureSpec(name=figure, settings=settings),
            "draw_figure.py",
            [f"potstill.figures.{figure}"],
            products=tuple(products[name] for name in settings.inputs),
        )
    tidy = tuple(products[name] for name in products if "/" not in name)
    cards, assets = model_cards_spec(configuration, graph, texts)
    add(
        "model_cards",
        (f"model_cards/{card.file_name}" for card in cards.cards),
        "model_cards",
        cards,
        "write_model_cards.py",
        templates=("model_card.md",),
        nodes={"assets": assets, "examples": graph.examples},
        products=tuple(product for product in tidy if product.name in ("collected", "comparison", "error_analysis")),
    )
    shown = [name for name in products if "/" in name]
    add(
        "report",
        REPORT,
        "report.html",
        report_spec(configuration, graph, notes, texts, shown),
        "write_report.py",
        [f"potstill.report.{name.replace('/', '.')}" for name in shown if name.startswith("tables/")],
        ("report.html", "parts.html", "report.css", "report.js", "summary.md"),
        products=(*tidy, *(products[name] for name in shown)),
    )
    return products


def _error_analysis(configuration: Configuration, graph: Graph) -> tuple[AnalyseSpec, dict[str, Node]]:
    """The analysis, and task -> its data set where a slice names a column: only then it depends on the data."""
    experiment = configuration.experiment
    settings, examples, data = experiment.error_analysis, {}, {}
    if set(settings.slices) - set(OWN_SLICES):
        for task, node in graph.examples.items():
            examples[task] = PrepareSpec.parse(node.spec)
            dataset = node.inputs["dataset"]
            assert isinstance(dataset, Node)
            data[task] = dataset
    comparison = experiment.comparison
    spec = AnalyseSpec(
        settings=settings, baseline=comparison.baseline, confidence=comparison.confidence, examples=examples
    )
    return spec, data


def _collected(configuration: Configuration, graph: Graph) -> tuple[CollectSpec, list[Node]]:
    """What is collected: the teacher's predictions on each task, then every run, with the names that tables use."""
    tasks = configuration.catalogue.tasks
    rows: list[tuple[dict[str, Any], Node]] = []
    for task, node in graph.predictions.items():
        teacher = {
            "role": "teacher",
            "student": graph.teacher,
            "method": "teacher",
            "variant": "-",
            "options": {},
            "seed": -1,
        }
        rows.append(({"task": task, "kind": tasks[task].kind, **teacher}, node))
    for run in graph.runs:
        options = run.options.as_json()
        entry = {
            "task": run.task,
            "kind": tasks[run.task].kind,
            "role": "student",
            "student": run.student,
            "method": run.method,
            "variant": run.variant,
            "options": options,
            # kd3 without logits has a temperature that does nothing.
            "temperature": options.get("temperature") if options.get("alpha") else None,
            "alpha": options.get("alpha"),
            "seed": run.seed,
        }
        rows.append((entry, run.node))
    entries = [CollectedRun.parse({**entry, "run_id": node.id, "kept": node.is_of_other_code}) for entry, node in rows]
    return CollectSpec(runs=tuple(entries)), [node for _, node in rows]


def _transfer(configuration: Configuration, graph: Graph) -> CollectTransferSpec:
    """What the answers to other tasks are called."""
    rows = []
    for transfer in graph.transfers:
        entry: dict[str, Any] = {"task": transfer.task, "test_task": transfer.test_task}
        entry["kind"] = configuration.catalogue.tasks[transfer.test_task].kind
        if run := transfer.run:
            entry |= {"role": "student", "student": run.student, "method": run.method}
            entry |= {"variant": run.variant, "seed": run.seed}
        else:
            entry |= {"role": "teacher", "student": graph.teacher, "method": "teacher"}
        rows.append(TransferredRun.parse(entry))
    comparison = configuration.experiment.comparison
    return CollectTransferSpec(runs=tuple(rows), confidence=comparison.confidence, baseline=comparison.baseline)
