"""The plan's answers to the rules: command lines that survive a shell, a light import, a teacher chosen once."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from configuration_changes import REPOSITORY
from hypothesis import given
from hypothesis import strategies as st
from potstill.artefacts import canonical_json
from potstill.errors import ConfigError
from potstill.plan import probe
from potstill.plan.plan import _arguments, make_plan
from potstill.plan.specs.probe import ProbeSpec

LINUX_LIMIT = 128 * 1024  # bytes that one argument (here: the command of `bash -c`) may have

ECHO = """
import argparse, json, sys
from pathlib import Path
parser = argparse.ArgumentParser()
for name in ("--spec", "--inputs", "--output"):
    parser.add_argument(name)
given = parser.parse_args()
read = lambda text: json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
print(json.dumps([read(given.spec), read(given.inputs), given.output]))
"""

NASTY = [
    "Review: {text}\nSentiment:",
    """it's "quoted" 'twice' `date` $(date) $HOME ${PATH} %s %(x)s""",
    "back\\slash \\n \\\\ tab\t ! # ~ * ? [a] | & ; < > ( ) = @file",
    "{{braces}} {params.job} {wildcards} {{{",
    "Überraschung 任务 \U0001f642 \u2028 \x7f",
    "-n --output x",
    " leading and trailing ",
    "",
]


def through_the_shell(arguments, folder):
    """What a stage script would read, from a real bash and a real Python."""
    (folder / "echo.py").write_text(ECHO)
    command = f"set -euo pipefail; {shlex.quote(sys.executable)} echo.py {arguments}"
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


# Command lines


@pytest.mark.parametrize("text", NASTY)
def test_texts_survive_the_shell(tmp_path, text):
    spec = {"prompt": text, text or "empty": [text]}
    assert through_the_shell(_arguments(spec, {"a": "x"}, "out put/é'", "results"), tmp_path) == [
        spec,
        {"a": "x"},
        "out put/é'",
    ]


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=30), max_size=4))
def test_quoting_is_what_a_shell_undoes(spec):
    words = shlex.split(_arguments(spec, {}, "out", "results"))
    assert words == ["--spec", canonical_json(spec), "--inputs", "{}", "--output", "out"]


@pytest.mark.parametrize("letter", ["x", "'", "任", '"', "\n"])
def test_long_arguments_go_through_files(tmp_path, monkeypatch, letter):
    """A shell's whole command is one argument: nothing that can grow may come near its limit."""
    monkeypatch.chdir(tmp_path)
    for length in (10_000, 39_000, 200_000):
        spec = {"prompt": letter * length}
        arguments = _arguments(spec, {"runs": ["r" * 90] * 300}, "out", "results")
        assert len(arguments.encode()) < LINUX_LIMIT - 20_000
        assert through_the_shell(arguments, tmp_path)[0] == spec
    assert all(path.parent == Path("results/.long_arguments") for path in Path("results").rglob("*.json"))


def test_a_job_reads_what_the_node_says(plan, project):
    smoke = plan("smoke", {"smoke-reviews.prompt": 'It\'s {text}\n"So"? `$HOME`:'}, file="tasks.yaml")
    for kind, nodes in smoke.graph.nodes.items():
        name, node = next(iter(nodes.items()))
        found = through_the_shell(smoke.arguments(kind, name), project)
        assert found == [json.loads(canonical_json(node.spec)), node.input_paths("results"), f"results/{kind}/{name}"]


def test_a_products_job_reads_its_inputs(plan, project):
    full = plan("thesis_full")
    spec, inputs, output = through_the_shell(full.product_arguments("collected"), project)
    assert len(spec["runs"]) == len(inputs["runs"]) == len(full.graph.runs) + 2
    assert [entry["run_id"] for entry in spec["runs"]] == [Path(path).name for path in inputs["runs"]]
    assert set(inputs["examples"]) == {"sst2", "squad"}
    assert inputs["product_id"] == full.products["collected"].id
    assert output == "results/thesis_full/collected"
    for name in full.products:
        assert len(full.product_arguments(name).encode()) < LINUX_LIMIT - 20_000


# What rules wait for


def test_jobs_wait_for_the_manifests_of_their_inputs(plan):
    smoke = plan("smoke")
    made = {marker for kind in smoke.graph.nodes for marker in smoke.markers(kind)}
    for kind, nodes in smoke.graph.nodes.items():
        for name in nodes:
            assert set(smoke.input_files(kind, name)) <= made
    assert smoke.input_files("assets", next(iter(smoke.graph.nodes["assets"]))) == []
    outputs = {f"{smoke.folder}/{file}" for product in smoke.products.values() for file in product.files}
    for name in smoke.products:
        assert set(smoke.product_inputs(name)) <= made | outputs


def test_models_and_data_sets_are_fetched_by_different_rules(plan):
    smoke = plan("smoke")
    models, data = (re.compile(smoke.pending("assets", prefix)) for prefix in ("model.", "data."))
    for name in smoke.graph.nodes["assets"]:
        assert bool(models.fullmatch(name)) != bool(data.fullmatch(name))


def test_finished_artefacts_are_no_jobs(plan):
    smoke = plan("smoke")
    first, *others = smoke.graph.nodes["runs"]
    manifest = Path(smoke.node("runs", first).marker("results"))
    manifest.parent.mkdir(parents=True)
    assert re.fullmatch(smoke.pending("runs"), first), "an empty folder is not finished"
    manifest.write_text("{}")
    expression = re.compile(plan("smoke").pending("runs"))
    assert not expression.fullmatch(first)
    assert all(expression.fullmatch(name) for name in others)


