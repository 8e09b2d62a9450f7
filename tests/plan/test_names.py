"""Names out of YAML files become names of files: none leads out of its folder, and none holds an access token."""

from pathlib import Path

import pytest
from configuration_changes import change_file
from potstill.errors import ConfigError
from potstill.plan.plan import make_plan
from potstill.plan.read import read_yaml

WICKED = [
    "../evil",
    "/tmp/evil",
    "a/../../evil",
    "..",
    ".",
    "a/",
    "~/evil",
    "a\\..\\b",
    "a\u0000b",
    "a\nb",
    "a\u2028b",
]
SECTIONS = {
    "models": {"source": {"path": "./tests/assets/smoke/tiny-encoder"}, "architecture": "encoder"},
    "datasets": {"source": {"path": "./tests/assets/smoke"}, "format": "jsonl", "files": {"train": "reviews.jsonl"}},
}


def refused(project, **main):
    with pytest.raises(ConfigError) as caught:
        make_plan(project, {"experiment": "smoke", **main}, probe=False)
    return str(caught.value)


@pytest.mark.parametrize("name", WICKED)
@pytest.mark.parametrize("section", SECTIONS)
def test_an_entry_of_a_catalogue(project, section, name):
    change_file(project / "config" / "experiments" / "smoke.yaml", {"catalogue": {section: {name: SECTIONS[section]}}})
    assert f"{name!r} cannot be a name" in refused(project)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil"])
def test_a_task_and_a_method(project, name):
    file = project / "config" / "experiments" / "smoke.yaml"
    text = file.read_text()
    file.write_text(text.replace("  b0: {}", f"  b0: {{}}\n  '{name}': {{method: kd1}}"))
    assert f"methods.{name}: {name!r} cannot be a name" in refused(project)
    file.write_text(text)
    tasks = project / "config" / "tasks.yaml"
    tasks.write_text(tasks.read_text().replace("smoke-reviews:", f"'{name}':"))
    file.write_text(text.replace("smoke-reviews", name))
    assert f"{name!r} cannot be a name" in refused(project)


def test_the_name_of_a_repository_is_a_name(project):
    change_file(
        project / "config" / "experiments" / "smoke.yaml",
        {"catalogue": {"models": {"owner/tiny.encoder-2": SECTIONS["models"]}}, "students": ["owner/tiny.encoder-2"]},
    )
    plan = make_plan(project, {"experiment": "smoke"}, probe=False)
    assert all("/" not in name and not name.startswith(".") for nodes in plan.graph.nodes.values() for name in nodes)


@pytest.mark.parametrize("name", ["../demo", "/etc/passwd", "..", ".hidden", "a/b", "demo\n", "", "-x"])
def test_an_experiment(project, name):
    assert "experiment: found" in refused(project, experiment=name)


def test_an_experiment_that_another_extends(project):
    (project / "config" / "experiments" / "mine.yaml").write_text("extends: ../../secrets\n")
    assert "extends: found '../../secrets', expected the name of another file" in refused(project, experiment="mine")


def test_a_figure(project):
    figures = project / "config" / "figures.yaml"
    figures.write_text(figures.read_text().replace("fig_4_2_latency:", "'../fig_4_2_latency':"))
    assert "../fig_4_2_latency: there is no workflow_scripts/potstill/figures/../fig_4_2_latency.py" in refused(project)


@pytest.mark.parametrize("line", ["# {}", "a: {}", "{}: a", "a: [{{b: 'x{}y'}}]", "a: https://user:{}@huggingface.co"])
def test_yaml_that_holds_a_token_is_refused_without_repeating_it(tmp_path, line):
    token = "hf_" + "aBc123" * 6
    path = Path(tmp_path, "x.yaml")
    path.write_text(line.format(token) + "\n")
    with pytest.raises(
        ConfigError, match="holds what looks like a Hugging Face token; remove it and set HF_TOKEN"
    ) as caught:
        read_yaml(path)
    assert "aBc123" not in str(caught.value)


def test_a_word_that_only_begins_like_a_token_is_none(tmp_path):
    Path(tmp_path, "x.yaml").write_text("a: hf_hub_model\nb: shelf_aaaaaaaaaa_bbbbbbbbbbbbbbbbbbb\n")
    assert read_yaml(Path(tmp_path, "x.yaml"))["a"] == "hf_hub_model"
