"""Digests of code: which files count for a stage, and which changes of them do."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from potstill.plan import code, methods
from potstill.plan.specs.table import TABLES

SCRIPTS = code.SCRIPTS
METHODS = ("b0", "kd1", "kd2", "kd3")
TARGETS = ("label_logits", "token_logits", "generations", "hidden_states")
FIGURES = sorted(path.stem for path in (SCRIPTS / "potstill" / "figures").glob("fig_*.py"))

# Every stage as the plan asks for its digest: script, roots.
STAGES = [
    *((f"{name}.py", ()) for name in ("fetch_model", "fetch_dataset", "prepare_task", "predict_teacher")),
    *(
        (f"{name}.py", ())
        for name in (
            "benchmark_model",
            "collect_runs",
            "collect_benchmarks",
            "compare",
            "analyse_errors",
            "collect_costs",
            "collect_transfer",
            "write_model_cards",
        )
    ),
    *(("train_student.py", (f"potstill.methods.{m}", f"potstill.plan.methods.{m}")) for m in METHODS),
    *(("capture_targets.py", (f"potstill.targets.{kind}",)) for kind in TARGETS),
    *(("write_table.py", (f"potstill.report.tables.{table}",)) for table in TABLES),
    ("write_report.py", tuple(f"potstill.report.tables.{table}" for table in TABLES)),
    *(("draw_figure.py", (f"potstill.figures.{figure}",)) for figure in FIGURES),
]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A little project: `files({"stage.py": source, ...})` writes it and forgets what was read before."""
    monkeypatch.setattr(code, "SCRIPTS", tmp_path)

    def forget():
        for cached in (code.code_digest, code._files, code._meaning, code._version):
            cached.cache_clear()

    def files(sources):
        for name, source in sources.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
        forget()

    yield files
    forget()


def names(script="stage.py", roots=()):
    return {path.relative_to(code.SCRIPTS).as_posix() for path in code.closure(script, roots)}


# Which files


def test_imports_are_followed_however_they_are_written(package):
    package(
        {
            "stage.py": "import potstill.a\nfrom potstill import b\nfrom potstill.sub.c import f\n",
            "potstill/__init__.py": "",
            "potstill/a.py": "def g():\n    from potstill import late\n",
            "potstill/b.py": "import json, os\nfrom . import d\nfrom .sub import e as other\n",
            "potstill/d.py": "",
            "potstill/late.py": "x = 1",
            "potstill/unused.py": "",
            "potstill/sub/__init__.py": "from potstill.sub import started\n",
            "potstill/sub/started.py": "from ..up import h\n",
            "potstill/sub/c.py": "f = 1",
            "potstill/sub/e.py": "",
            "potstill/up.py": "h = 1",
        }
    )
    assert names() == {
        "stage.py",
        *(f"potstill/{name}.py" for name in ("a", "b", "late", "sub/__init__", "sub/started", "sub/c", "up")),
    }


def test_files_without_code_do_not_count_and_need_not_exist(package):
    package({"stage.py": "import potstill.a\n", "potstill/a.py": "x = 1\n"})
    without = code.code_digest("stage.py")
    package({"potstill/__init__.py": ""})
    assert code.code_digest("stage.py") == without
    package({"potstill/__init__.py": "x = 1\n"})
    assert code.code_digest("stage.py") != without


def test_circles_end(package):
    package(
        {"stage.py": "import potstill.a", "potstill/a.py": "import potstill.b", "potstill/b.py": "import potstill.a"}
    )
    assert names() == {"stage.py", "potstill/a.py", "potstill/b.py"}


def test_neutral_modules_and_what_only_they_import_are_left_out(package, monkeypatch):
    monkeypatch.setattr(code, "NEUTRAL", {"potstill.progress": "shown only"})
    package(
        {
            "stage.py": "from potstill import progress\nfrom potstill.progress import bar\nimport potstill.a\n",
            "potstill/progress.py": "import potstill.clock\nbar = 1",
            "potstill/clock.py": "t = 1",
            "potstill/a.py": "x = 1",
        }
    )
    assert names() == {"stage.py", "potstill/a.py"}


