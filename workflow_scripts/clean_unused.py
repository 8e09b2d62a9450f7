"""List the artefacts below `results/` that no experiment refers to any more, and remove them with `--remove`.

An artefact is used when some experiment of config/experiments needs it with today's configuration and code. With
`--code keep` those that `--config code=keep` would use count as well.
"""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from potstill.errors import PotstillError
from potstill.plan.plan import make_plan
from potstill.plan.read import read_yaml
from potstill.stage import explain_errors

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("assets", "examples", "targets", "runs", "predictions", "benchmarks")


def main() -> None:
    """Print every unused artefact with its size; remove them if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--remove", action="store_true", help="remove them")
    parser.add_argument(
        "--code", choices=["current", "keep"], default="current", help="keep: also spare what code=keep uses"
    )
    arguments = parser.parse_args()
    with explain_errors():
        config = read_yaml(ROOT / "config" / "config.yaml") | {"code": arguments.code}
        results = Path(config.get("results", "results"))
        unused = find_unused(results, config)
        total = 0
        for path in unused:
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            total += size
            print(f"{size / 1e6:10.1f} MB  {path}")
            if arguments.remove:
                shutil.rmtree(path)
        what = "removed" if arguments.remove else "unused; FORCE=1 removes them"
        print(
            f"{total / 1e6:10.1f} MB in {len(unused)} artefacts {what}"
            if unused
            else f"nothing unused below {results}/"
        )


def find_unused(results: Path, config: dict[str, Any]) -> list[Path]:
    """The artefacts, and leftovers of killed jobs, that no experiment needs.

    Raises:
        PotstillError: an experiment with results cannot be planned, so what it uses is unknown.
    """
    used: set[str] = set()
    for file in sorted((ROOT / "config" / "experiments").glob("*.yaml")):
        try:
            plan = make_plan(ROOT, config | {"experiment": file.stem}, probe=False)
        except PotstillError as error:
            if (results / file.stem).exists():
                raise PotstillError(
                    f"nothing removed: {file.stem} has results but cannot be planned:\n{error}"
                ) from None
            print(f"left out (cannot be planned, and has no results): {file.stem}", file=sys.stderr)
            continue
        used.update(f"{kind}/{node.id}" for kind, nodes in plan.graph.nodes.items() for node in nodes.values())
    # Hidden folders are what killed jobs left.
    found = [path for kind in KINDS for path in sorted((results / kind).glob("*"))]
    return [path for path in found if path.is_dir() and f"{path.parent.name}/{path.name}" not in used]


if __name__ == "__main__":
    main()
