"""Which figures an experiment gets: those that it can fill, unless it names others."""

import pytest
from potstill.errors import ConfigError

GRID = {"fig_4_7_ablation_heatmap", "fig_4_11_budget"}
CLASSIFICATION = {"fig_4_8_teacher_temperature", "fig_4_10_reliability"}


def drawn(planned):
    return {name.partition("/")[2] for name in planned.products if name.startswith("figures/")}


def needing(planned, need):
    return {name for name, settings in planned.configuration.figures.items() if need in settings.needs}


def test_an_experiment_gets_the_figures_that_it_can_fill(plan):
    demo = plan("demo")
    assert needing(demo, "grid") >= GRID
    assert needing(demo, "classification") >= CLASSIFICATION
    everything = set(demo.configuration.figures)
    assert drawn(demo) == everything - needing(demo, "transfer")
    assert drawn(plan("smoke")) == drawn(demo)
    # Questions with free answers, and one value of each option.
    poor = plan("smoke_generation")
    assert drawn(poor) == drawn(demo) - needing(demo, "grid") - needing(demo, "classification")
    assert "fig_4_12_retention" in drawn(poor)


@pytest.mark.parametrize(
    ("change", "has"),
    [
        ({"methods.kd1": {"temperature": [1, 4], "alpha": 0.5}}, True),
        ({"methods.kd1": {"temperature": 2, "alpha": [0.5, 1.0]}}, True),
        ({"methods.kd1": {"temperature": 2, "divergence": ["forward_kl", "reverse_kl"]}}, False),
        # Without logits a temperature does nothing.
        ({"methods.kd1": {}, "methods.kd3": {"weight": [0.5, 1.0]}}, False),
        ({"methods.kd1": {}, "methods.kd3": {"alpha": [0.0, 0.5]}}, False),
        ({"methods.kd1": {}, "methods.kd3": {"alpha": [0.3, 0.5]}}, True),
    ],
)
def test_a_grid_is_several_temperatures_or_weights_of_one_method(change, has, plan):
    assert (drawn(plan("smoke", change)) >= GRID) == has


@pytest.mark.parametrize(
    ("figure", "remedy"),
    [
        ("fig_4_7_ablation_heatmap", "a method with several values of temperature or alpha"),
        ("fig_4_10_reliability", "a task of the kind classification"),
    ],
)
def test_a_figure_that_would_be_empty_is_refused_when_it_is_named(figure, remedy, plan):
    with pytest.raises(ConfigError) as caught:
        plan("smoke_generation", {"figures": ["fig_4_2_latency", figure]})
    said = str(caught.value).split("\n")
    assert len(said) == 1
    assert f"smoke_generation.yaml (extends smoke): figures: {figure} needs {remedy}" in said[0]
    assert said[0].endswith("or leave the figure out")


def test_a_need_without_an_experiment_that_has_it_leaves_the_figure_out(plan):
    latency = "figures/fig_4_2_latency"
    assert latency in plan("demo").products
    assert latency not in plan("demo", {"fig_4_2_latency.needs": ["transfer"]}, file="figures.yaml").products
    with pytest.raises(
        ConfigError, match="figures: fig_4_2_latency needs an experiment that scores its models on further"
    ):
        plan("demo", {"figures": ["fig_4_2_latency"]})
