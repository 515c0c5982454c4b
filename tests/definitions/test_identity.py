"""The identity block of every sheet, word for word: what stands where, what is empty, and what is a reading."""

from __future__ import annotations

import pytest

from engine.definition import Cycle, Identity, PrintedDate
from tests.definitions.sheet import TABULAR, cirebon_block, tabular_sheet, text_of, words_of
from tests.definitions.shipped import FOLDER, KEYS, shipped

DATES = """
Nomor SOP {number} Tanggal Pembuatan {created} Tanggal Revisi {revised} Tanggal Efektif {effective}
"""

KALBAR_TOP = f"""
PEMERINTAH PROVINSI KALIMANTAN BARAT DINAS KOPERASI UKM PROVINSI KALIMANTAN BARAT SEKRETARIAT
{DATES} Disahkan oleh {{approved_by}}
"""

KALBAR_LISTS = """
Dasar Hukum Kualifikasi pelaksana {legal_basis:glued} {qualifications:glued}
Keterkaitan Peralatan/perlengkapan {related:glued} {equipment:glued}
Peringatan Pencatatan dan pendataan {warnings} {records}
"""

BLOCKS = {
    "cirebon-lakip": """
        PEMERINTAH KABUPATEN CIREBON DINAS KOPERASI DAN USAHA KECIL DAN MENENGAH
        JL. Sunan Drajat No. 13 Kompleks Perkantoran Telp ( 0231 ) 321775 Sumber - Cirebon
        NOMOR SOP : {number} TGL. PEMBUATAN : {created} TGL. REVISI : {revised} TGL. EFEKTIF : {effective}
        DISAHKAN OLEH : {approved_by} NAMA SOP {printed_title}
        DASAR HUKUM : KUALIFIKASI PELAKSANA : 1 2 3 4 {legal_basis} 1 2 3 4 {qualifications}
        KETERKAITAN : PERALATAN / PERLENGKAPAN 1 2 3 4 {related} 1. 2. 3. 4. {equipment}
        PERINGAT AN : PENCATATAN DAN PENDATAAN : {warnings} 1 {records[0]} 2 {records[1]} 3. {records[2]}
    """,
    "sukabumi-pengukuran-kinerja-lakip": """
        PEMERINTAH KABUPATEN SUKABUMI DINAS KOPERASI, USAHA KECIL DAN MENENGAH
        Nomor SOP {number} Tanggal Pembuatan {created} Tanggal Revisi {revised} Tanggal Pengesahan 6-Feb-2023
        Disahkan Oleh {approved_by} Nama SOP {printed_title}
        Dasar Hukum Kualifikasi Pelaksana {legal_basis:numbered} {qualifications:numbered}
        Keterkaitan Peralatan/ Perlengkapan {related} {equipment:numbered}
        Peringatan Pencatatan dan Pendataan {warnings:numbered} {records}
    """,
    "kalbar-renja-renstra": f"{KALBAR_TOP} {KALBAR_LISTS} SOP Penyusunan Renja/Renstra",
    "kalbar-evaluasi-penyerapan-anggaran": f"""
        {KALBAR_TOP} Nama SOP {{printed_title}} {KALBAR_LISTS}
        SOP Penyusunan Laporan Evaluasi dan Pelaporan Penyerapan Anggaran
    """,
    "kalbar-rka-dpa": f"{KALBAR_TOP} Nama SOP {{printed_title}} {KALBAR_LISTS} SOP Penyusunan RKA dan DPA",
    # The warning stands in the cell of the records: `{warnings}` behind the label Pencatatan.
    "kalbar-lkpj": f"""
        {KALBAR_TOP} Nama SOP {{printed_title}}
        Dasar Hukum {{legal_basis}} Kualifikasi pelaksana {{qualifications:numbered}}
        Keterkaitan {{related}} Peralatan/perlengkapan {{equipment:numbered}}
        Peringatan Pencatatan dan pendataan {{warnings}} {{records}} SOP Penyusunan LKPJ
    """,
    "kalbar-lppd": f"{KALBAR_TOP} Nama SOP {{printed_title}} {KALBAR_LISTS} SOP Penyusunan LPPD",
    "kalbar-lakip": f"""
        {KALBAR_TOP} Nama SOP {{printed_title}}
        Dasar Hukum {{legal_basis:numbered}} Kualifikasi pelaksana {{qualifications:numbered}}
        Keterkaitan {{related:numbered}} Peralatan/perengkapan {{equipment:numbered}}
        Peringatan {{warnings}} Pencatatan dan pendataan {{records}} SOP Penyusunan LAKIP
    """,
    "samarinda-pelaporan-kinerja": f"""
        PEMERINTAH KOTA SAMARINDA DINAS KOPERASI, USAHA KECIL MENENGAH DAN PERINDUSTRIAN KOTA SAMARINDA
        {DATES} {{approved_by}} SEKRETARIAT Nama SOP {{printed_title}}
        Dasar Hukum Kualifikasi pelaksana {{legal_basis:numbered glued}} {{qualifications:numbered glued}}
        Keterkaitan Peralatan/perlengkapan {{related:numbered glued}} {{equipment:numbered glued}}
        Peringatan Pencatatan dan pendataan {{warnings}} {{records}} Prosedur : Penyusunan Pelaporan Kinerja
    """,
}
"""Everything printed around the table, with each field of the identity in its place."""

