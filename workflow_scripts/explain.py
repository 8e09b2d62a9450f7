"""Say what is behind a number of a table, or behind a run: runs, seeds, digests, versions, commit, command, data rows.

make explain TABLE=table_4_1_main_results WHERE="method=kd1"
make explain RUN=sentiment.minilm-2l.kd1
"""

import argparse
import sys
from pathlib import Path

from potstill.errors import ConfigError
from potstill.plan.configuration import assignments, main_config
from potstill.plan.plan import make_plan
from potstill.stage import explain_errors

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Print the numbers asked for, the runs behind them, and what each was made from."""
    from potstill.display.explanation import explain_run, explain_table
    from rich.console import Console

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--table", help="a table of the experiment, by the name of its file")
    parser.add_argument(
        "--where", nargs="*", default=[], metavar="COLUMN=VALUE", help="which rows of it (default: all)"
    )
    parser.add_argument("--run", help="a run, by its name or the beginning of it")
    parser.add_argument("--rows", type=Path, metavar="FILE", help="write the single examples' scores behind it as CSV")
    parser.add_argument("--config", nargs="*", default=[], metavar="KEY=VALUE", help="as for snakemake")
    arguments = parser.parse_args()
    with explain_errors():
        plan = make_plan(ROOT, main_config(ROOT, arguments.config), probe=False)
        # In a file or a pipe nothing is broken into lines: what is searched for stands on one.
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 1000)
        if bool(arguments.table) == bool(arguments.run):
            tables = ", ".join(name.partition("/")[2] for name in plan.products if name.startswith("tables/"))
            raise ConfigError(
                f"name a table and its rows, or a run: --table NAME --where COLUMN=VALUE, or --run NAME. Tables: {tables}"
            )
        where = assignments("--where", arguments.where, "COLUMN=VALUE, such as method=kd1")
        if arguments.table:
            explain_table(plan, arguments.table, where, arguments.rows, console)
        else:
            explain_run(plan, arguments.run, arguments.rows, console)


if __name__ == "__main__":
    main()
