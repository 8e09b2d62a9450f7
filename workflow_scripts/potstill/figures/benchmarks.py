"""What the figures of latency and memory share: the order of the models, and where they were measured."""

import pandas as pd

ENVIRONMENT = ["device", "cpu", "threads", "precision"]
COLUMNS = ["task", "role", "student", *ENVIRONMENT]


def models(frame: pd.DataFrame) -> pd.DataFrame:
    """The teacher first, then the students as they come."""
    return frame.sort_values("role", key=lambda role: role != "teacher", kind="stable").reset_index(drop=True)


def environment_note(frame: pd.DataFrame) -> str:
    """Where the models were measured; says so when it was not the same place for all."""
    places = frame[ENVIRONMENT].drop_duplicates()
    if len(places) > 1:
        differing = ", ".join(name for name in ENVIRONMENT if places[name].nunique(dropna=False) > 1)
        return f"Not measured alike: {differing} differ between models, so they cannot be compared directly."
    device, cpu, threads, precision = places.iloc[0]
    processor = f"{cpu}, {threads} thread{'s' if threads != 1 else ''}" if device == "cpu" else f"{device} ({cpu})"
    return f"Measured on {processor}, {precision}."