COUNTS = {
    "cirebon-lakip": (4, 4, 4, 4, 1, 3),
    "sukabumi-pengukuran-kinerja-lakip": (6, 5, 2, 3, 2, 1),
    "kalbar-renja-renstra": (6, 3, 1, 3, 1, 0),
    "kalbar-evaluasi-penyerapan-anggaran": (7, 2, 2, 4, 1, 0),
    "kalbar-rka-dpa": (7, 2, 1, 5, 1, 0),
    "kalbar-lkpj": (0, 3, 0, 4, 1, 0),
    "kalbar-lppd": (6, 3, 2, 4, 1, 0),
    "kalbar-lakip": (6, 3, 1, 3, 1, 0),
    "samarinda-pelaporan-kinerja": (4, 4, 1, 2, 1, 1),
}
"""Items of legal basis, qualifications, related, equipment, warnings, records; some are printed without separators."""

LISTS = ("legal_basis", "qualifications", "related", "equipment", "warnings", "records")

KALBAR_DATES = ("2023-08-31", None, None)

READ_DATES = {
    "cirebon-lakip": ("2021-01-04", "2023-03", None),
    "sukabumi-pengukuran-kinerja-lakip": ("2023-02-06", None, None),
    **{key: KALBAR_DATES for key in KEYS if key.startswith("kalbar-")},
    "samarinda-pelaporan-kinerja": ("2026-05-04", None, "2026-05-04"),
}

HEADS = {
    "cirebon-lakip": ("Penyusunan LAKIP", "dkukm-cirebon", {"title", "cycle"}),
    "sukabumi-pengukuran-kinerja-lakip": ("Pengukuran Kinerja LAKIP", "dkukm-sukabumi", set()),
    "kalbar-renja-renstra": ("Penyusunan Renja/Renstra", "diskopukm-kalbar", {"cycle"}),
    "kalbar-evaluasi-penyerapan-anggaran": (
        "Penyusunan Laporan Evaluasi dan Laporan Penyerapan Anggaran",
        "diskopukm-kalbar",
        {"title", "cycle"},
    ),
    "kalbar-rka-dpa": ("Penyusunan RKA dan DPA", "diskopukm-kalbar", {"cycle"}),
    "kalbar-lkpj": ("Penyusunan LKPJ", "diskopukm-kalbar", {"cycle"}),
    "kalbar-lppd": ("Penyusunan LPPD", "diskopukm-kalbar", {"cycle"}),
    "kalbar-lakip": ("Penyusunan LAKIP", "diskopukm-kalbar", {"cycle"}),
    "samarinda-pelaporan-kinerja": ("Penyusunan Pelaporan Kinerja", "dkukmp-samarinda", {"cycle"}),
}
"""Title, agency, and what of the whole SOP no sheet prints."""

CYCLES = {
    "sukabumi-pengukuran-kinerja-lakip": (Cycle.QUARTERLY,),
    "kalbar-renja-renstra": (Cycle.YEARLY, Cycle.FIVE_YEARLY),
}
"""All others are yearly."""

PLACED = {
    "sukabumi-pengukuran-kinerja-lakip": {"related"},
    "kalbar-lkpj": {"warnings", "records"},
    "samarinda-pelaporan-kinerja": {"approved_by", "printed_title"},
}
"""Printed without its label, in another cell, or as two titles without anything between them."""


