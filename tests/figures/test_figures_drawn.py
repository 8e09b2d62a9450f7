"""Every figure on every shape of experiment: readable, complete, and exactly what its CSV says."""

import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from drawn import lines, panels, texts
from figure_shapes import CATALOGUE, SHAPES
from PIL import Image
from potstill.figures import fig_4_2_latency, style
from potstill.figures.data import PERCENT
from potstill.figures.output import write_figure

FIGURES = sorted(CATALOGUE)
ROW_FIGURES = ["fig_4_3_kd_comparison", "fig_4_5_kd_gain", "fig_4_12_retention", "fig_4_13_transfer"]
SCATTERS = ["fig_4_1_performance_vs_size", "fig_4_4_pareto"]
# The largest shape has 45 panels of loss curves and 15 of reliability: legal, but too slow for every run of the tests.
CASES = [
    (name, shape)
    for name, shape in itertools.product(FIGURES, SHAPES)
    if shape != "large" or name not in ("fig_loss_curves", "fig_4_10_reliability")
]


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_no_text_is_cut_off_or_overlaps(name, shape, draw):
    figure, _ = draw(name, shape)
    assert_readable(figure)


def assert_readable(figure):
    boxes = texts(figure)
    assert len(boxes) > 5
    for text, box in boxes:
        assert box.x0 >= 0, f"{text!r} is cut off on the left"
        assert box.y0 >= 0, f"{text!r} is cut off below"
        assert box.x1 <= figure.bbox.x1, f"{text!r} is cut off on the right"
        assert box.y1 <= figure.bbox.y1, f"{text!r} is cut off above"
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        # Boxes of text have the height of a line, so neighbours may touch; a pixel is 1/300 inch.
        deep_x = min(a.x1, b.x1) - max(a.x0, b.x0)
        deep_y = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(deep_x, deep_y) <= 1, f"{one!r} overlaps {other!r} by {deep_x:.0f} x {deep_y:.0f} pixels"


@pytest.mark.parametrize("place", [(0.5, -0.2), (1.1, 0.5)], ids=["on the axis label", "beyond the edge"])
def test_the_check_sees_text_in_the_way(place, shape_data, spec_of):
    spec = spec_of("fig_4_2_latency")
    with style.applied(spec.settings):
        figure, _ = fig_4_2_latency.draw(shape_data["demo"], spec.settings)
        figure.draw_without_rendering()
        assert_readable(figure)
        figure.set_layout_engine("none")
        figure.text(*place, "in the way" * 9, transform=figure.axes[0].transAxes)
        with pytest.raises(AssertionError, match=r"overlaps|cut off"):
            assert_readable(figure)


