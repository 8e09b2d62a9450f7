"""The parts that all figures share, against their definitions."""

import numpy as np
import pytest
from figure_shapes import CATALOGUE, ROOT
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from potstill.errors import ConfigError
from potstill.figures import style
from potstill.figures.fig_4_4_pareto import on_front
from potstill.figures.rows import grouped, models
from pydantic import ValidationError

SETTINGS = CATALOGUE["fig_4_2_latency"]
NUMBERS = st.floats(1e-3, 1e11)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=12))
def test_pareto_front_is_what_no_other_point_beats(points):
    cost, quality = np.array(points, dtype=float).T
    beaten = [
        any(
            (c <= cost[k] and q >= quality[k]) and (c < cost[k] or q > quality[k])
            for c, q in zip(cost, quality, strict=True)
        )
        for k in range(len(points))
    ]
    assert on_front(cost, quality).tolist() == [not lost for lost in beaten]
    assert on_front(cost, quality).any()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7.615e9, "7.62B"), (1e9, "1B"), (15.6e6, "15.6M"), (14_400, "14.4k"), (10_000, "10k"), (2081.2, "2081"),
        (1000, "1000"), (5.283, "5.28"), (0.0624, "0.0624"), (0, "0"), (2.5, "2.5"),
    ],
)  # fmt: skip
def test_numbers_are_written_for_people(value, text):
    assert style.quantity(value) == text


@given(st.lists(NUMBERS, min_size=1, max_size=6), st.integers(2, 7), st.booleans())
def test_value_axis_holds_all_values_and_its_ticks_differ(values, ticks, zero):
    axes = Figure().subplots()
    style.value_axis(axes, values, ticks, zero=zero)
    low, high = axes.get_xlim()
    assert low == 0 if zero and axes.get_xscale() == "linear" else low < min(values)
    assert max(values) < high
    wide = max(values) / min(values) > (10 if zero else 5)
    assert axes.get_xscale() == ("log" if wide else "linear")
    if wide:
        shown = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert len(shown) >= 2
        assert len({style.quantity(tick) for tick in shown}) == len(shown)


@given(st.lists(st.text("abc-_. ", min_size=1, max_size=12), min_size=1, max_size=6).map("".join), st.integers(4, 30))
def test_wrapping_keeps_every_letter_and_the_width(text, characters):
    lines = style.wrapped(text, characters).split("\n")
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    pieces = max(len(piece) for piece in text.replace("-", "- ").replace("_", "_ ").replace(".", ". ").split(" "))
    assert all(len(line) <= max(characters, pieces) for line in lines)


def test_methods_keep_their_colours_and_own_methods_get_others():
    few = style.method_colours(["b0", "kd1", "mine"], SETTINGS)
    many = style.method_colours(["kd3", "mine", "zeta", "b0", "teacher"], SETTINGS)
    assert all(few[name] == many[name] for name in ("b0", "kd1", "mine", "teacher"))
    assert len(set(many.values())) == len(many)
    assert (
        style.method_colours(["mine"], SETTINGS.model_copy(update={"colours": {"mine": "#123456"}}))["mine"]
        == "#123456"
    )
    with pytest.raises(ConfigError, match="no colours left for own6, own7: name some under `colours`"):
        style.method_colours([f"own{k}" for k in range(8)], SETTINGS)


def test_colours_can_be_told_from_paper():
    """Contrast with white of at least 2:1 by the WCAG 2.1 definition (thick lines and dots, never text)."""
    for colour in [*style.METHOD_COLOURS.values(), *style.OWN_COLOURS, *style.TERM_COLOURS.values(), style.MODEL]:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        luminance = np.dot([0.2126, 0.7152, 0.0722], linear)
        assert 1.05 / (luminance + 0.05) >= 2, colour


def test_letters_are_at_least_7_points():
    for settings in CATALOGUE.values():
        with style.applied(settings):
            figure, axes = style.panels(settings, 1, 1, 40)
            axes[0, 0].set_xlabel("label")
            style.finish(figure, [style.swatch("#123456", "entry")], "A note.")
            sizes = [text.get_fontsize() for text in figure.findobj(lambda item: hasattr(item, "get_fontsize"))]
        assert min(sizes) >= 7


def test_a_users_own_matplotlib_settings_do_not_matter():
    import matplotlib as mpl

    with mpl.rc_context({"axes.facecolor": "red", "font.size": 30}):
        with style.applied(SETTINGS):
            assert mpl.rcParams["axes.facecolor"] == "white"
        assert mpl.rcParams["axes.facecolor"] == "red"


def test_rows_are_grouped_in_order_of_appearance():
    rows = grouped([("big", "b0"), ("big", "kd1"), ("small", "b0"), ("big", "b0")], SETTINGS)
    assert rows.labels == ("big", "B0 fine-tuning", "KD1 logits", "small", "B0 fine-tuning")
    assert rows.headings == (True, False, False, True, False)
    assert rows.places == {("big", "b0"): 1, ("big", "kd1"): 2, ("small", "b0"): 4}
    assert models([("teacher", "big"), ("student", "big")], SETTINGS).labels == ("big (teacher)", "big")


def test_settings_rename_what_is_shown():
    settings = SETTINGS.model_copy(update={"labels": {"kd1": "Hinton et al."}})
    assert style.label("kd1", settings) == "Hinton et al."
    assert style.label("b0", settings) == "B0 fine-tuning"
    assert style.label("my-model", settings) == "my-model"


def test_unknown_placeholder_in_a_label_is_refused():
    with pytest.raises(
        ConfigError, match=r"figures.yaml: axis label '\{metrik\} \(%\)': placeholders known here: \{metric\}"
    ):
        style.axis_label("{metrik} (%)", metric="F1")
    with pytest.raises(ConfigError, match="known here: none"):
        style.axis_label("{unit")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"colour": "red"}, "colour"),
        ({"width": "triple"}, "width"),
        ({"height": 3.0}, "height"),
        ({"inputs": ["scores", "comparison"]}, "inputs.0"),
        ({"inputs": []}, "inputs"),
        ({"needs": ["regression"]}, "needs.0"),
        ({"font_size": 2.0}, "font_size"),
        ({"colours": {"kd1": "bluish"}}, "colours.kd1"),
    ],
)
def test_unknown_settings_are_refused(change, where):
    with pytest.raises(ValidationError) as caught:
        type(SETTINGS).parse(SETTINGS.model_dump() | change)
    assert [".".join(map(str, error["loc"])) for error in caught.value.errors()] == [where]


def test_catalogue_modules_and_captions_agree():
    modules = {path.stem for path in (ROOT / "workflow_scripts" / "potstill" / "figures").glob("fig_*.py")}
    captions = {path.stem for path in (ROOT / "docs" / "captions").glob("fig_*.rst")}
    assert set(CATALOGUE) == modules == captions


def test_figures_depend_on_no_more_than_they_need():
    inputs = {name: set(settings.inputs) for name, settings in CATALOGUE.items()}
    assert inputs["fig_4_2_latency"] == inputs["fig_4_6_memory"] == {"collected_benchmarks"}
    assert inputs["fig_loss_curves"] == {"collected"}
    assert inputs["fig_4_5_kd_gain"] == inputs["fig_4_11_budget"] == inputs["fig_4_12_retention"] == {"comparison"}
    assert inputs["fig_4_9_agreement"] == inputs["fig_4_10_reliability"] == {"error_analysis"}