@pytest.mark.parametrize("key", KEYS)
def test_the_words_around_the_table_are_those_of_the_identity_and_its_labels(key: str) -> None:
    printed = tabular_sheet(key).block if key in TABULAR else cirebon_block()

    assert words_of(BLOCKS[key].format(**_fields(shipped(key).identity))) == printed


@pytest.mark.parametrize("key", KEYS)
def test_every_list_has_its_items(key: str) -> None:
    lists = [getattr(shipped(key).identity, field) for field in LISTS]

    assert tuple(map(len, lists)) == COUNTS[key]
    assert all(item == " ".join(words_of(item)) for items in lists for item in items)


@pytest.mark.parametrize("key", KEYS)
def test_a_date_says_no_more_than_is_printed(key: str) -> None:
    identity = shipped(key).identity
    dates = (identity.created, identity.revised, identity.effective)

    assert tuple(date.date if date else None for date in dates) == READ_DATES[key]


def test_a_dash_is_a_printed_date_and_a_blank_is_none() -> None:
    assert shipped("samarinda-pelaporan-kinerja").identity.revised == PrintedDate(text="-")
    assert shipped("sukabumi-pengukuran-kinerja-lakip").identity.revised is None


def test_the_date_of_approval_that_has_no_field_of_its_own_is_not_lost() -> None:
    key = "sukabumi-pengukuran-kinerja-lakip"

    assert "Tanggal Pengesahan\t6-Feb-2023" in text_of("001_89245d228fa5266b.txt")
    assert "Tanggal Pengesahan 6-Feb-2023" in (FOLDER / f"{key}.yaml").read_text(encoding="utf-8")
    assert shipped(key).identity.readings["approved_by"].endswith("tanggal pengesahan 6 Februari 2023")


@pytest.mark.parametrize("key", KEYS)
def test_the_title_is_read_without_the_word_sop(key: str) -> None:
    title, agency, chosen = HEADS[key]
    definition = shipped(key)

    assert (definition.title, definition.agency) == (title, agency)
    assert definition.cycle == CYCLES.get(key, (Cycle.YEARLY,))
    assert set(definition.inferred) == chosen


@pytest.mark.parametrize("key", [key for key in TABULAR if "title" not in HEADS[key][2]])
def test_a_title_that_is_not_inferred_is_printed(key: str) -> None:
    assert shipped(key).title in " ".join(tabular_sheet(key).block)


@pytest.mark.parametrize("key", KEYS)
def test_every_reading_of_the_identity_is_named_as_inferred(key: str) -> None:
    identity = shipped(key).identity
    unseparated = {
        field for field in LISTS if f"{{{field}:glued}}" in BLOCKS[key] and len(getattr(identity, field)) > 1
    }

    assert len(set(identity.inferred)) == len(identity.inferred)
    assert set(identity.inferred) == set(identity.readings) | unseparated | PLACED.get(key, set())


@pytest.mark.parametrize("key", KEYS)
def test_the_agency_stands_at_the_head_of_the_file(key: str) -> None:
    block = tabular_sheet(key).block if key in TABULAR else cirebon_block()
    end = next(at for at, word in enumerate(block) if word.lower() == "nomor")
    opening = (FOLDER / f"{key}.yaml").read_text(encoding="utf-8").split("kunci:")[0]
    said = {word.strip(",").lower() for word in opening.split()}

    assert {word.strip(",").lower() for word in block[:end]} <= said


def _fields(identity: Identity) -> dict[str, object]:
    """What the places of a block are filled with; nothing where nothing is printed."""
    dates = {
        field: date.text if (date := getattr(identity, field)) else "" for field in ("created", "revised", "effective")
    }
    words = {field: getattr(identity, field) or "" for field in ("number", "approved_by", "printed_title")}
    return {**dates, **words, **{field: _Items(getattr(identity, field)) for field in LISTS}}


class _Items(tuple[str, ...]):
    """A printed list: with or without numbers, with or without anything between the items."""

    def __format__(self, how: str) -> str:
        items = [f"{at}. {item}" for at, item in enumerate(self, 1)] if "numbered" in how else list(self)
        return ("" if "glued" in how else " ").join(items)
