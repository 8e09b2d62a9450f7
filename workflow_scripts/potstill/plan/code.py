"""Digests of code: which source files can change an artefact, and a hash of what they mean.

The files are a script and the transitive closure of its imports inside this repository, plus the modules that are
chosen by name at run time. Each counts as a normalised syntax tree, so comments, docstrings, formatting, and the descriptions of
configuration keys do not count.
"""

import ast
import functools
import hashlib
import importlib.metadata
from collections.abc import Iterable
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]  # workflow_scripts/

# Modules that cannot change what an artefact says. A test makes the same run with those silenced that run beside a training.
NEUTRAL = {
    "potstill.artefacts": "names, manifests and checks: moves bytes, never makes them",
    "potstill.checkpoints": "an interrupted job goes on to the same bytes",
    "potstill.devices.launch": "starts the processes of a job; what they compute together is in devices.group",
    "potstill.devices.lease": "which of several equal devices a job gets",
    "potstill.devices.visible": "how many there are",
    "potstill.errors": "kinds of errors: a job that fails leaves no artefact",
    "potstill.jobs": "what a job is called in what it prints",
    "potstill.faults": "tests alone ask for them",
    "potstill.long_arguments": "the command line",
    "potstill.models.finished_batches": "keeps rows as they are, for the job to go on from",
    "potstill.products": "records of named end products",
    "potstill.progress": "what a person sees meanwhile",
    "potstill.provenance": "what the records say of versions and commit; the versions that count are in the digest",
    "potstill.shortage": "messages of too little memory, and of full and read-only disks",
    "potstill.sole_maker": "who makes an artefact, not what is in it",
    "potstill.stage": "the command line",
    "potstill.storage": "messages of full and read-only disks",
    "potstill.temporary": "where files lie while they are written",
    "potstill.training.checkpoint": "an interrupted run goes on to the same bytes",
    "potstill.version_gate": "refuses versions of libraries; those that count are in the digest",
    "potstill.training.card": "the model card: described beside the weights, read by no stage",
}

# Libraries whose version can change the numbers of a stage that computes with tensors.
TENSOR_LIBRARIES = ("torch", "transformers", "tokenizers", "peft")


@functools.cache
def code_digest(
    script: str, roots: tuple[str, ...] = (), libraries: tuple[str, ...] = (), texts: tuple[str, ...] = ()
) -> str:
    """Hexadecimal digest of all code behind a stage.

    Args:
        script: file name of the stage script below `workflow_scripts/`.
        roots: modules that the stage chooses by name at run time, such as `potstill.methods.kd3`.
        libraries: distributions whose installed versions count.
        texts: files below `workflow_scripts/` that count byte for byte, such as templates.
    """
    digest = hashlib.sha256()
    for path in closure(script, roots):
        digest.update(f"{path.relative_to(SCRIPTS).as_posix()} {_meaning(path)[0]}\n".encode())
    for name in libraries:
        digest.update(f"{name}=={_version(name)}\n".encode())
    for text in texts:
        digest.update(f"{text} {hashlib.sha256((SCRIPTS / text).read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def closure(script: str, roots: Iterable[str] = ()) -> list[Path]:
    """Every local source file that the script and the roots import, directly or not, sorted; neutral ones left out."""
    waiting = [SCRIPTS / script]
    for root in roots:
        waiting += _files(root)
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [file for module in _meaning(path)[1] for file in _files(module)]
    return sorted(found)


@functools.cache
def _files(module: str) -> list[Path]:
    """The files that an import of `module` runs: its own and its packages' `__init__.py`; none if it is not ours."""
    if module in NEUTRAL:
        return []
    parts = module.split(".")
    location = SCRIPTS.joinpath(*parts)
    candidates = [SCRIPTS.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)]
    candidates.append(location.with_suffix(".py"))
    # An `__init__.py` without code changes nothing, whether it is there or not.
    return [path for path in candidates if path.is_file() and path.stat().st_size]


@functools.cache
def _meaning(path: Path) -> tuple[str, tuple[str, ...]]:
    """Hash of the normalised syntax tree, and the modules that the file may import."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    imported: set[str] = set()
    package = path.relative_to(SCRIPTS).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            # `from package import name` runs the package, and the module of that name if there is one.
            imported.update([base, *(f"{base}.{alias.name}" for alias in node.names)])
        elif isinstance(node, ast.Call):
            node.keywords = [k for k in node.keywords if not (k.arg == "description" and _is_field(node))]
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    local = tuple(sorted(name for name in imported if name.split(".")[0] == "potstill"))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), local


def _is_field(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "Field"


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        node.body = node.body[1:]


@functools.cache
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
