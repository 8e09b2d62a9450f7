"""All shards of one kind of targets: verified, of one teacher, complete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from potstill import artefacts
from potstill.artefacts import rebuild_hint
from potstill.errors import ArtefactError
from potstill.tables import read_table


@dataclass(frozen=True)
class Shards:
    """What the shards have in common, and where each example is.

    Attributes:
        paths: the shards' folders, in the order of their numbers.
        target: the spec of what is stored.
        tokenizer: fingerprint of the teacher's tokenizer.
        rows: example id -> row in the concatenated tables.
        splits: each row's split.
        shard: [M] each row's position in `paths`.
    """

    paths: tuple[Path, ...]
    target: Mapping[str, Any]
    tokenizer: str
    rows: Mapping[str, int]
    splits: tuple[str, ...]
    shard: np.ndarray

    def find(self, example_ids: Sequence[str]) -> list[int]:
        """The rows of these examples.

        Raises:
            ArtefactError: one of them is in none of the shards.
        """
        try:
            return [self.rows[example_id] for example_id in example_ids]
        except KeyError as missing:
            where = ", ".join(map(str, self.paths))
            raise ArtefactError(
                f"{where}: no row for example {missing.args[0]}, so these targets were made from other examples. "
                f"{rebuild_hint(self.paths[0])}"
            ) from None

    def offsets(self, offsets: Sequence[int], sizes: Sequence[int]) -> np.ndarray:
        """Offsets in the concatenated tensors: each shard, with `sizes` rows, begins behind the shards before it."""
        before = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        return np.asarray(offsets, dtype=np.int64) + before[self.shard]

    def require_tokenizer(self, tokenizer: str | None) -> None:
        """Compare the teacher's tokenizer with a student's fingerprint, where one is given.

        Raises:
            ArtefactError: they differ.
        """
        if tokenizer is not None and tokenizer != self.tokenizer:
            raise ArtefactError(
                f"{self.paths[0]}: made with tokenizer {self.tokenizer}, the student has {tokenizer}: their tokens are "
                f"not the same. Use alignment: uld for tokens, or pooling: last or mean for hidden states."
            )


def open_shards(shards: Sequence[Path], kind: str, table: str) -> tuple[Shards, dict[str, list[Any]]]:
    """Verify all shards of one kind and read their tables one behind the other.

    Returns:
        what they have in common, and the columns.

    Raises:
        ArtefactError: a byte is wrong, a shard is missing or there twice, or two shards differ in teacher, tokenizer or
            spec; names the file and the command that rebuilds it.
    """
    if not shards:
        raise ArtefactError(f"no shards of {kind} were given")
    manifests = {Path(path): artefacts.verify(path) for path in shards}
    paths = sorted(manifests, key=lambda path: manifests[path]["spec"].get("shard", 0))
    first = manifests[paths[0]]
    for path in paths:
        manifest = manifests[path]
        if manifest.get("kind") != kind:
            raise ArtefactError(f"{path}: holds {manifest.get('kind')}, but {kind} were expected")
        for what in ("teacher", "tokenizer"):
            if manifest[what] != first[what]:
                raise ArtefactError(
                    f"{path}: of {what} {manifest[what]}, but {paths[0]} is of {first[what]}. {rebuild_hint(path)}"
                )
        if _common(manifest["spec"]) != _common(first["spec"]):
            raise ArtefactError(f"{path}: made with another spec than {paths[0]}. {rebuild_hint(path)}")
    expected, found = first["spec"]["shards"], [manifests[path]["spec"]["shard"] for path in paths]
    if found != list(range(expected)):
        raise ArtefactError(
            f"{paths[0].parent}: shards {[shard + 1 for shard in found]} of {expected} of {kind} were given, but each "
            f"is needed exactly once"
        )
    columns: dict[str, list[Any]] = {}
    sizes = []
    for path in paths:
        content = read_table(path / table).to_pydict()
        sizes.append(len(content["example_id"]))
        for name, values in content.items():
            columns.setdefault(name, []).extend(values)
    rows = {example_id: row for row, example_id in enumerate(columns["example_id"])}
    if len(rows) < sum(sizes):
        raise ArtefactError(f"{paths[0].parent}: an example has more than one row of {kind}. {rebuild_hint(paths[0])}")
    shard = np.repeat(np.arange(len(paths)), sizes)
    return Shards(
        tuple(paths), first["spec"]["target"], first["tokenizer"], rows, tuple(columns["split"]), shard
    ), columns


def _common(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key != "shard"}
