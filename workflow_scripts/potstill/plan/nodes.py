"""Nodes of the plan: what each artefact depends on, and the name that follows from it."""

import dataclasses
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from potstill.artefacts import MANIFEST, canonical_json, is_finished

SPEC_DIGITS, CODE_DIGITS = 10, 6
SLUG_LENGTH = 160  # a file name may have 255 bytes; temporary ones are longer than an artefact's


@dataclass(frozen=True)
class Node:
    """One content-addressed artefact.

    Attributes:
        kind: folder below `results/`.
        slug: readable start of its name.
        spec: canonical data: only what the artefact really depends on.
        code: digest of the code that makes it.
        inputs: role -> node or nodes it is made from.
        local: role -> path on this machine. The spec holds the digest of what lies there; where it lies does not count.
        launch: how its job runs where that changes nothing: `devices` (default 1) and `shard_model` (default False).
        kept: name of a finished artefact of the same spec that stands in for it (`code=keep`).
    """

    kind: str
    slug: str
    spec: Mapping[str, Any]
    code: str
    inputs: Mapping[str, "Node | tuple[Node, ...]"] = field(default_factory=dict)
    local: Mapping[str, str] = field(default_factory=dict)
    launch: Mapping[str, Any] = field(default_factory=dict)
    kept: str | None = None

    @cached_property
    def spec_digest(self) -> str:
        """Digest of what was asked for: the spec and, recursively, that of the inputs."""
        parts = {role: [n.spec_digest for n in nodes] for role, nodes in self._by_role()}
        return digest([self.kind, self.spec, parts])

    @cached_property
    def code_digest(self) -> str:
        """Digest of how it is made, as it stands in the name: its code and, recursively, that of the inputs."""
        if self.kept:
            return self.kept.rpartition(".")[2]
        # As in the names: of a kept artefact no more is known, and an equal one must give an equal digest.
        parts = {role: [n.code_digest for n in nodes] for role, nodes in self._by_role()}
        return digest([self.code, parts])[:CODE_DIGITS]

    @property
    def is_of_other_code(self) -> bool:
        """Whether a finished artefact that other code made stands in for this one."""
        return self.kept is not None and self.kept != dataclasses.replace(self, kept=None).id

    @cached_property
    def stem(self) -> str:
        """The name without its code part."""
        return f"{self.slug}-{self.spec_digest[:SPEC_DIGITS]}"

    @cached_property
    def id(self) -> str:
        """The artefact's name: `<slug>-<spec digest>.<code digest>`."""
        return self.kept or f"{self.stem}.{self.code_digest}"

    def directory(self, results: str) -> str:
        """Where it lies."""
        return f"{results}/{self.kind}/{self.id}"

    def marker(self, results: str) -> str:
        """The file whose presence means that it is finished."""
        return f"{self.directory(results)}/{MANIFEST}"

    @property
    def devices(self) -> int:
        """GPUs (without any: processes) that its job computes on."""
        devices: int = self.launch.get("devices", 1)
        return devices

    def flat_inputs(self) -> list["Node"]:
        """All direct inputs."""
        return [node for _, nodes in self._by_role() for node in nodes]

    def input_paths(self, results: str) -> dict[str, str | list[str]]:
        """Role -> path or list of paths, as a stage script gets them."""
        paths: dict[str, str | list[str]] = {
            role: nodes.directory(results) if isinstance(nodes, Node) else [n.directory(results) for n in nodes]
            for role, nodes in sorted(self.inputs.items())
        }
        return {**paths, **self.local}

    def _by_role(self) -> list[tuple[str, tuple["Node", ...]]]:
        return [(role, (n,) if isinstance(n, Node) else n) for role, n in sorted(self.inputs.items())]


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def slug(*parts: str) -> str:
    """Readable parts joined to something that is safe as a file name, and short enough to leave room for digests."""
    safe = [re.sub(r"[^A-Za-z0-9_.+-]+", "-", part).strip("-.") for part in parts]
    return ".".join(part for part in safe if part)[:SLUG_LENGTH].rstrip("-.") or "unnamed"


def pending(ids: Iterable[str], path: str) -> str:
    """Regular expression of the ids whose `path` (with `{}` for the id) is still to be made.

    A finished artefact is a fact, not a job: used as a wildcard constraint, no rule matches it, so that for Snakemake it is
    a source file and no trigger of any kind can make it again.
    """
    missing = sorted(i for i in ids if not os.path.exists(path.format(i)))
    return "|".join(map(re.escape, missing)) or "(?!)"


class Keeper:
    """Finds finished artefacts by what was asked for, whatever code made them (`--config code=keep`)."""

    def __init__(self, results: str) -> None:
        self.results = results
        self._finished: dict[str, dict[str, str]] = {}

    def find(self, node: Node) -> str | None:
        """Name of the newest finished artefact with the node's spec digest, if there is one."""
        if node.kind not in self._finished:
            self._finished[node.kind] = self._scan(node.kind)
        return self._finished[node.kind].get(node.stem)

    def _scan(self, kind: str) -> dict[str, str]:
        folder = Path(self.results, kind)
        found = [p for p in folder.iterdir() if is_finished(p)] if folder.is_dir() else []
        found.sort(key=lambda p: (p / MANIFEST).stat().st_mtime)
        return {p.name.rpartition(".")[0]: p.name for p in found}
