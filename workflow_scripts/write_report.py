"""Write `report.html`: Snakemake's own report over the finished tables and figures, one file that opens offline."""

import os
import subprocess
import sys
from pathlib import Path

from potstill.errors import PotstillError
from potstill.products import publish_files, verify_products
from potstill.progress import say
from potstill.stage import Stage, run


def main(stage: Stage) -> None:
    """Run `snakemake --report` for this experiment and put its result in place.

    Raises:
        PotstillError: Snakemake could not write the report.
    """
    verify_products(stage.inputs)
    with publish_files(stage.output.parent, stage.inputs) as folder:
        report = folder / stage.output.name
        # The same plan, but one that shows the rules of finished products; it makes nothing.
        config = [f"{key}={value}" for key, value in stage.inputs["config"].items()]
        command = [sys.executable, "-m", "snakemake", "all", "--cores", "1", "--nolock", "--quiet", "all"]
        command += ["--report", str(report), "--config", *config, "report=True"]
        # Not the settings of the run that called us.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE_")}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode or not report.exists():
            raise PotstillError(
                f"{stage.output}: Snakemake could not write the report:\n{result.stdout}{result.stderr}"
            )
        _drop_home(report)
    say(f"{stage.output}: {stage.output.stat().st_size / 1e6:.1f} MB, open it in a browser")


def _drop_home(report: Path) -> None:
    """Absolute paths of this machine say nothing to the reader of a report."""
    text = report.read_text(encoding="utf-8")
    report.write_text(text.replace(f"{Path.cwd()}/", ""), encoding="utf-8")


if __name__ == "__main__":
    run(main)
