"""List the artefacts below `results/` that no experiment refers to any more, and remove them with `--remove`.

An artefact is used when some experiment of config/experiments needs it with today's configuration and code. With
`--config code=keep` those that such a call would use count as well.
"""

import argparse
import shutil
import sys
from pathlib import Path

from potstill.errors import ConfigError
from potstill.plan.at_work import LOCKS, state
from potstill.plan.configuration import main_config
from potstill.plan.unused import unused
from potstill.stage import explain_errors

ROOT = Path(__file__).resolve().parents[1]
SNAKEMAKE = Path(".snakemake")


def main() -> None:
    """Print every unused artefact with its size; remove them if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--remove", action="store_true", help="remove them")
    parser.add_argument(
        "--config", nargs="*", default=[], metavar="KEY=VALUE", help="as for snakemake: results=, data=, code="
    )
    arguments = parser.parse_args()
    with explain_errors():
        config = main_config(ROOT, arguments.config)
        if arguments.remove and state(SNAKEMAKE) in ("at work", "unknown"):
            raise ConfigError(
                f"{SNAKEMAKE / LOCKS} is not empty: Snakemake is at work here. Wait for its end, or say `snakemake --unlock` "
                "if it died"
            )
        found, left_out = unused(ROOT, config)
    if left_out:
        print(f"no results, and cannot be planned: {', '.join(left_out)}", file=sys.stderr)
    sizes = [sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) for path in found]
    for path, size in zip(found, sizes, strict=True):
        print(f"{size / 1e6:10.1f} MB  {path}")
        if arguments.remove:
            shutil.rmtree(path)
    what = "removed" if arguments.remove else "unused; FORCE=1 removes them"
    print(f"{sum(sizes) / 1e6:10.1f} MB in {len(found)} artefacts {what}" if found else "nothing unused")


if __name__ == "__main__":
    main()
