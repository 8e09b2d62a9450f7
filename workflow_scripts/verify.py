"""Check every byte of the results against the records beside them: `make verify`, or the target `verify`.

With `--config experiment=NAME` what that experiment uses, otherwise all that lies below the results folder. A line for each
damaged file ends in the command that makes it again; the exit code is 2 when there is one.
"""

import argparse
import os
from pathlib import Path

from potstill.errors import ArtefactError
from potstill.plan import inventory
from potstill.plan.configuration import main_config
from potstill.plan.plan import make_plan
from potstill.stage import explain_errors
from potstill.verification import verify_everything

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Print what is wrong, and how much was read."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--config", nargs="*", default=[], metavar="KEY=VALUE", help="as for snakemake")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="files read at a time")
    arguments = parser.parse_args()
    with explain_errors():
        config = main_config(ROOT, arguments.config)
        if any(change.startswith("experiment=") for change in arguments.config):
            items, missing = inventory.of_plan(make_plan(ROOT, config, probe=False))
        else:
            items, missing = inventory.of_results(ROOT, config), 0
        outcome = verify_everything(items, arguments.threads, lambda message: print(message, flush=True))
        if outcome.messages:
            count = len(outcome.messages)
            what = "file is not as it was written" if count == 1 else "files are not as they were written"
            raise ArtefactError(f"{count} {what}, of {outcome.summary()}. Each line above ends in what to do")
        later = f" ({missing} more are planned and not made yet)" if missing else ""
        print(f"{outcome.summary()}, all right{later}")


if __name__ == "__main__":
    main()
