"""The figures of the grid, the teacher and the error analysis against what they are drawn from, and closed forms."""

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
from drawn import lines, panels, texts
from figure_shapes import CATALOGUE, Shape
from matplotlib.patches import Rectangle
from potstill.errors import PotstillError
from potstill.figures import fig_4_12_retention, style
from potstill.figures.data import PERCENT
from potstill.figures.fig_4_7_ablation_heatmap import grid_cells
from potstill.figures.fig_4_8_teacher_temperature import softened, teacher_logits
from potstill.figures.fig_4_9_agreement import SHARES
from potstill.tables import write_table


@pytest.fixture
def data(tmp_path):
    shape = Shape(students={"minilm-2l": 15_600_000}, methods=("b0", "kd1"), seeds=2, steps=10)
    return shape.write(tmp_path / "products")


def test_every_cell_of_a_grid_shows_its_test_score_and_one_is_framed(shape_data, draw):
    figure, shown = draw("fig_4_7_ablation_heatmap", "thesis")
    runs = pd.read_parquet(shape_data["thesis"]["collected"] / "runs.parquet")
    truth = runs[runs["method"] == "kd1"].groupby(["task", "student", "temperature", "alpha"])["test_score"].mean()
    cells = shown.set_index(["task", "student", "temperature", "alpha"])["test"]
    pd.testing.assert_series_equal(cells.sort_index(), truth.sort_index() * PERCENT, check_names=False)
    assert len(panels(figure)) == 4
    for axes, (_, panel) in zip(figure.axes, shown.groupby(["task", "student"], sort=False), strict=True):
        said = {text.get_position(): text.get_text() for text in axes.texts}
        assert len(said) == 2 * 16
        frames = [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_zorder() == 3]
        chosen = panel[panel["selected"]].iloc[0]
        column, row = [1, 2, 4, 8].index(chosen["temperature"]), [0.1, 0.3, 0.5, 0.7].index(chosen["alpha"])
        assert [frame.get_xy() for frame in frames] == [pytest.approx((column - 0.47, row - 0.47))]
        assert said[column, row + 0.03] == f"{chosen['test']:.1f}"
        assert said[column, row - 0.05] == f"({chosen['validation']:.1f})"


def test_colours_of_a_grid_span_at_least_an_interval(data):
    runs = pd.read_parquet(data["collected"] / "runs.parquet")
    write_table(runs.assign(test_score=0.7 + 1e-3 * runs["alpha"].fillna(0)), data["collected"] / "runs.parquet")
    cells = grid_cells(data)
    np.testing.assert_allclose(cells["span"], (cells["ci_high"] - cells["ci_low"]).median())
    assert cells["test"].max() - cells["test"].min() < 0.06 < cells["span"].min()


def test_other_options_have_grids_of_their_own(data):
    path = data["collected"] / "runs.parquet"
    runs = pd.read_parquet(path)
    kd1 = runs[runs["method"] == "kd1"]
    other = kd1.assign(
        variant=kd1["variant"] + "_jsd",
        options=[json.dumps({**json.loads(text), "divergence": "jsd"}) for text in kd1["options"]],
        selected=False,
    )
    write_table(pd.concat([runs, other]), path)
    assert grid_cells(data).groupby("other_options").size().to_dict() == {"": 4, "divergence=jsd": 4}
    write_table(runs[runs["variant"].isin(["-", "T2_a0.5"])], path)
    with pytest.raises(PotstillError, match="no method has several temperatures or alphas"):
        grid_cells(data)