def test_roots_count_where_they_are_used_and_nowhere_else(package):
    sources = {
        "stage.py": "import potstill.base",
        "potstill/base.py": "x = 1",
        "potstill/methods/kd1.py": "import potstill.losses.kl",
        "potstill/methods/kd3.py": "import potstill.losses.feature",
        "potstill/losses/kl.py": "x = 1",
        "potstill/losses/feature.py": "x = 1",
    }
    package(sources)
    roots = {name: (f"potstill.methods.{name}",) for name in ("kd1", "kd3")}
    before = {name: code.code_digest("stage.py", root) for name, root in roots.items()}
    package({"potstill/losses/feature.py": "x = 2"})
    after = {name: code.code_digest("stage.py", root) for name, root in roots.items()}
    assert before["kd1"] == after["kd1"]
    assert before["kd3"] != after["kd3"]
    package({"potstill/base.py": "x = 2"})
    assert all(code.code_digest("stage.py", root) != after[name] for name, root in roots.items())


# Which changes

SOURCE = '''"""A module."""

from pydantic import Field

LIMIT = 1_000


class Settings(Record):
    """Settings."""

    epochs: float = Field(3, gt=0, description="passes")


def loss(a: float, *, weight: float = 0.5) -> float:
    """A loss."""
    # the mean
    return (a + LIMIT) * weight
'''

SAME = {
    "comment": ("# the mean", "# the weighted mean of all, and more"),
    "docstring": ('"""A loss."""', '"""Another text.\n\n    Of several lines.\n    """'),
    "no docstring": ('    """A loss."""\n', ""),
    "module docstring": ('"""A module."""', '"""Anything."""'),
    "class docstring": ('    """Settings."""\n\n', ""),
    "blank lines": ("\n\nclass", "\n\n\n\n\nclass"),
    "line breaks": ("return (a + LIMIT) * weight", "return (\n        a\n        + LIMIT\n    ) * weight"),
    "parentheses": ("(a + LIMIT) * weight", "((a) + LIMIT) * (weight)"),
    "quotes": ('description="passes"', "description='passes'"),
    "spelling of a number": ("1_000", "1000"),
    "description": ('description="passes"', 'description="passes over the training examples"'),
    "no description": (', description="passes"', ""),
    "line ends": ("\n", "\r\n"),
}
OTHER = {
    "constant": ("1_000", "1_001"),
    "type of a constant": ("1_000", "1_000.0"),
    "operator": ("a + LIMIT", "a - LIMIT"),
    "order": ("(a + LIMIT) * weight", "a + (LIMIT * weight)"),
    "default": ("weight: float = 0.5", "weight: float = 0.4"),
    "default of a field": ("Field(3", "Field(4"),
    "bound of a field": ("gt=0", "ge=0"),
    "name": ("LIMIT", "BOUND"),
    "keyword": ("weight", "mass"),
    "type": ("epochs: float", "epochs: int"),
    "base": ("Settings(Record)", "Settings(Other)"),
    "statement": ("    return", "    a += 1\n    return"),
    "text that is used": ("def loss", 'NAME = "x"\n\n\ndef loss'),
    "description elsewhere": ("Field(3, gt=0,", "field(3, gt=0,"),
}


@pytest.mark.parametrize(("old", "new"), SAME.values(), ids=SAME)
def test_changes_that_mean_nothing_change_nothing(package, old, new):
    package({"stage.py": SOURCE})
    before = code.code_digest("stage.py")
    assert old in SOURCE
    package({"stage.py": SOURCE.replace(old, new)})
    assert code.code_digest("stage.py") == before


@pytest.mark.parametrize(("old", "new"), OTHER.values(), ids=OTHER)
def test_changes_that_mean_something_change_the_digest(package, old, new):
    package({"stage.py": SOURCE})
    before = code.code_digest("stage.py")
    assert old in SOURCE
    package({"stage.py": SOURCE.replace(old, new)})
    assert code.code_digest("stage.py") != before


def test_the_place_of_a_module_counts(package):
    package({"stage.py": "import potstill.a\nimport potstill.b", "potstill/a.py": "x = 1", "potstill/b.py": "x = 2"})
    before = code.code_digest("stage.py")
    package({"potstill/a.py": "x = 2", "potstill/b.py": "x = 1"})
    assert code.code_digest("stage.py") != before


def test_versions_of_libraries_count(package, monkeypatch):
    package({"stage.py": "x = 1"})
    without, digests = code.code_digest("stage.py"), set()
    for version in ("2.13.0", "2.14.0"):
        monkeypatch.setattr(code.importlib.metadata, "version", lambda name, version=version: version)
        code.code_digest.cache_clear()
        code._version.cache_clear()
        digests.add(code.code_digest("stage.py", (), ("torch",)))
        assert code.code_digest("stage.py") == without
    assert len(digests | {without}) == 3


def test_an_absent_library_is_no_error(package):
    package({"stage.py": "x = 1"})
    assert code.code_digest("stage.py", (), ("no-such-library",)) != code.code_digest("stage.py")


# This project


