"""Look over this machine before an experiment: versions, devices, memory, disk, Hub, SLURM, and what to do about each."""

import argparse
from pathlib import Path

from potstill.stage import explain_errors

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Print one screen; exit code 1 when something would stop the workflow."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--config", nargs="*", default=[], metavar="KEY=VALUE", help="as for snakemake")
    arguments = parser.parse_args()
    with explain_errors():
        from potstill.sources.fetch import load_environment

        load_environment()  # before huggingface_hub is imported, which reads its variables once
        from potstill.doctor.examination import examine, show
        from rich.console import Console

        raise SystemExit(1 if show(examine(ROOT, arguments.config), Console()) else 0)


if __name__ == "__main__":
    main()
