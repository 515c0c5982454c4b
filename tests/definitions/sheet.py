"""Read the text extraction of a printed sheet, so that a shipped SOP can be compared with it word for word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"
CIREBON, SUKABUMI, KALBAR, SAMARINDA = sorted(path.name for path in SEEDS.glob("0*.txt"))

TABULAR = {
    "sukabumi-pengukuran-kinerja-lakip": (SUKABUMI, 0),
    "kalbar-renja-renstra": (KALBAR, 0),
    "kalbar-evaluasi-penyerapan-anggaran": (KALBAR, 1),
    "kalbar-rka-dpa": (KALBAR, 2),
    "kalbar-lkpj": (KALBAR, 3),
    "kalbar-lppd": (KALBAR, 4),
    "kalbar-lakip": (KALBAR, 5),
    "samarinda-pelaporan-kinerja": (SAMARINDA, 0),
}
"""The sheets whose rows survived as rows: the file, and which of its sheets."""


@dataclass(frozen=True)
class PrintedRow:
    """One row of the table, cell by cell, and all its words; an empty cell is None."""

    number: int
    activity: str | None
    requirements: str | None
    time_limit: str | None
    output: str | None
    remark: str | None
    performers: tuple[str | None, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class PrintedSheet:
    """One sheet: the words around its table, the pelaksana columns and the rows."""

    block: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[PrintedRow, ...]


@cache
def tabular_sheet(key: str) -> PrintedSheet:
    """A sheet whose cells are separated by tabs."""
    file, at = TABULAR[key]
    _, *sheets = re.split(r"^(?= *PEMERINTAH )", text_of(file), flags=re.MULTILINE)
    tops: list[tuple[str, str]] = []
    rows: list[PrintedRow] = []
    block: list[str] = []
    lines = iter(sheets[at].splitlines())
    for line in lines:
        if re.match(r"No\.?\t", line):
            tops.append((line, next(lines)))
        elif re.match(r"\d+\.?\t", line):
            rows.append(_row(line))
        else:
            block += words_of(line)
    assert len(set(tops)) == 1, "a header that is repeated on a new page says the same"
    columns = _pelaksana(*(top.split("\t") for top in tops[0]))
    assert all(len(row.performers) == len(columns) for row in rows)
    return PrintedSheet(tuple(block), columns, tuple(rows))


def _row(line: str) -> PrintedRow:
    number, activity, *performers, requirements, time_limit, output, remark = (_cell(cell) for cell in line.split("\t"))
    words = words_of(line)
    assert number == words[0]
    return PrintedRow(
        int(words[0].rstrip(".")), activity, requirements, time_limit, output, remark, tuple(performers), words[1:]
    )


def _cell(text: str) -> str | None:
    return " ".join(words_of(text)) or None


def _pelaksana(upper: list[str], lower: list[str]) -> tuple[str, ...]:
    """The columns between kegiatan and mutu baku; a column that has no second line has its name in the first."""
    end = next(at for at, cell in enumerate(upper) if cell.upper() == "MUTU BAKU")
    return tuple(lower[at] or upper[at] for at in range(2, end))


def text_of(file: str) -> str:
    """A seed file, without the marks of the format it was extracted to."""
    return re.sub(r"</?(?:ol|ul|li|p)\b[^>]*>|\*\*", " ", (SEEDS / file).read_text(encoding="utf-8"))


def words_of(text: str | None) -> tuple[str, ...]:
    """The words of a text: whatever stands between white space."""
    return tuple((text or "").split())


# Cirebon: no table survived, the words of a row's cells run into each other


CIREBON_HEADINGS = (
    "PELAKSAN A MUTU BAKU Kepala Sekretaris Kelompok Kel. Substansi Pelaksana Kelengkapan Waktu Output Dinas "
    "Substansi Anev dan Ka. (menit) Program dan Keuangan Umpeg KEGIATAN NO Ket",
    "PELAKSANA MUTU BAKU Kepala Dinas Sekretaris Kelompok Substansi Kel. Substansi Anev dan Ka. Pelaksana "
    "Kelengkapan Waktu Output NO KEGIATAN Program dan Keuangan Umpeg (menit) Ket",
    "NO KEGIATAN PELAKSAN A MUTU BAKU Ket Kepala Dinas Sekretaris Kelompok Substansi Program dan Keuangan "
    "Kel. Substansi Anev dan Ka. Umpeg Pelaksana Kelengkapan Waktu (menit ) Output",
)
"""The table's header, page by page, as its words were extracted; only the third is in order."""

CIREBON_ROWS = (
    "1 Kepala Dinas memerintahkan",
    "2 Sekretaris memerintahkan",
    "3 3.1 Kelompok",
    "4 4.1. Menerima,",
    "5 5.1 Menerima",
    "6 7.1 Menerima",
    "7 Menerima penugasan",
    "Menerima, meneliti, menyusun dan mengoreksi:",
    "Menerima, meneliti, mengoreksi dan memaraf :",
)
"""How each row begins; the last two have no number."""


@cache
def cirebon_block() -> tuple[str, ...]:
    """The words before the table."""
    return _cut(words_of(text_of(CIREBON)), CIREBON_HEADINGS[0])[0]


@cache
def cirebon_rows() -> tuple[tuple[str, ...], ...]:
    """The words of every row, the printed number included."""
    rest = words_of(text_of(CIREBON))
    _, rest = _cut(rest, CIREBON_HEADINGS[0])
    for heading in CIREBON_HEADINGS[1:]:
        before, after = _cut(rest, heading)
        rest = before + after
    rows: list[tuple[str, ...]] = []
    for start in CIREBON_ROWS:
        before, after = _cut(rest, start)
        rows.append(before)
        rest = (*words_of(start), *after)
    assert rows[0] == (), "nothing stands between the header and the first row"
    return (*rows[1:], rest)


def _cut(words: tuple[str, ...], phrase: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands before a phrase and what behind it; the phrase occurs once."""
    sought = words_of(phrase)
    places = [at for at in range(len(words)) if words[at : at + len(sought)] == sought]
    assert len(places) == 1, f"{phrase!r} occurs {len(places)} times"
    return words[: places[0]], words[places[0] + len(sought) :]


def is_woven(words: Sequence[str], strands: Sequence[Sequence[str]]) -> bool:
    """Whether the words are exactly these strands, each in its own order, running into each other."""
    reached = {(0,) * len(strands)}
    for word in words:
        reached = {
            (*places[:strand], places[strand] + 1, *places[strand + 1 :])
            for places in reached
            for strand, place in enumerate(places)
            if place < len(strands[strand]) and strands[strand][place] == word
        }
    return tuple(len(strand) for strand in strands) in reached
