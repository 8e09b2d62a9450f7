"""Spec of `draw_figure`: one catalogue entry of config/figures.yaml and nothing else of the experiment."""

from typing import Annotated, Literal

from pydantic import Field

from potstill.plan.base import Record

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Product = Literal["collected", "collected_benchmarks", "comparison", "error_analysis"]


class FigureSettings(Record):
    """How one figure is drawn. A figure is drawn again when its own settings or one of its inputs change."""

    inputs: tuple[Product, ...] = Field(min_length=1, description="the named products that the figure reads")
    title: str = Field("", description="printed above the figure; empty: none (papers put it in the caption)")
    x_label: str = Field(
        description="label of the horizontal axis, with its unit; {metric}, {baseline}, {quantity}, {unit} are filled"
    )
    y_label: str = Field("", description="label of the vertical axis; empty where the axis lists names")
    width: Literal["single", "double"] = Field("double", description="column width: single is 85 mm, double 178 mm")
    height: float | None = Field(
        None, ge=15, le=250, description="mm of one row of panels (default: as much as its entries need)"
    )
    font_size: float = Field(
        8.0, ge=6.5, le=14, description="size of axis labels in pt; tick labels are 0.5 pt smaller"
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="name to print for a method, model, task, metric or loss term"
    )
    colours: dict[str, Colour] = Field(
        default_factory=dict, description="colour of a method or loss term, as #rrggbb; the others keep their own"
    )


class FigureSpec(Record):
    """One figure: the module of its name in potstill/figures, and its settings."""

    name: str
    settings: FigureSettings
