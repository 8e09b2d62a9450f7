"""Nothing in the project can run code that comes with data: no pickle, no evaluation of text, no unsafe YAML.

Read from the syntax trees of all Python files and of the workflow, so a comment or a message about pickles does not count.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from potstill.errors import ConfigError
from potstill.plan import read

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(p for folder in ("workflow_scripts", "tests") for p in (ROOT / folder).rglob("*.py"))
WORKFLOW = [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]

MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
CALLS = {
    "eval", "exec", "compile", "__import__",
    "torch.load", "torch.save", "torch.jit.load", "torch.hub.load", "pd.read_pickle", "pandas.read_pickle",
    "np.load", "numpy.load",
    "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "yaml.Loader", "yaml.UnsafeLoader",
    "os.system", "tarfile.open", "shutil.unpack_archive",
}  # fmt: skip
METHODS = {"to_pickle", "extractall", "read_pickle"}
KEYWORDS = {"trust_remote_code", "allow_pickle", "weights_only", "shell"}

# (file, what) -> why it may stand there.
ALLOWED = {
    ("workflow_scripts/potstill/plan/read.py", "yaml.load"): "with a loader that is a SafeLoader: tested below",
    (
        "workflow_scripts/potstill/plan/graph.py",
        "trust_remote_code=entry.trust_remote_code",
    ): "what config/models.yaml says",
    (
        "workflow_scripts/potstill/models/load.py",
        "trust_remote_code=view.trust_remote_code",
    ): "what config/models.yaml says",
    ("tests/sources/test_gguf.py", "trust_remote_code=False"): "the check of a directory without code",
    ("tests/workflow/test_corruption.py", "shell=True"): "commands that messages tell a person to type",
}


def findings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
            case ast.ImportFrom() if (node.module or "").split(".")[0] in MODULES:
                yield str(node.module)
            case ast.ImportFrom():
                yield from (f"{node.module}.{a.name}" for a in node.names if f"{node.module}.{a.name}" in CALLS)
            case ast.Call():
                name = ast.unparse(node.func)
                if name in CALLS or name.rpartition(".")[2] in METHODS:
                    yield name
                for keyword in node.keywords:
                    if keyword.arg in KEYWORDS:
                        yield f"{keyword.arg}={ast.unparse(keyword.value)}"


def all_findings() -> set[tuple[str, str]]:
    trees = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
    return {(name, what) for name, tree in trees.items() for what in findings(tree)}


def test_nothing_that_runs_code_from_data_but_what_is_allowed_and_why() -> None:
    found = all_findings()
    assert found - ALLOWED.keys() == set()
    assert ALLOWED.keys() - found == set(), "no longer there: take it out of the list"


def test_rules_hold_no_such_thing_either() -> None:
    for path in WORKFLOW:
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"\b(pickle|joblib|torch\.load|eval\(|exec\(|yaml\.|trust_remote_code|script:|run:)", text
        ), path


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from joblib import load", "torch.load('x')", "eval('1')", "yaml.load(text, Loader=yaml.Loader)",
        "from yaml import unsafe_load", "archive.extractall('x')", "f(trust_remote_code=True)", "np.load('x', allow_pickle=True)",
        "subprocess.run('x', shell=True)",
    ],
)  # fmt: skip
def test_each_of_them_would_be_found(code: str) -> None:
    assert list(findings(ast.parse(code)))
    assert not list(findings(ast.parse("model.eval()\nload_file('x')\n'torch.load'  # pickle\nyaml.safe_load('x')")))


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system [touch ran]",
        "a: !!python/name:os.system",
        "a: !!python/object/new:subprocess.Popen [[touch, ran]]",
        "a: !!python/module:os",
    ],
)
def test_yaml_that_asks_for_code_is_refused_and_runs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert issubclass(read._Loader, yaml.SafeLoader)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"x\.yaml, line 1: not valid YAML: could not determine a constructor"):
        read.read_yaml(tmp_path / "x.yaml")
    assert not (tmp_path / "ran").exists()
