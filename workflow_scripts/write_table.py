"""Write one table of the summary: its numbers as CSV (at --output), and as LaTeX beside it."""

from potstill.products import publish_files, verify_products
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Build the table and replace its two files."""
    from potstill.errors import ConfigError
    from potstill.plan.specs.table import TABLES, TableSpec
    from potstill.report.table import write
    from potstill.report.tables import build_table

    spec = TableSpec.parse(stage.spec)
    if spec.table not in TABLES:
        raise ConfigError(f"tables: there is no table {spec.table!r}; there are {', '.join(TABLES)}")
    verify_products(stage.inputs)
    folders = {role: stage.path(role) for role in TABLES[spec.table]}
    table = build_table(spec.table, folders, spec.digits)
    with publish_files(stage.output.parent, stage.inputs) as folder:
        write(table, folder, spec.table)


if __name__ == "__main__":
    run(main)
