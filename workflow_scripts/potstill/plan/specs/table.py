"""Spec of `write_table`, and which collected results each table reads."""

from typing import Literal

from pydantic import Field

from potstill.plan.base import Record

TableInput = Literal["collected", "collected_benchmarks", "comparison", "costs", "error_analysis", "transfer"]

# Table -> the end products that it reads; `potstill/report/tables/<table>.py` makes it.
TABLES: dict[str, tuple[TableInput, ...]] = {
    "table_4_1_main_results": ("collected", "comparison"),
    "table_4_2_kd1_ablation": ("collected", "comparison"),
    "table_4_3_significance": ("comparison",),
    "table_4_4_retention": ("comparison",),
    "table_4_5_error_analysis": ("collected", "error_analysis"),
    "table_4_6_cost": ("costs",),
    "table_4_7_out_of_domain": ("transfer",),
    "benchmarks": ("collected_benchmarks",),
    "runs": ("collected",),
}


class TableSpec(Record):
    """One table. Inputs: those of `TABLES`, as directories."""

    table: str
    digits: int = Field(1, ge=0, le=6, description="decimals of percentages and points")