def test_kept_artefacts_are_used_and_told(plan):
    smoke = plan("smoke")
    run = next(run.node for run in smoke.graph.runs if run.method == "b0")
    old = Path("results/runs", f"{run.stem}.0a1b2c")
    old.mkdir(parents=True)
    (old / "manifest.json").write_text("{}")
    assert run.id in plan("smoke").graph.nodes["runs"]
    kept = plan("smoke", code="keep")
    assert run.id not in kept.graph.nodes["runs"]
    assert old.name in kept.graph.nodes["runs"]
    assert "1 of 8 runs were made by other versions of the code" in " ".join(kept.notes())
    spec = kept.products["collected"].spec
    assert [entry["run_id"] for entry in spec["runs"] if entry["kept"]] == [old.name]


# Light


def test_planning_imports_no_heavy_library(project):
    """With a teacher still to be chosen, as a dry run has it."""
    script = """
import sys
from pathlib import Path
from potstill.plan.plan import make_plan
plan = make_plan(Path.cwd(), {"experiment": "thesis_full"}, probe=False)
assert plan.graph.teacher == "qwen2.5-7b"
for kind, nodes in plan.graph.nodes.items():
    for name in nodes:
        plan.arguments(kind, name)
heavy = {"torch", "transformers", "datasets", "matplotlib", "seaborn", "pandas", "numpy", "pyarrow", "snakemake", "scipy"}
print(sorted(heavy & set(sys.modules)))
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "workflow_scripts")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False, cwd=project
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
    assert "teacher not probed yet: planned with qwen2.5-7b, the first of qwen2.5-7b, qwen2.5-3b" in done.stderr


# The teacher is chosen once


@pytest.fixture
def answers(monkeypatch):
    """Probes that answer at once; the list of what they were asked."""
    asked = []

    def answer(root, spec, record):
        asked.append(spec)
        record.parent.mkdir(parents=True, exist_ok=True)
        verdicts = [
            {"name": "qwen2.5-7b", "refused": "needs 15 GB, found 8 GB"},
            {"name": "qwen2.5-3b", "refused": None},
        ]
        record.write_text(json.dumps({"choice": "qwen2.5-3b", "verdicts": verdicts}))

    monkeypatch.setattr(probe, "_probe", answer)
    return asked


def real_run(project, **main):
    return make_plan(project, {"experiment": "thesis_full", **main}, probe=True)


def test_a_real_run_asks_once_and_everybody_follows(plan, project, answers):
    assert plan("thesis_full").graph.teacher == "qwen2.5-7b"
    assert answers == []
    first = real_run(project)
    assert first.graph.teacher == "qwen2.5-3b"
    assert "qwen2.5-7b: needs 15 GB, found 8 GB" in " ".join(first.notes())
    assert real_run(project).graph.nodes.keys() == first.graph.nodes.keys()
    assert plan("thesis_full").graph.teacher == "qwen2.5-3b"
    assert len(answers) == 1
    assert [candidate.name for candidate in ProbeSpec.parse(answers[0]).candidates] == ["qwen2.5-7b", "qwen2.5-3b"]


@pytest.mark.slow
def test_the_real_probe_falls_back_and_the_report_says_why(project, monkeypatch):
    """The Hub's candidate cannot be fetched offline; the local one can."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(project / "empty-cache"))
    text = "extends: smoke\ntitle: Two teachers\nteacher: {model: [qwen2.5-7b, tiny-decoder]}\n"
    (project / "config/experiments/fallback.yaml").write_text(text, encoding="utf-8")
    made = make_plan(project, {"experiment": "fallback"}, probe=True)
    assert made.graph.teacher == "tiny-decoder"
    assert made.products["report"].spec["teacher"] == "tiny-decoder"
    (note,) = made.notes()
    assert note.startswith("Teacher not used: qwen2.5-7b: cannot be fetched")


def test_another_question_is_asked_again(plan, project, answers):
    real_run(project)
    plan("thesis_full", {"teacher.precision": "fp16"})
    real_run(project)
    assert [spec["precision"] for spec in answers] == ["bf16", "fp16"]


def test_a_teacher_that_is_named_is_not_probed_for(project, answers):
    made = real_run(project, teacher="qwen2.5-3b")
    assert made.graph.teacher == "qwen2.5-3b"
    assert "named for this call" in " ".join(made.notes())
    assert answers == []
    with pytest.raises(ConfigError, match=r"teacher=qwen2.5-3: not a teacher.model of .*did you mean 'qwen2.5-3b'"):
        real_run(project, teacher="qwen2.5-3")


def test_one_teacher_needs_no_probe(plan, answers):
    assert plan("demo").graph.teacher == "smollm2-135m"
    assert answers == []
    assert not Path("results/probes").exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"choice": "gpt"}', "{}", '{"choice": "qwen2.5-3b"}', '{"choice": "qwen2.5-3b", "verdicts": [1]}'],
)
def test_a_damaged_record_is_not_believed(project, answers, content):
    real_run(project)
    record = next(Path("results/probes").iterdir())
    record.write_text(content)
    with pytest.raises(ConfigError, match=f"{record}.*remove it"):
        real_run(project)


def test_a_probe_that_finds_none_ends_with_one_message(project, monkeypatch):
    monkeypatch.setattr(probe.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 2))
    with pytest.raises(ConfigError, match="no teacher can be used"):
        real_run(project)
    assert not Path("results/probes").exists()
