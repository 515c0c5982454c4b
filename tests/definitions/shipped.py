"""The nine SOPs that ship with Alur, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from engine.definition import Activity, ProcessDefinition
from engine.reader import read_yaml

FOLDER = Path(__file__).parents[2] / "definitions"

STEPS = {
    "cirebon-lakip": 9,
    "sukabumi-pengukuran-kinerja-lakip": 13,
    "kalbar-renja-renstra": 10,
    "kalbar-evaluasi-penyerapan-anggaran": 10,
    "kalbar-rka-dpa": 16,
    "kalbar-lkpj": 10,
    "kalbar-lppd": 10,
    "kalbar-lakip": 10,
    "samarinda-pelaporan-kinerja": 11,
}
"""How many rows each sheet prints."""

KEYS = tuple(STEPS)


@cache
def shipped(key: str) -> ProcessDefinition:
    """The SOP of this key, as it is shipped."""
    return read_yaml((FOLDER / f"{key}.yaml").read_bytes(), f"{key}.yaml")


def activity_of(key: str, number: int) -> Activity:
    """One row of an SOP."""
    return next(activity for activity in shipped(key).activities if activity.number == number)
