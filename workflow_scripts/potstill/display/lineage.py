"""What an artefact was made from, as a tree: every input down to the sources, with digests, versions, command and commit."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.markup import escape
from rich.tree import Tree

from potstill.artefacts import is_finished, read_manifest
from potstill.plan.nodes import Node

SHOWN_VERSIONS = ("potstill", "python", "torch", "transformers", "tokenizers", "peft", "numpy", "pandas")


def lineage(node: Node, results: str, seen: set[str], role: str = "") -> Tree:
    """The tree of one artefact and, below it, of its inputs; each is told in full once.

    Args:
        results: folder of all results.
        seen: ids that stand above already; is added to.
        role: what the artefact is to the one above it.

    Raises:
        ArtefactError: a manifest is damaged.
    """
    title = f"{escape(role)}: " * bool(role) + f"[bold]{escape(f'{node.kind}/{node.id}')}[/bold]"
    if node.id in seen:
        return Tree(f"{title} (told above)")
    seen.add(node.id)
    tree = Tree(title)
    folder = Path(node.directory(results))
    if is_finished(folder):
        for line in (*origin(read_manifest(folder)), *content(node, folder)):
            tree.add(escape(line))
    else:
        tree.add("not there any more: removed since")
    for input_role, nodes in sorted(node.inputs.items()):
        for given in (nodes,) if isinstance(nodes, Node) else nodes:
            tree.children.append(lineage(given, results, seen, input_role))
    return tree


def origin(record: Mapping[str, Any]) -> Iterator[str]:
    """Who made it, when and from what source, in lines: of a manifest, or of a record of an end product."""
    if source := record.get("origin"):
        yield "source: " + ", ".join(f"{key} {value}" for key, value in source.items() if value is not None)
    if licence := record.get("licence"):
        yield f"licence: {licence}"
    script = (record.get("command") or ["?"])[0]
    commit = record.get("commit") or "no commit on record"
    changed = " with changes that are not committed" if record.get("modified") else ""
    took = [
        f"{record[key]}{unit}" for key, unit in (("created", ""), ("seconds", " s"), ("device", "")) if key in record
    ]
    yield f"made by {script} of commit {commit}{changed}" + (f" ({', '.join(took)})" if took else "")
    yield f"command: {shlex.join(record.get('command') or ['?'])}"
    versions = record.get("versions") or {}
    yield "versions: " + ", ".join(f"{name} {versions[name]}" for name in SHOWN_VERSIONS if name in versions)
    digests = record.get("digests")
    if digests:
        yield f"digests: spec {digests['spec']}, code {digests['code']}"


def content(node: Node, folder: Path) -> Iterator[str]:
    """What the artefact is, in lines: settings of a run, rows of each split."""
    spec = node.spec
    if node.kind == "examples":
        rows = ", ".join(f"{path.stem} {pq.read_metadata(path).num_rows}" for path in sorted(folder.glob("*.parquet")))
        yield f"rows: {rows}"
    if node.kind == "targets":
        yield f"{spec['target']['kind']}, shard {spec['shard'] + 1} of {spec['shards']}"
    if node.kind == "runs":
        options = ", ".join(f"{key} {value}" for key, value in spec["options"].items())
        yield f"method {spec['method']}" + (f" ({options})" if options else "") + f", seed {spec['seed']}"
