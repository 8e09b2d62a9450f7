"""Every figure on every shape of experiment: readable, complete, and exactly what its CSV says."""

import functools
import importlib
import itertools

import numpy as np
import pandas as pd
import pytest
from figure_shapes import CATALOGUE, SHAPES
from matplotlib.text import Text
from PIL import Image
from potstill.figures import fig_4_2_latency, style
from potstill.figures.data import PERCENT
from potstill.figures.output import write_figure

FIGURES = sorted(CATALOGUE)
ROW_FIGURES = ["fig_4_3_kd_comparison", "fig_4_5_kd_gain", "fig_4_13_transfer"]
SCATTERS = ["fig_4_1_performance_vs_size", "fig_4_4_pareto"]
# The largest shape has 45 panels of loss curves: legal, but too slow for every run of the tests.
CASES = [
    (name, shape) for name, shape in itertools.product(FIGURES, SHAPES) if (name, shape) != ("fig_loss_curves", "large")
]


@pytest.fixture(scope="module")
def draw(shape_data, spec_of):
    """Figure name, shape, changed settings -> the laid-out figure and the values that it shows; each drawn once."""

    @functools.cache
    def drawn(name, shape, **changes):
        spec = spec_of(name, **changes)
        module = importlib.import_module(f"potstill.figures.{name}")
        with style.applied(spec.settings):
            figure, shown = module.draw(shape_data[shape], spec.settings)
            figure.draw_without_rendering()
        return figure, shown

    return drawn


def texts(figure):
    """Every text that is drawn, with its box in pixels."""
    ticks, drawn_ticks = set(), set()
    for axes, of in itertools.product(figure.axes, ("xaxis", "yaxis")):
        axis = getattr(axes, of)
        ticks |= {tick.label1 for tick in [*axis.majorTicks, *axis.minorTicks]}
        # Matplotlib keeps the labels of ticks beyond the limits; this gives those that it draws.
        drawn_ticks |= {tick.label1 for tick in axis._update_ticks()}
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(t.get_text(), t.get_window_extent()) for t in found if t not in ticks or t in drawn_ticks]


def lines(axes, marker=None):
    """The data of the lines of an axes that have this marker."""
    return [line.get_xydata() for line in axes.lines if line.get_marker() == marker]


