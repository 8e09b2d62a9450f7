"""Everything that the report shows, put together once; the templates only lay it out."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from potstill.artefacts import unsealed
from potstill.plan.specs.report import ReportSpec
from potstill.plan.specs.table import TABLES
from potstill.report import captions, wording
from potstill.report.costs import Costs, costs
from potstill.report.embedding import Embedder, Link, data_uri, png_size
from potstill.report.evidence import Evidence, read_evidence
from potstill.report.examples import Example, examples
from potstill.report.grids import Grid, error_grids, grid, settings_grid
from potstill.report.method_index import MethodEntry, convention, entry_of, read_index
from potstill.report.tables import build_table
from potstill.report.verdict import Kept, Limit, Verdict, judge

# For the first page: what stands first here and exists is shown there, one of each line.
MAIN_FIGURES = (("fig_4_3_kd_comparison",), ("fig_4_5_kd_gain",), ("fig_4_12_retention", "fig_4_1_performance_vs_size"))
MOST_ROWS = 12  # of the first page's table
MOST_OF_A_KIND = 4  # of its limits


@dataclass(frozen=True)
class Figure:
    """One figure: its picture as an address, with its size in pixels."""

    name: str
    title: str
    picture: str
    width: int
    height: int
    alt: str
    caption: list[Markup]
    links: list[Link]


@dataclass(frozen=True)
class ShownTable:
    """One table as a reader sees it; `caption` is its own (n, seeds, MDE), `reading` explains how to read it."""

    name: str
    title: str
    grid: Grid
    caption: str
    reading: list[Markup]
    links: list[Link]


@dataclass(frozen=True)
class Provenance:
    """Versions and commit in the records of what the report reads."""

    commits: tuple[str, ...]
    modified: bool
    versions: dict[str, str]


@dataclass(frozen=True)
class Document:
    """The report's content.

    Attributes:
        limits: what the design could not have seen, a few of each kind; `more_limits`: the others.
        scoreboard: rows of the first page's table; `left_out`: whether further ones stand in the tables only.
    """

    spec: ReportSpec
    evidence: Evidence
    verdict: Verdict
    headline: str
    support: list[str]
    distillation: list[str]
    elsewhere: list[str]
    limits: list[str]
    more_limits: list[str]
    scoreboard: list[Kept]
    left_out: bool
    main_figures: list[Figure]
    figures: list[Figure]
    tables: list[ShownTable]
    errors: list[ShownTable]
    examples: list[Example]
    costs: Costs
    methods: list[tuple[str, MethodEntry | None]]
    convention: str
    settings: Grid
    runs_on: tuple[str, ...]
    provenance: Provenance

    @property
    def baseline(self) -> str:
        """The baseline's name, and what it is."""
        title = next((entry.title for name, entry in self.methods if name == self.spec.baseline and entry), None)
        return f"{title} ({self.spec.baseline})" if title else self.spec.baseline

    @property
    def outcome(self) -> str:
        """`keeps`, `some` (on some tasks) or `none`."""
        if self.verdict.recommended:
            return "keeps"
        return "some" if any(task.recommended for task in self.verdict.tasks) else "none"


def build_document(
    spec: ReportSpec, folders: Mapping[str, Path], records: Sequence[Path], experiment: Path
) -> Document:
    """Read and judge an experiment's results.

    Args:
        folders: data product -> its folder.
        records: of the end products that the report reads.
        experiment: the folder that holds `figures/` and `summary/`.

    Raises:
        ArtefactError: something is missing, damaged or not in its format.
    """
    evidence = read_evidence(folders)
    verdict = judge(evidence)
    embedder = Embedder(experiment)
    figures = {name: _figure(name, spec, embedder) for name in spec.figures}
    first = [next((name for name in line if name in figures), None) for line in MAIN_FIGURES]
    shown, left_out = scoreboard(verdict)
    first_limits, more_limits = first_of_each_kind([found for found in verdict.limits if found.kind != "code"])
    entries = read_index(spec.index)
    runs = evidence["collected/runs"]
    return Document(
        spec=spec,
        evidence=evidence,
        verdict=verdict,
        headline=wording.headline(verdict),
        support=wording.support(verdict),
        distillation=wording.distillation(verdict),
        elsewhere=wording.elsewhere(verdict),
        limits=[*(wording.limit(found) for found in first_limits), *spec.notes],
        more_limits=[wording.limit(found) for found in more_limits],
        scoreboard=shown,
        left_out=left_out,
        main_figures=[figures[name] for name in first if name],
        figures=[figure for name, figure in figures.items() if name not in first],
        tables=[_table(name, spec, folders, embedder) for name in spec.tables],
        errors=[
            ShownTable(name, title, found, caption, [], []) for name, title, found, caption in error_grids(evidence)
        ],
        examples=examples(evidence),
        costs=costs(evidence),
        methods=[
            (name, entry_of(entries, file, options_of(runs[runs.method == name])))
            for name, file in spec.methods.items()
        ],
        convention=convention(spec.index),
        settings=settings_grid(spec.settings),
        runs_on=tuple(str(device) for device in runs.device.dropna().unique()),
        provenance=provenance(records),
    )