def test_neutral_modules_exist_and_say_why():
    for module, reason in code.NEUTRAL.items():
        assert SCRIPTS.joinpath(*module.split(".")).with_suffix(".py").is_file(), module
        assert reason


def test_what_makes_the_numbers_counts():
    trained = names("train_student.py", method_roots("b0"))
    for module in ("training/trainer", "models/load", "models/batch", "methods/interface", "tables"):
        assert f"potstill/{module}.py" in trained
    assert not [
        name for name in trained if name.startswith(("potstill/figures", "potstill/report", "potstill/statistics"))
    ]


def test_a_loss_counts_for_the_methods_that_use_it():
    users = {
        loss: {m for m in METHODS if f"potstill/losses/{loss}.py" in names("train_student.py", method_roots(m))}
        for loss in ("feature", "topk", "uld", "cross_entropy")
    }
    assert users == {"feature": {"kd3"}, "topk": {"kd1"}, "uld": {"kd1"}, "cross_entropy": set(METHODS)}


def method_roots(method):
    return (f"potstill.methods.{method}", f"potstill.plan.methods.{method}")


@pytest.mark.parametrize("method", METHODS)
def test_a_methods_file_counts_for_that_method_alone(method, monkeypatch):
    def digests():
        fresh = code.code_digest.__wrapped__  # not remembered
        return {name: fresh("train_student.py", method_roots(name)) for name in METHODS}

    before, meaning, file = digests(), code._meaning, SCRIPTS / f"potstill/methods/{method}.py"
    monkeypatch.setattr(code, "_meaning", lambda path: ("other", meaning(path)[1]) if path == file else meaning(path))
    after = digests()
    assert {name for name in METHODS if before[name] != after[name]} == {method}


def test_figures_and_tables_have_files_of_their_own():
    for script, prefix, all_names in (
        ("draw_figure.py", "figures", FIGURES),
        ("write_table.py", "report.tables", TABLES),
    ):
        for name in all_names:
            found = names(script, (f"potstill.{prefix}.{name}",))
            assert [other for other in all_names if f"potstill/{prefix.replace('.', '/')}/{other}.py" in found] == [
                name
            ]


def test_modules_chosen_by_name_are_known():
    """A new import by name hides code from the digest until the plan names it as a root."""
    found = {}
    for path in sorted(SCRIPTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "importlib.import_module",
                "import_module",
                "__import__",
            ):
                found[path.relative_to(SCRIPTS).as_posix()] = ast.unparse(node.args[0])
    assert found == {
        "potstill/figures/output.py": "f'potstill.figures.{name}'",
        "potstill/methods/interface.py": "f'potstill.methods.{name}'",
        "potstill/plan/methods/__init__.py": "f'{__name__}.{name}'",
        "potstill/targets/capture.py": "f'potstill.targets.{spec.target.kind}'",
        "potstill/report/tables/__init__.py": "f'potstill.report.tables.{name}'",
    }
    assert methods.names() == list(METHODS)
    for _, roots in STAGES:
        for root in roots:
            assert importlib.util.find_spec(root), root


IMPORT_STAGES = """
import ast, importlib, json, sys
from pathlib import Path

scripts = Path(sys.argv[1])
sys.path.insert(0, str(scripts))
loaded = []
for script, roots in json.loads(sys.argv[2]):
    for name in [m for m in sys.modules if m.split(".")[0] == "potstill" or (scripts / f"{m}.py").exists()]:
        del sys.modules[name]
    importlib.import_module(script.removesuffix(".py"))
    # What the stage imports when it is at work, and the modules that it chooses by name.
    tree = ast.parse((scripts / script).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    exec(compile(ast.Module(imports, []), script, "exec"), {})
    for root in roots:
        importlib.import_module(root)
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    local = sorted(Path(f).resolve().relative_to(scripts).as_posix() for f in files if f and str(scripts) in f)
    loaded.append([script, roots, local])
print(json.dumps(loaded))
"""


def test_no_module_at_work_is_missing_from_the_digest():
    """The static closure against `sys.modules` after really importing everything that each stage imports."""
    command = [sys.executable, "-c", IMPORT_STAGES, str(SCRIPTS), json.dumps(STAGES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    neutral = {f"{module.replace('.', '/')}.py" for module in code.NEUTRAL}
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert len(loaded) == len(STAGES)
    for script, roots, files in loaded:
        with_code = {name for name in files if Path(SCRIPTS, name).stat().st_size}
        missing = with_code - names(script, roots) - neutral
        assert not missing, f"{script} {roots}"
        assert script in files
        assert len(files) > 2