@pytest.mark.parametrize("name", FIGURES)
def test_files_are_complete_and_readable(name, shape_data, spec_of, tmp_path):
    paths = write_figure(spec_of(name), shape_data["no_teacher_logits"], tmp_path)
    assert sorted(path.name for path in paths) == [f"{name}.{kind}" for kind in ("csv", "pdf", "png", "svg")]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    with Image.open(tmp_path / f"{name}.png") as image:
        pixels = np.asarray(image.convert("L"))
        assert abs(image.width - 178 / 25.4 * 300) <= 1
        assert "Software" not in image.info
    ink = (pixels < 128).mean()
    assert 0.002 < ink < 0.3
    pdf = (tmp_path / f"{name}.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf
    assert len(pdf) > 5_000
    svg = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
    drawing = ElementTree.fromstring(svg)
    assert abs(float(drawing.get("width").removesuffix("pt")) - 178 / 25.4 * 72) < 0.1
    words = "".join(text for text in drawing.itertext())
    assert re.split("[{ ]", CATALOGUE[name].x_label)[0] in words, "letters are drawn, not written"
    assert "date" not in svg
    assert "Matplotlib" not in svg
    assert len(pd.read_csv(tmp_path / f"{name}.csv")) > 0


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_axes_have_labels_with_units(name, shape, draw):
    figure, _ = draw(name, shape)
    labels = {axes.get_xlabel() for axes in figure.axes} | {axes.get_ylabel() for axes in figure.axes}
    units = {
        "fig_4_1_performance_vs_size": {"(%)"},
        "fig_4_2_latency": {"(ms)"},
        "fig_4_3_kd_comparison": {"(%)"},
        "fig_4_4_pareto": {"(ms)", "(%)"},
        "fig_4_5_kd_gain": {"(points)"},
        "fig_4_6_memory": {"(GB)"} if "7B" in SHAPES[shape].teacher[0] else {"(MB)"},
        "fig_4_7_ablation_heatmap": {"Temperature", "Weight"},  # the scores' unit stands in the title
        "fig_4_8_teacher_temperature": {"Temperature", "(nats)"},
        "fig_4_9_agreement": {"(%)"},
        "fig_4_10_reliability": {"Confidence (%)", "Right (%)"},
        "fig_4_11_budget": {"Variants", "(%)"},
        "fig_4_12_retention": {"(%)"},
        "fig_4_13_transfer": {"(%)"},
        "fig_loss_curves": {"step", "Loss"},
    }[name]
    assert all(any(unit in label for label in labels) for unit in units), labels
    if name not in ("fig_loss_curves", "fig_4_10_reliability"):  # there only the lowest panels name their axis
        assert all(axes.get_xlabel() for axes in panels(figure))


@pytest.mark.parametrize("name", [*ROW_FIGURES, *SCATTERS])
def test_one_seed_draws_no_interval_and_says_so(name, draw):
    figure, shown = draw(name, "one_student_one_seed")
    assert shown[["ci_low", "ci_high"]].isna().all().all()
    assert not any("interval" in text and "%" in text for text, _ in texts(figure))
    assert any(text.replace("\n", " ").find("One seed: no interval") >= 0 for text, _ in texts(figure))
    for axes in figure.axes:
        assert not [
            path for lines in axes.collections for path in lines.get_paths() if np.isfinite(path.vertices).any()
        ]
    several, _ = draw(name, "demo")
    assert any("95 % interval" in text for text, _ in texts(several))
    assert not any("seed: no interval" in text for text, _ in texts(several))


@pytest.mark.parametrize("shape", ["demo", "thesis"])
def test_kd_comparison_shows_its_csv(shape, shape_data, draw):
    figure, shown = draw("fig_4_3_kd_comparison", shape)
    for axes, (_, of_task) in zip(figure.axes, shown.groupby("task", sort=False), strict=True):
        students = of_task[of_task["role"] == "student"]
        dots = np.concatenate(lines(axes, "o"))[:, 0]
        np.testing.assert_allclose(np.sort(dots), np.sort(students["value"]))
        ends = np.concatenate([segment for line in axes.collections for segment in line.get_segments()])[:, 0]
        means = students[students["shown"] == "mean"]
        np.testing.assert_allclose(np.sort(ends), np.sort(means[["ci_low", "ci_high"]].to_numpy().ravel()))
        teacher = [line.get_xdata()[0] for line in axes.lines if line.get_color() == style.METHOD_COLOURS["teacher"]]
        np.testing.assert_allclose(teacher, of_task.loc[of_task["role"] == "teacher", "value"])
        summary = pd.read_parquet(shape_data[shape]["comparison"] / "summary.parquet")
        truth = summary[(summary["task"] == of_task["task"].iloc[0]) & summary["selected"] & summary["primary"]]
        np.testing.assert_allclose(
            np.sort(of_task.loc[of_task["shown"] == "mean", "value"]), np.sort(truth["mean"] * PERCENT)
        )
        assert len(students[students["shown"] == "seed"]) == 3 * len(means)


@pytest.mark.parametrize("shape", ["demo", "thesis"])
def test_transfer_shows_its_csv(shape, shape_data, draw):
    figure, shown = draw("fig_4_13_transfer", shape)
    panels = list(shown[shown["shown"] == "mean"].groupby(["task", "test_task"], sort=False))
    panels.sort(key=lambda panel: (SHAPES[shape].tasks.index(panel[0][0]), panel[0][0] != panel[0][1]))
    assert [pair[0] == pair[1] for pair, _ in panels] == [True, False] * len(SHAPES[shape].tasks)
    truth = pd.read_parquet(shape_data[shape]["transfer"] / "transfer_summary.parquet")
    assert len(figure.axes) == len(panels)
    for axes, ((task, test_task), rows) in zip(figure.axes, panels, strict=True):
        of_pair = truth[(truth["task"] == task) & (truth["test_task"] == test_task)]
        np.testing.assert_allclose(np.sort(rows["value"]), np.sort(of_pair["mean"] * PERCENT))
        students = rows[rows["role"] == "student"]
        ends = np.concatenate([segment for line in axes.collections for segment in line.get_segments()])[:, 0]
        np.testing.assert_allclose(np.sort(ends), np.sort(students[["ci_low", "ci_high"]].to_numpy().ravel()))
        seeds = shown[(shown["task"] == task) & (shown["test_task"] == test_task) & (shown["shown"] == "seed")]
        dots = np.concatenate(lines(axes, "o"))[:, 0]
        np.testing.assert_allclose(np.sort(dots), np.sort([*students["value"], *seeds["value"]]))
        assert len(seeds) == 3 * len(students)
        teacher = [line.get_xdata()[0] for line in axes.lines if line.get_color() == style.METHOD_COLOURS["teacher"]]
        np.testing.assert_allclose(teacher, rows.loc[rows["role"] == "teacher", "value"])
        (floor,) = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"]
        assert floor == pytest.approx(52)
    for own, other in zip(figure.axes[::2], figure.axes[1::2], strict=True):
        assert own.get_xlim() == other.get_xlim(), "a loss is seen on one scale alone"


@pytest.mark.parametrize("shape", ["demo", "thesis"])
def test_kd_gain_shows_confirmatory_contrasts_first_and_exploratory_ones_hollow(shape, shape_data, draw):
    figure, shown = draw("fig_4_5_kd_gain", shape)
    truth = pd.read_parquet(shape_data[shape]["comparison"] / "contrasts.parquet")
    between = truth["other"].ne("b0") & truth["metric"].ne("another")
    truth = pd.concat([truth[truth["role"] == "confirmatory"], truth[between]])
    np.testing.assert_allclose(shown[["difference", "mde"]], truth[["difference", "mde"]] * PERCENT)
    assert list(shown["role"]) == list(truth["role"])
    for axes, (_, of_task) in zip(panels(figure), shown.groupby("task", sort=False), strict=True):
        np.testing.assert_allclose(np.concatenate(lines(axes, "o"))[:, 0], of_task["difference"])
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        hollow = [line.get_markerfacecolor() == "white" for line in dots]
        assert hollow == list(of_task["role"] == "exploratory")
        heights = [line.get_ydata()[0] for line in dots]
        assert len(set(heights)) == len(heights), "two contrasts share a row"
        assert max(y for y, o in zip(heights, hollow, strict=True) if not o) < min(
            y for y, o in zip(heights, hollow, strict=True) if o
        )
        assert any(set(line.get_xdata()) == {0} for line in axes.lines), "no zero line"
        bands = [item for item in axes.collections if not hasattr(item, "get_segments")]
        widths = [np.ptp(band.get_paths()[0].vertices[:, 0]) for band in bands]
        np.testing.assert_allclose(widths, 2 * of_task["mde"])
    left_out = len(pd.read_parquet(shape_data[shape]["comparison"] / "contrasts.parquet")) - len(shown)
    assert any(f"{left_out} further exploratory contrasts" in text for text, _ in texts(figure))


def test_the_forest_plot_says_in_numbers_what_it_draws(draw):
    figure, shown = draw("fig_4_5_kd_gain", "demo")
    first = shown.iloc[0]
    interval = f"[{first['ci_low']:.1f}, {first['ci_high']:.1f}]".replace("-", "\N{MINUS SIGN}")
    said = [text for text, _ in texts(figure)]
    assert f"+{first['difference']:.1f} {interval}, p = {first['p_adjusted']:.3f}" in said


@pytest.mark.parametrize(("name", "cost"), [(SCATTERS[0], "parameters"), (SCATTERS[1], "latency_ms_p50")])
@pytest.mark.parametrize("shape", ["demo", "large"])
def test_scatters_show_their_csv(name, cost, shape, draw):
    figure, shown = draw(name, shape)
    means = shown if "mean" in shown else shown[shown["shown"] == "mean"].rename(columns={"value": "mean"})
    for axes, (task, of_task) in zip(figure.axes, means.groupby("task", sort=False), strict=True):
        drawn = [line for line in axes.lines if len(line.get_xdata()) == 1]
        points = {(line.get_xdata()[0], round(line.get_ydata()[0], 9), line.get_color()) for line in drawn}
        colours = style.method_colours(of_task["method"], CATALOGUE[name])
        wanted = {(getattr(r, cost), round(r.mean, 9), colours[r.method]) for r in of_task.itertuples()}
        assert points == wanted
        low, high = axes.get_xlim()
        assert low < of_task[cost].min()
        assert of_task[cost].max() < high
        assert axes.get_xscale() == ("log" if of_task[cost].max() / of_task[cost].min() > 5 else "linear")
        if "shown" in shown:
            seeds = shown[(shown["shown"] == "seed") & (shown["task"] == task)]
            dots = np.concatenate([line.get_ydata() for line in axes.lines if line.get_linestyle() == "None"])
            np.testing.assert_allclose(np.sort(dots), np.sort([*seeds["value"]]))


@pytest.mark.parametrize("shape", ["demo", "large"])
def test_performance_against_size_has_the_margin_line(shape, draw):
    figure, shown = draw("fig_4_1_performance_vs_size", shape)
    for axes, (_, of_task) in zip(figure.axes, shown.groupby("task", sort=False), strict=True):
        floor = of_task.loc[of_task["shown"] == "floor", "value"].item()
        assert floor == pytest.approx(0.97 * of_task.loc[of_task["role"] == "teacher", "value"].item())
        level = [line for line in axes.lines if list(line.get_xdata()) == [0, 1] and line.get_ydata()[0] == floor]
        assert len(level) == 1
        low, high = axes.get_ylim()
        assert low < floor < high
        assert low < of_task.loc[of_task["shown"] == "seed", "value"].min()
    assert any("97 % of the teacher's score" in text for text, _ in texts(figure))


def test_methods_tied_with_the_best_are_filled(shape_data, draw):
    figure, shown = draw("fig_4_3_kd_comparison", "demo")
    means = shown[(shown["shown"] == "mean") & (shown["role"] == "student")]
    drawn = {
        line.get_xdata()[0]: line.get_markerfacecolor() != "white"
        for line in figure.axes[0].lines
        if line.get_marker() == "o" and line.get_markersize() > 3
    }
    assert drawn == dict(zip(means["value"], means["tied"], strict=True))
    assert 0 < sum(drawn.values()) < len(drawn)


def test_markers_of_a_scatter_stay_inside_their_panel(draw):
    for name, shape in itertools.product(SCATTERS, SHAPES):
        figure, _ = draw(name, shape)
        for axes in figure.axes:
            frame = axes.get_window_extent()
            for line in axes.lines:
                if len(line.get_xdata()) == 1:
                    x, _ = line.get_transform().transform(line.get_xydata())[0]
                    assert frame.x0 < x < frame.x1


def test_latency_shows_its_csv(draw):
    figure, shown = draw("fig_4_2_latency", "thesis")
    for axes, (_, of_task) in zip(figure.axes, shown.groupby("task", sort=False), strict=True):
        np.testing.assert_allclose(np.concatenate(lines(axes, "o"))[:, 0], of_task["latency_ms_p50"])
        across = [s for lines in axes.collections for s in lines.get_segments() if s[0, 1] == s[1, 1]]
        np.testing.assert_allclose([s[:, 0] for s in across], of_task[["latency_ms_p50", "latency_ms_p95"]])


def test_memory_shows_its_csv(shape_data, draw):
    figure, shown = draw("fig_4_6_memory", "demo")
    truth = pd.read_parquet(shape_data["demo"]["collected_benchmarks"] / "benchmarks.parquet")
    for axes, quantity in zip(figure.axes, ("peak_memory", "on_disk"), strict=True):
        dots = np.concatenate(lines(axes, "o"))[:, 0]
        np.testing.assert_allclose(dots, shown.loc[shown["quantity"] == quantity, "value"])
    np.testing.assert_allclose(shown.loc[shown["quantity"] == "on_disk", "value"], truth["bytes_on_disk"] / 1e6)
    assert set(shown["unit"]) == {"MB"}


@pytest.mark.parametrize("shape", ["demo", "one_student_one_seed", "thesis"])
def test_loss_curves_show_their_csv(shape, draw):
    figure, shown = draw("fig_loss_curves", shape)
    panels = shown.groupby(["task", "student", "method"], sort=False)
    for axes, (_, of_task) in zip(figure.axes, panels, strict=True):
        drawn = sorted(line.get_xydata().tolist() for line in axes.lines)
        wanted = of_task.groupby(["term", "seed"], sort=False)[["step", "loss"]]
        assert drawn == sorted(curve.to_numpy().tolist() for _, curve in wanted)
    assert shown.groupby(["task", "student", "method", "seed", "term"]).size().max() <= 100