@pytest.mark.parametrize(("name", "shape"), CASES)
@pytest.mark.parametrize("changes", [{}, {"width": "single", "title": "A title above the figure"}], ids=str)
def test_no_text_is_cut_off_or_overlaps(name, shape, changes, draw):
    figure, _ = draw(name, shape, **changes)
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
def test_files_are_complete_readable_and_the_same_twice(name, shape_data, spec_of, tmp_path):
    spec = spec_of(name)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        paths = write_figure(spec, shape_data["demo"], folder)
        assert sorted(path.name for path in paths) == [f"{name}.csv", f"{name}.pdf", f"{name}.png"]
        assert sorted(folder.iterdir()) == sorted(paths)
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name
    with Image.open(folders[0] / f"{name}.png") as image:
        pixels = np.asarray(image.convert("L"))
        assert abs(image.width - 178 / 25.4 * 300) <= 1
        assert "Software" not in image.info
    ink = (pixels < 128).mean()
    assert 0.002 < ink < 0.3
    pdf = (folders[0] / f"{name}.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf
    assert len(pdf) > 5_000
    assert len(pd.read_csv(folders[0] / f"{name}.csv")) > 0


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
        "fig_4_13_transfer": {"(%)"},
        "fig_loss_curves": {"step", "Loss"},
    }[name]
    assert all(any(unit in label for label in labels) for unit in units), labels
    if name != "fig_loss_curves":  # there only the lowest panels name the steps
        assert all(axes.get_xlabel() for axes in figure.axes)


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
    for axes, (_, rows) in zip(figure.axes, shown.groupby("task", sort=False), strict=True):
        students = rows[rows["role"] == "student"]
        dots = np.concatenate(lines(axes, "o"))[:, 0]
        np.testing.assert_allclose(np.sort(dots), np.sort(students["value"]))
        ends = np.concatenate([segment for line in axes.collections for segment in line.get_segments()])[:, 0]
        means = students[students["shown"] == "mean"]
        np.testing.assert_allclose(np.sort(ends), np.sort(means[["ci_low", "ci_high"]].to_numpy().ravel()))
        teacher = [line.get_xdata()[0] for line in axes.lines if line.get_color() == style.METHOD_COLOURS["teacher"]]
        np.testing.assert_allclose(teacher, rows.loc[rows["role"] == "teacher", "value"])
        summary = pd.read_parquet(shape_data[shape]["comparison"] / "summary.parquet")
        truth = summary[(summary["task"] == rows["task"].iloc[0]) & summary["selected"] & summary["primary"]]
        np.testing.assert_allclose(
            np.sort(rows.loc[rows["shown"] == "mean", "value"]), np.sort(truth["mean"] * PERCENT)
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
def test_kd_gain_shows_its_csv(shape, shape_data, draw):
    figure, shown = draw("fig_4_5_kd_gain", shape)
    truth = pd.read_parquet(shape_data[shape]["comparison"] / "contrasts.parquet")
    np.testing.assert_allclose(shown[["difference", "mde"]], truth[["difference", "mde"]] * PERCENT)
    for axes, (_, rows) in zip(figure.axes, shown.groupby("task", sort=False), strict=True):
        np.testing.assert_allclose(np.concatenate(lines(axes, "o"))[:, 0], rows["difference"])
        assert any(set(line.get_xdata()) == {0} for line in axes.lines), "no zero line"
        bands = [item for item in axes.collections if not hasattr(item, "get_segments")]
        widths = [np.ptp(band.get_paths()[0].vertices[:, 0]) for band in bands]
        np.testing.assert_allclose(widths, 2 * rows["mde"])


@pytest.mark.parametrize(("name", "cost"), [(SCATTERS[0], "parameters"), (SCATTERS[1], "latency_ms_p50")])
@pytest.mark.parametrize("shape", ["demo", "large"])
def test_scatters_show_their_csv(name, cost, shape, draw):
    figure, shown = draw(name, shape)
    for axes, (_, rows) in zip(figure.axes, shown.groupby("task", sort=False), strict=True):
        drawn = [line for line in axes.lines if len(line.get_xdata()) == 1]
        points = {(line.get_xdata()[0], round(line.get_ydata()[0], 9), line.get_color()) for line in drawn}
        colours = style.method_colours(rows["method"], CATALOGUE[name])
        wanted = {(getattr(r, cost), round(r.mean, 9), colours[r.method]) for r in rows.itertuples()}
        assert points == wanted
        low, high = axes.get_xlim()
        assert low < rows[cost].min()
        assert rows[cost].max() < high
        assert axes.get_xscale() == ("log" if rows[cost].max() / rows[cost].min() > 5 else "linear")


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
    for axes, (_, rows) in zip(figure.axes, shown.groupby("task", sort=False), strict=True):
        np.testing.assert_allclose(np.concatenate(lines(axes, "o"))[:, 0], rows["latency_ms_p50"])
        across = [s for lines in axes.collections for s in lines.get_segments() if s[0, 1] == s[1, 1]]
        np.testing.assert_allclose([s[:, 0] for s in across], rows[["latency_ms_p50", "latency_ms_p95"]])


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
    for axes, (_, rows) in zip(figure.axes, panels, strict=True):
        drawn = sorted(line.get_xydata().tolist() for line in axes.lines)
        wanted = rows.groupby(["term", "seed"], sort=False)[["step", "loss"]]
        assert drawn == sorted(curve.to_numpy().tolist() for _, curve in wanted)
    assert shown.groupby(["task", "student", "method", "seed", "term"]).size().max() <= 100
