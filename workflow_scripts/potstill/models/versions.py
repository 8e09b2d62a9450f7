"""Versions of the libraries that can change a number, for the records beside results."""

from importlib.metadata import PackageNotFoundError, version

LIBRARIES = ("torch", "transformers", "tokenizers", "peft", "safetensors", "bitsandbytes")


def library_versions() -> dict[str, str]:
    """Name -> installed version; what is not installed is left out."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
