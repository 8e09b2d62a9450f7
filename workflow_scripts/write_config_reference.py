"""Write config/README.md and config/schema.json from the typed schema (`make docs`)."""

from pathlib import Path

from potstill.artefacts import write_atomically
from potstill.plan.reference import reference, schema

if __name__ == "__main__":
    folder = Path(__file__).resolve().parents[1] / "config"
    write_atomically(folder / "README.md", reference())
    write_atomically(folder / "schema.json", schema())
