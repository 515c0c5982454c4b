"""Read the text extraction of a printed sheet, so that a shipped SOP can be compared with it word for word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"


@dataclass(frozen=True)
class PrintedRow:
    """One row of the table, cell by cell; an empty cell is None."""

    number: int
    activity: str
    requirements: str | None
    time_limit: str | None
    output: str | None
    remark: str | None
    performers: tuple[str | None, ...]


@dataclass(frozen=True)
class PrintedSheet:
    """One sheet: the lines above its table, the pelaksana columns and the rows."""

    block: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[PrintedRow, ...]

    def value(self, label: str) -> str | None:
        """What stands behind a label on the same line."""
        line = next(line for line in self.block if line.startswith(label))
        return line.removeprefix(label).strip() or None

    def lines_between(self, label: str, following: str) -> tuple[str, ...]:
        """The lines from one label to the next, without their list numbers."""
        start = next(at for at, line in enumerate(self.block) if line.startswith(label))
        end = next(at for at, line in enumerate(self.block) if at > start and line.startswith(following))
        first = self.block[start].removeprefix(label).strip()
        lines = (re.sub(r"^\d+\. ", "", line.strip()) for line in (first, *self.block[start + 1 : end]))
        return tuple(line for line in lines if line)


def last_sheet(file: str) -> PrintedSheet:
    """The last sheet of a seed file."""
    lines = (SEEDS / file).read_text(encoding="utf-8").splitlines()
    start = max(at for at, line in enumerate(lines) if line.startswith("PEMERINTAH "))
    table = next(at for at, line in enumerate(lines) if at > start and line.startswith("No.\t"))
    columns = tuple(cell for cell in lines[table + 1].split("\t")[2:6])
    return PrintedSheet(tuple(lines[start:table]), columns, tuple(_rows(lines[table + 2 :])))


def _rows(lines: list[str]) -> Iterator[PrintedRow]:
    for line in filter(str.strip, lines):
        number, activity, *performers, requirements, time_limit, output, remark = (
            cell.strip() or None for cell in line.split("\t")
        )
        assert number is not None
        assert activity is not None
        yield PrintedRow(int(number), activity, requirements, time_limit, output, remark, tuple(performers))
