"""Print what an experiment will take: jobs, what is there already, tokens, time, memory, disk. Makes nothing."""

import argparse
from pathlib import Path

from potstill.devices.visible import visible_devices
from potstill.plan.configuration import main_config
from potstill.plan.forecast import describe, forecast
from potstill.plan.plan import make_plan
from potstill.stage import explain_errors

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Plan the experiment of config.yaml, or another one, and print the table."""
    from rich.console import Console

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--config",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="as for snakemake: experiment=, results=, data= ...",
    )
    parser.add_argument(
        "--device", choices=("cpu", "gpu"), help="what the jobs will compute on (default: what is here)"
    )
    arguments = parser.parse_args()
    with explain_errors():
        plan = make_plan(ROOT, main_config(ROOT, arguments.config), probe=False)
        device = arguments.device or ("gpu" if visible_devices() else "cpu")
        describe(plan, forecast(plan, device), device, Console())


if __name__ == "__main__":
    main()