def test_a_temperature_softens_as_the_closed_form_says():
    gap = np.array([0.0, 1.0, 3.0])
    shown = softened(np.column_stack([gap, np.zeros(3)]), [2.0, 30.0])
    assert shown.loc[shown["in_grid"], "temperature"].tolist() == [2.0, 30.0]
    assert shown["temperature"].max() == pytest.approx(36.0)
    at_two = shown[shown["temperature"] == 2.0].iloc[0]
    top = 1 / (1 + np.exp(-gap / 2))  # a sigmoid, with two classes
    entropy = -top * np.log(top) - (1 - top) * np.log1p(-top)
    assert at_two["top_probability"] == pytest.approx(top.mean())
    assert at_two["other_mass"] == pytest.approx(1 - top.mean())
    assert at_two["entropy"] == pytest.approx(entropy.mean())
    assert at_two["entropy_q25"] == pytest.approx(np.quantile(entropy, 0.25))
    assert (np.diff(shown["entropy"]) > 0).all()
    assert shown["entropy"].iloc[-1] == pytest.approx(math.log(2), abs=1e-3)


def test_tasks_whose_teacher_gave_no_logits_are_named(draw, shape_data):
    figure, shown = draw("fig_4_8_teacher_temperature", "no_teacher_logits")
    assert set(shown["task"]) == {"rotten_tomatoes"}
    assert any("no distribution over classes: sst2." in text.replace("\n", " ") for text, _ in texts(figure))
    marked = [line.get_xdata() for axes in figure.axes for line in axes.lines if line.get_marker() == "o"]
    assert [list(at) for at in marked] == [[2.0, 4.0]] * 2
    found, without = teacher_logits(shape_data["thesis"])
    assert list(found) == ["sst2"]
    assert without == ["squad"]


def test_without_any_logits_there_is_nothing_to_draw(data):
    path = data["collected"] / "answers.parquet"
    answers = pd.read_parquet(path)
    write_table(answers[answers["role"] == "student"], path)
    with pytest.raises(PotstillError, match=r"answers.parquet: no label logits of the teacher"):
        teacher_logits(data)


@pytest.mark.parametrize("shape", ["demo", "thesis"])
def test_bars_of_agreement_are_all_examples(shape, shape_data, draw):
    figure, shown = draw("fig_4_9_agreement", shape)
    truth = pd.read_parquet(shape_data[shape]["error_analysis"] / "agreement.parquet")
    means = shown[shown["seed"] == "mean"]
    np.testing.assert_allclose(means[list(SHARES)].sum(axis=1), PERCENT)
    of_models = truth.groupby(["task", "student", "method"], sort=False)[list(SHARES)].mean()
    np.testing.assert_allclose(means[list(SHARES)], of_models * PERCENT)
    for axes, (task, of_task) in zip(figure.axes, means.groupby("task", sort=False), strict=True):
        widths = np.reshape([bar.get_width() for bar in axes.patches], (-1, len(SHARES)))
        np.testing.assert_allclose(widths, of_task[list(SHARES)])
        marks = [line.get_xdata()[0] for line in axes.lines if list(line.get_xdata()) != [0, 1]]
        right = truth.loc[truth["task"] == task, ["both_right", "only_student"]].sum(axis=1)
        np.testing.assert_allclose(np.sort(marks), np.sort(right * PERCENT))


def test_a_share_that_no_task_has_is_not_in_the_legend(draw):
    assert any(text == "both wrong, different answers" for text, _ in texts(draw("fig_4_9_agreement", "thesis")[0]))
    two_classes, shown = draw("fig_4_9_agreement", "no_teacher_logits")
    assert (shown.loc[shown["task"] == "sst2", "both_wrong_differently"] == 0).all()
    assert two_classes is not None


@pytest.mark.parametrize("shape", ["demo", "thesis"])
def test_reliability_shows_its_bins(shape, shape_data, draw):
    figure, shown = draw("fig_4_10_reliability", shape)
    truth = pd.read_parquet(shape_data[shape]["error_analysis"] / "calibration.parquet")
    assert len(shown) == (truth["count"] > 0).sum()
    students = shown[shown["role"] == "student"]
    teacher = shown[shown["role"] == "teacher"]
    models = students.groupby(["student", "method"], sort=False)
    assert len(panels(figure)) == len(models)
    for axes, (_, model) in zip(figure.axes, models, strict=True):
        points = np.concatenate(lines(axes, "o"))
        np.testing.assert_allclose(points, model[["confidence", "accuracy"]])
        np.testing.assert_allclose(np.concatenate(lines(axes, "x")), teacher[["confidence", "accuracy"]])
        heights = [bar.get_height() for bar in axes.patches]
        np.testing.assert_allclose(heights, 22 * model["count"] / model["count"].max())
        assert f"ECE {model['ece'].iloc[0]:.1f} [" in axes.get_title("left")
        assert axes.get_xlim() == (shown["low"].min(), PERCENT)


