"""The plan: all that the Snakemake rules ask. Pure Python, no torch, no network; it is made whenever the DAG is."""

import contextlib
import os
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from potstill.artefacts import canonical_json
from potstill.long_arguments import argument
from potstill.plan.checks import check
from potstill.plan.configuration import Configuration, load_configuration
from potstill.plan.documents import read_texts
from potstill.plan.experiment import MainConfig
from potstill.plan.failures import describe, failures, log_times
from potstill.plan.graph import Graph, build_graph
from potstill.plan.leftovers import remove_leftovers
from potstill.plan.nodes import Node, pending
from potstill.plan.probe import choose_teacher
from potstill.plan.products import Product, build_products
from potstill.plan.rates import Rates, remember
from potstill.plan.read import read_yaml
from potstill.plan.resources import memory_mb, runtime_minutes
from potstill.plan.workload import Workloads

DOCUMENTS = ("report", "model_cards")  # products that people open, beside tables and figures
NOTHING = "(?!)"  # a regular expression that matches no name


class Plan:
    """One experiment's artefacts and end products, with the answers that rules need."""

    def __init__(
        self, root: Path, configuration: Configuration, graph: Graph, teacher_choice: Mapping[str, Any]
    ) -> None:
        self.started = time.time()
        self.root = root
        self.configuration = configuration
        self.graph = graph
        self.teacher_choice = teacher_choice
        self.results = configuration.main.results
        self._logs: dict[Path, int] = {}
        self.experiment = configuration.name
        self.folder = f"{self.results}/{self.experiment}"
        self.workloads = Workloads(self.results, configuration.catalogue.models)
        self.rates = Rates.read(self.results)
        self.products = build_products(configuration, graph, self.notes(), read_texts(root / "docs"))

    # Artefacts

    def pending(self, kind: str, prefix: str = "") -> str:
        """Regular expression of the artefacts of a kind that are still to be made."""
        ids = (i for i in self.graph.nodes.get(kind, {}) if i.startswith(prefix))
        return pending(ids, f"{self.results}/{kind}/{{}}/manifest.json")

    def node(self, kind: str, name: str) -> Node:
        """One artefact of this plan."""
        return self.graph.nodes[kind][name]

    def markers(self, kind: str) -> list[str]:
        """The manifests of all artefacts of a kind."""
        return [node.marker(self.results) for node in self.graph.nodes.get(kind, {}).values()]

    def input_files(self, kind: str, name: str) -> list[str]:
        """What a job waits for: the manifests of its inputs."""
        return [node.marker(self.results) for node in self.node(kind, name).flat_inputs()]

    def arguments(self, kind: str, name: str) -> str:
        """The command line of a job, quoted for the shell."""
        node = self.node(kind, name)
        asked = [f"--devices {node.devices}"] if node.devices > 1 else []
        asked += ["--shard-model"] if node.launch.get("shard_model") else []
        made = _arguments(node.spec, node.input_paths(self.results), node.directory(self.results), self.results)
        return " ".join([made, *asked])

    def finished(self) -> int:
        """How many of the artefacts are there."""
        return sum(os.path.exists(marker) for kind in self.graph.nodes for marker in self.markers(kind))

    def planned(self) -> int:
        """How many artefacts there are, made or not."""
        return sum(map(len, self.graph.nodes.values()))

    # What a job needs

    def memory_mb(self, kind: str, name: str, attempt: int) -> int:
        """Megabytes that a job asks of a cluster."""
        return memory_mb(self.workloads.of(self.node(kind, name)), attempt)

    def runtime(self, kind: str, name: str, attempt: int) -> int:
        """Minutes that a job asks of a cluster."""
        return runtime_minutes(self.workloads.of(self.node(kind, name)), kind, self.rates, attempt)

    def devices(self, kind: str, name: str) -> int:
        """Accelerators that a job can use."""
        return self.node(kind, name).devices

    def remember_rates(self) -> None:
        """Keep how fast the jobs of this call were, for the estimates of the next one."""
        nodes = [node for nodes in self.graph.nodes.values() for node in nodes.values()]
        # Not `self.workloads`: what had to be assumed when this call was planned is known by now.
        known = Workloads(self.results, self.configuration.catalogue.models)
        with contextlib.suppress(OSError):  # a disk that is full spoils no call's end
            remember(self.results, nodes, known, self.started)

    # End products

    def files(self, kind: str) -> list[str]:
        """All files of the tables or of the figures."""
        found = [p for name, p in self.products.items() if name.startswith(f"{kind}s/")]
        return [f"{self.folder}/{file}" for product in found for file in product.files]

    def made_files(self) -> list[str]:
        """Files of the tables, the figures, the report and the model cards that are as they should be."""
        shown = (p for name, p in self.products.items() if "/" in name or name in DOCUMENTS)
        return [f"{self.folder}/{file}" for p in shown if p.is_made(self.folder) for file in p.files]

    @property
    def targets(self) -> list[str]:
        """What `all` asks for."""
        documents = [f"{self.folder}/{file}" for name in DOCUMENTS for file in self.products[name].files]
        return [*self.files("table"), *self.files("figure"), *documents]

    def outputs(self, name: str) -> list[str]:
        """Output patterns of the rule of one product."""
        return [f"<results>/{{experiment}}/{file}" for file in self.products[name].files]

    def due(self, name: str) -> str:
        """Regular expression of the experiment (or the tables, or the figures) whose product is still to be made."""
        if name in self.products:
            return NOTHING if self.is_made(name) else self.experiment
        kind = [n for n in self.products if n.startswith(f"{name}/") and not self.is_made(n)]
        return "|".join(n.partition("/")[2] for n in kind) or NOTHING

    def is_made(self, name: str) -> bool:
        """Whether a product lies there as this plan wants it."""
        return self.products[name].is_made(self.folder)

    def product_inputs(self, name: str) -> list[str]:
        """What the job of a product waits for, a temporary mark included where an outdated product must be replaced."""
        product = self.products[name]
        files = [node.marker(self.results) for node in product.flat_nodes()]
        files += [f"{self.folder}/{file}" for other in product.products for file in other.files]
        if product.is_stale(self.folder):
            files.append(str(self._mark(product)))
        return files

    def mark_due(self) -> None:
        """Make the marks of all outdated products, before Snakemake looks into any folder: it remembers what it saw there.

        A mark is an input newer than the outdated files: what makes Snakemake replace them, whatever it remembers of them.
        """
        for product in self.products.values():
            if product.is_stale(self.folder):
                mark = self._mark(product)
                mark.parent.mkdir(exist_ok=True)
                mark.touch()
                files = (Path(self.folder, file) for file in product.files)
                newer = max([mark.stat().st_mtime, *(file.stat().st_mtime + 1 for file in files if file.exists())])
                os.utime(mark, (newer, newer))

    def _mark(self, product: Product) -> Path:
        return Path(self.folder, ".due", product.name.replace("/", "."))

    def product_arguments(self, name: str) -> str:
        """The command line of a product's job, quoted for the shell."""
        product = self.products[name]
        inputs: dict[str, Any] = {"record": product.record(self.folder), "product_id": product.id}
        for role, value in product.nodes.items():
            if isinstance(value, Mapping):
                inputs[role] = {key: node.directory(self.results) for key, node in value.items()}
            else:
                inputs[role] = [node.directory(self.results) for node in value]
        if product.products:
            inputs["reads"] = [other.record(self.folder) for other in product.products]
        for other in product.products:
            if "/" not in other.name:
                inputs[other.name] = f"{self.folder}/{other.output}"
        return _arguments(product.spec, inputs, f"{self.folder}/{product.output}", self.results)

    def notes(self) -> list[str]:
        """What a reader of the results must know of how they came about."""
        notes = []
        if self.configuration.main.teacher:
            notes.append("The teacher was named for this call (--config teacher), not probed for.")
        for verdict in self.teacher_choice.get("verdicts", ()):
            if verdict["refused"]:
                notes.append(f"Teacher not used: {verdict['name']}: {verdict['refused']}")
        kept = sum(run.node.is_of_other_code for run in self.graph.runs)
        if kept:
            count = f"{kept} of {len(self.graph.runs)} runs"
            notes.append(f"{count} were made by other versions of the code (code=keep); table runs marks them.")
        return notes

    def call(self) -> str:
        """What must follow `--config` for the same plan: for commands that messages tell a person to type."""
        main = self.configuration.main.model_dump(mode="json", exclude_none=True)
        usual = {**MainConfig().as_json(), **read_yaml(self.root / "config" / "config.yaml"), "experiment": None}
        return " ".join(shlex.quote(f"{key}={value}") for key, value in main.items() if value != usual.get(key))

    def begin(self) -> None:
        """Start a call that makes files: remove what killed jobs left of finished things, and note which logs there are."""
        remove_leftovers(Path(self.results), self.graph.nodes, Path(self.folder))
        self._logs = log_times(Path(self.results, "logs"))

    def failures(self) -> str:
        """What the jobs failed with since the call began, for a terminal."""
        return describe(failures(Path(self.results, "logs"), self._logs))


def make_plan(root: Path, main: Mapping[str, Any], *, probe: bool) -> Plan:
    """Read and check the configuration and plan it.

    Args:
        root: folder of the Snakefile.
        main: Snakemake's `config`: config.yaml with `--config` merged over it.
        probe: whether a teacher that is not chosen yet is probed for; a call that makes nothing that needs the teacher
            plans with the first candidate instead.

    Raises:
        ConfigError: something in the configuration is wrong, or no teacher can be used.
    """
    configuration = load_configuration(root / "config", main)
    check(configuration, root)
    choice = choose_teacher(configuration, root, probe=probe)
    return Plan(root, configuration, build_graph(configuration, choice["choice"]), choice)


def _arguments(spec: Mapping[str, Any], inputs: Mapping[str, Any], output: str, results: str) -> str:
    values = [argument(canonical_json(value), results) for value in (spec, inputs)]
    return f"--spec {values[0]} --inputs {values[1]} --output {shlex.quote(output)}"