def scoreboard(verdict: Verdict) -> tuple[list[Kept], bool]:
    """What the first page's table lists: everything, or of many only each student's best on each task."""
    everything = [kept for task in verdict.tasks for kept in task.students]
    if len(everything) <= MOST_ROWS:
        return everything, False
    best: dict[tuple[str, str], Kept] = {}
    for kept in everything:
        key = (kept.task, kept.student)
        if key not in best or kept.lower_bound > best[key].lower_bound:
            best[key] = kept
    chosen = {id(kept): kept for kept in (*verdict.recommended, *best.values())}
    return [kept for kept in everything if id(kept) in chosen], True


def first_of_each_kind(limits: Sequence[Limit]) -> tuple[list[Limit], list[Limit]]:
    """The limits that the first page says at once, and those that it only counts; both in their order."""
    count = Counter[str]()
    first: list[Limit] = []
    more: list[Limit] = []
    for found in limits:
        count[found.kind] += 1
        (first if count[found.kind] <= MOST_OF_A_KIND else more).append(found)
    return first, more


def provenance(records: Sequence[Path]) -> Provenance:
    """What the records of the end products say of their making."""
    found: list[dict[str, Any]] = [unsealed(record.read_text(encoding="utf-8")) for record in records]
    versions: dict[str, str] = {}
    for content in found:
        versions |= content.get("versions", {})
    return Provenance(
        commits=tuple(sorted({content["commit"] for content in found if content.get("commit")})),
        modified=any(content.get("modified") for content in found),
        versions=dict(sorted(versions.items())),
    )


def _figure(name: str, spec: ReportSpec, embedder: Embedder) -> Figure:
    title, text = titled(name, spec.captions.get(name, ""))
    path = embedder.folder / "figures" / f"{name}.png"
    data = path.read_bytes()
    width, height = png_size(data, path)
    return Figure(
        name=name,
        title=title,
        picture=data_uri(data, ".png"),
        width=width,
        height=height,
        alt=title.partition(": ")[2] or title,
        caption=captions.html(text),
        links=embedder.links(*(f"figures/{name}.{suffix}" for suffix in ("pdf", "svg", "csv"))),
    )


def _table(name: str, spec: ReportSpec, folders: Mapping[str, Path], embedder: Embedder) -> ShownTable:
    title, text = titled(name, spec.captions.get(name, ""))
    table = build_table(name, {product: folders[product] for product in TABLES[name]}, spec.digits)
    return ShownTable(
        name=name,
        title=title,
        grid=grid(table.shown),
        caption=table.caption,
        reading=captions.html(text),
        links=embedder.links(f"summary/{name}.csv", f"summary/{name}.tex"),
    )


def titled(name: str, caption: str) -> tuple[str, str]:
    """Heading and further text of a figure or table.

    The heading of `fig_4_3_kd_comparison` is `Figure 4.3: ` and the first sentence of its caption, where that is set off as
    bold; otherwise words of its name.
    """
    kind, _, rest = name.partition("_")
    parts = rest.split("_")
    count = next((i for i, part in enumerate(parts) if not part.isdigit()), len(parts))
    word = {"fig": "Figure", "table": "Table"}.get(kind) if rest else None
    begin = f"{word} {'.'.join(parts[:count])}".strip() + ": " if word else ""
    bold, after = captions.split_lead(caption)
    if bold:
        return begin + bold.removesuffix("."), after
    return begin + (" ".join(parts[count:]) if word else name.replace("_", " ").capitalize()), caption


def options_of(runs: pd.DataFrame) -> dict[str, Any]:
    """The options of the first of these runs; none without runs."""
    options: dict[str, Any] = json.loads(runs.options.iloc[0]) if len(runs) else {}
    return options