def test_budgets_start_at_the_mean_variant_and_end_at_the_best(shape_data, draw):
    figure, shown = draw("fig_4_11_budget", "thesis")
    runs = pd.read_parquet(shape_data["thesis"]["collected"] / "runs.parquet")
    kd1 = runs[runs["method"] == "kd1"]
    scores = kd1.groupby(["task", "student", "variant"], sort=False)["validation_score"].mean()
    scores = scores.groupby(["task", "student"], sort=False)
    colour = style.METHOD_COLOURS["kd1"]
    for axes, (names, of_model) in zip(figure.axes, scores, strict=True):
        curve = next(line for line in axes.lines if line.get_color() == colour)
        assert list(curve.get_xdata()) == list(range(1, 17))
        assert curve.get_ydata()[0] == pytest.approx(of_model.mean() * PERCENT)
        assert curve.get_ydata()[-1] == pytest.approx(of_model.max() * PERCENT)
        assert all(name in axes.get_title("left") for name in names)
    assert "KD1 logits (16 variants)" in [text for text, _ in texts(figure)]
    assert len(shown) == 4 * (16 + 3)


@pytest.mark.parametrize("shape", ["demo", "thesis"])
def test_retention_is_filled_where_it_is_shown(shape, shape_data, draw):
    figure, shown = draw("fig_4_12_retention", shape)
    truth = pd.read_parquet(shape_data[shape]["comparison"] / "retention.parquet")
    assert 0 < truth["keeps"].sum() < len(truth)
    for axes, (_, of_task) in zip(panels(figure), shown.groupby("task", sort=False), strict=True):
        assert of_task["parameters"].is_monotonic_decreasing
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        np.testing.assert_allclose([dot.get_xdata()[0] for dot in dots], of_task["retention"])
        assert [dot.get_markerfacecolor() != "white" for dot in dots] == list(of_task["keeps"])
        upright = [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() != "o"]
        assert {(97.0, 97.0), (100.0, 100.0)} <= set(upright)
        bounds = [at[0] for at in upright if at[0] not in (97.0, 100.0) and at[0] == at[1]]
        np.testing.assert_allclose(bounds, of_task["lower_bound"])


def test_nothing_is_kept_of_a_teacher_that_scored_nothing(data, spec_of):
    path = data["comparison"] / "retention.parquet"
    nothing = dict.fromkeys(["retention", "ci_low", "ci_high", "lower_bound"], np.nan)
    write_table(pd.read_parquet(path).assign(**nothing, keeps=False), path)
    settings = spec_of("fig_4_12_retention").settings
    with style.applied(settings):
        figure, shown = fig_4_12_retention.draw(data, settings)
        figure.draw_without_rendering()
    said = [text for text, _ in texts(figure)]
    assert said.count("not defined") == len(shown) == 2
    assert "Not defined where the teacher scored 0." in said
    assert not any("nan" in text for text in said)


def test_every_share_can_be_told_from_its_neighbours_in_grey():
    def luminance(colour: str) -> float:
        channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear)) + 0.05

    colours = [colour for _, colour in SHARES.values()]
    for one, other in itertools.pairwise(colours):
        ratio = luminance(one) / luminance(other)
        assert max(ratio, 1 / ratio) > 1.7, (one, other)


def test_new_figures_say_what_they_need():
    needs = {name: settings.needs for name, settings in CATALOGUE.items() if settings.needs}
    assert needs["fig_4_7_ablation_heatmap"] == needs["fig_4_11_budget"] == ("grid",)
    assert needs["fig_4_8_teacher_temperature"] == needs["fig_4_10_reliability"] == ("classification",)
