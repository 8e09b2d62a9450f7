"""Refuses versions of libraries in which a model's files are known to be able to run code.

Asked before a library is imported: by the Snakefile, by every stage and by `make doctor`. Standard library and
`packaging` only.
"""

from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

from potstill.errors import PotstillError

# Distribution -> first version without the hole, and what the hole is.
SAFE = {
    "torch": ("2.10.0", "CVE-2025-32434, CVE-2026-24747: a weights file can run code or break memory when it is read"),
    "transformers": ("5.3.0", "CVE-2026-4372: a model's config.json can run code, even without trust_remote_code"),
}


def unsafe() -> list[str]:
    """What is wrong with the installed versions, one line a library; what is not installed does no harm."""
    found = []
    for name, (safe, hole) in SAFE.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        # 2.10.0a0+git... was made before the release.
        if Version(installed) < Version(safe):
            found.append(f"{name} {installed} is installed, {safe} or later is needed ({hole})")
    return found


def refuse_unsafe() -> None:
    """Stop before anything of a library with a known hole is imported.

    Raises:
        PotstillError: with every library, what is wrong with it, and the remedy.
    """
    if found := unsafe():
        raise PotstillError(
            "\n".join([*found, "Install the versions of this project: pip install -r envs/requirements.txt"])
        )
