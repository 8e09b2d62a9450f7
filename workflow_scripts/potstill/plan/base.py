"""The base of every typed record: frozen, unknown keys refused, canonical as JSON."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record that refuses unknown keys and never coerces a string into a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, value: Any) -> "Any":
        """The record from parsed JSON (lists become tuples)."""
        return cls.model_validate(value, strict=False)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON-able data, defaults included."""
        return self.model_dump(mode="json")
