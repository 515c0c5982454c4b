"""What no sheet prints is read as decided, and every such reading is named for the agency to confirm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.definition import (
    Activity,
    ActivityKind,
    NodeKind,
    ProcessDefinition,
    Route,
    RouteKind,
    SubStepKind,
    TimeLimit,
    TimeUnit,
)
from engine.reader import read_json
from tests.definitions.shipped import KEYS, STEPS, activity_of, shipped


@dataclass(frozen=True)
class Reading:
    """One line of readings.md."""

    key: str
    number: int
    performer: str
    assisting: tuple[str, ...]
    kind: ActivityKind
    returns_to: int | None
    awaits: tuple[str, ...]
    sends_to: tuple[str, ...]


def _readings() -> list[Reading]:
    found: list[Reading] = []
    key = ""
    for line in (Path(__file__).parent / "readings.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            key = line.removeprefix("## ")
        elif re.match(r"\| \d", line):
            number, performer, assisting, kind, back, awaits, sends_to = (
                cell.strip() for cell in line.split("|")[1:-1]
            )
            found.append(
                Reading(
                    key,
                    int(number),
                    performer,
                    _names(assisting),
                    ActivityKind(kind),
                    int(back) if back else None,
                    _names(awaits),
                    _names(sends_to),
                )
            )
    return found


def _names(cell: str) -> tuple[str, ...]:
    return tuple(filter(None, cell.split(", ")))


READINGS = _readings()
every_step = pytest.mark.parametrize("reading", READINGS, ids=lambda reading: f"{reading.key} {reading.number}")
every_sop = pytest.mark.parametrize("key", KEYS)


def test_every_step_has_a_reading() -> None:
    assert [(reading.key, reading.number) for reading in READINGS] == [
        (key, number) for key, steps in STEPS.items() for number in range(1, steps + 1)
    ]


# Who does it, and where it goes


@every_step
def test_who_does_a_step_and_who_takes_part(reading: Reading) -> None:
    activity = activity_of(reading.key, reading.number)

    assert activity.kind is reading.kind
    assert activity.candidate_roles == (reading.performer,)
    assert activity.assisting_roles == reading.assisting


@every_step
def test_a_decision_returns_where_it_was_read_to(reading: Reading) -> None:
    activity = activity_of(reading.key, reading.number)
    outcomes = [(route.outcome, route.kind) for route in activity.routes]
    back = [route.to for route in activity.routes if route.kind is RouteKind.RETURN]

    if reading.returns_to is None:
        assert activity.kind is ActivityKind.EXECUTION
        assert outcomes == [("completed", RouteKind.FORWARD)]
    else:
        assert activity.kind is ActivityKind.DECISION
        assert outcomes == [("approved", RouteKind.FORWARD), ("returned", RouteKind.RETURN)]
        assert back == [activity_of(reading.key, reading.returns_to).id]


def test_thirty_two_steps_decide() -> None:
    assert sum(activity.kind is ActivityKind.DECISION for key in KEYS for activity in shipped(key).activities) == 32


@every_step
def test_what_a_step_awaits_and_whom_it_sends_to(reading: Reading) -> None:
    activity = activity_of(reading.key, reading.number)
    awaited = tuple(f"unit {source.units}" if source.units else str(source.party) for source in activity.awaits)

    assert all((source.units is None) != (source.party is None) for source in activity.awaits)
    assert awaited == reading.awaits
    assert activity.sends_to == reading.sends_to


@every_sop
def test_the_happy_path_is_the_printed_order(key: str) -> None:
    definition = shipped(key)
    path = list(_path(definition, definition.activities[0].id))

    assert [activity.number for activity in path] == list(range(1, STEPS[key] + 1))


@every_sop
def test_a_party_is_named_as_in_the_cells_and_is_needed(key: str) -> None:
    definition = shipped(key)
    cells = " ".join(activity.name for activity in definition.activities)
    needed = {source.party for activity in definition.activities for source in activity.awaits if source.party}
    needed |= {party for activity in definition.activities for party in activity.sends_to}
    needed |= {node.party for node in definition.nodes if node.party}

    assert {party.id for party in definition.parties} == needed
    assert all(party.name in cells for party in definition.parties)


def test_only_two_sops_have_a_place_without_a_printed_row() -> None:
    assert {key: [node.id for node in shipped(key).nodes] for key in KEYS if shipped(key).nodes} == {
        "kalbar-rka-dpa": ["tunggu_tapd"],
        "sukabumi-pengukuran-kinerja-lakip": ["setiap_bidang"],
    }


def test_rka_dpa_waits_for_tapd_between_nine_and_ten() -> None:
    (node,) = shipped("kalbar-rka-dpa").nodes
    nine, ten = (activity_of("kalbar-rka-dpa", number) for number in (9, 10))

    assert (node.kind, node.party) == (NodeKind.WAIT, "tim_tapd")
    assert node.routes == (Route(outcome="answered", kind=RouteKind.FORWARD, to=ten.id),)
    assert nine.routes[0].to == node.id
    assert set(node.inferred) == {"kind", "party", "routes.answered.to"}


def test_step_two_of_sukabumi_is_done_once_for_every_bidang() -> None:
    (node,) = shipped("sukabumi-pengukuran-kinerja-lakip").nodes
    one, two, three = (activity_of("sukabumi-pengukuran-kinerja-lakip", number) for number in (1, 2, 3))

    assert (node.kind, node.units, node.or_once, node.at_least) == (NodeKind.EACH_UNIT, "bidang", True, None)
    assert (node.members, node.to) == ((two.id,), three.id)
    assert (one.routes[0].to, two.routes[0].to) == (node.id, None)
    assert set(node.inferred) == {"kind", "units", "or_once", "members", "to"}


def _path(definition: ProcessDefinition, here: str | None) -> Iterator[Activity]:
    """Along the forward routes, through the places without a printed row."""
    for activity in definition.activities:
        if activity.id == here:
            yield activity
            yield from _path(definition, activity.routes[0].to)
    for node in definition.nodes:
        if node.id == here:
            for following in (*node.members[:1], *(route.to for route in node.routes), node.to):
                yield from _path(definition, following)


# Waktu


@every_step
def test_a_waktu_is_read_as_printed(reading: Reading) -> None:
    limit = activity_of(reading.key, reading.number).time_limit

    assert limit is not None
    assert (limit.amount, limit.unit) == _read(limit)


def test_a_sub_step_has_the_waktu_that_is_printed_beside_it() -> None:
    limits = {
        activity.number: [
            (step.time_limit.text, *_read(step.time_limit)) for step in activity.sub_steps if step.time_limit
        ]
        for activity in shipped("cirebon-lakip").activities
    }
    one_day = ("1 Hari (kerja)", 1, TimeUnit.WORKDAYS)

    assert {number: read for number, read in limits.items() if read} == {3: [one_day] * 3, 5: [one_day] * 2}


def _read(limit: TimeLimit) -> tuple[int, TimeUnit]:
    """The sum of what is printed; lines under each other follow each other."""
    units = {
        "menit": TimeUnit.MINUTES,
        "jam": TimeUnit.HOURS,
        "hari": TimeUnit.WORKDAYS,
        "minggu": TimeUnit.WEEKS,
        "bulan": TimeUnit.MONTHS,
    }
    lines = re.findall(r"(\d+) (\w+)", limit.text)
    (unit,) = {units[word.lower()] for _, word in lines}
    return sum(int(amount) for amount, _ in lines), unit


# Sub-steps


def test_sub_steps_three_to_six_are_actions_and_seven_to_nine_documents() -> None:
    kinds = {
        activity.number: {step.kind for step in activity.sub_steps} for activity in shipped("cirebon-lakip").activities
    }

    assert {number: kind for number, kind in kinds.items() if kind} == {
        **{number: {SubStepKind.ACTION} for number in (3, 4, 5, 6)},
        **{number: {SubStepKind.DOCUMENT} for number in (7, 8, 9)},
    }
    assert sum(len(activity.sub_steps) for activity in shipped("cirebon-lakip").activities) == 18


# Misprints: the printed words, and the words read


KOPERASI = [("Dinas Ko per asi dan Us aha", "Dinas Koperasi dan Usaha")]
RANKS = ("Sekretaris melalui Ketua Tim", "Ketua Tim melalui Sekretaris")
REQUEST = ("Mengirimkan bahan", "Mengirimkan permintaan bahan")
TO_BUPATI = (
    "Verbal Sekdis kepada Ke pal a Dinas",
    "Verbal Kepala Dinas kepada Bupati Cirebon, Cq. Bagian Organisasi SETDA, hal penyampaian LAKIP",
)
COMMA = ("Sekdis , hal", "Sekdis, hal")
JUNAIDI = "Drs. Junaidi, MM, Pembina Utama Madya (IV.d), NIP 19650809 198603 1 012"
NOTA = [("Bahan ", "Nota Dinas permintaan bahan ")]
DOKUMEN = [("Draft ", "Dokumen ")]

CLEANED: dict[tuple[str, int, str], list[tuple[str, str]] | str] = {
    ("cirebon-lakip", 0, "approved_by"): (
        "Kepala Dinas Koperasi dan Usaha Kecil dan Menengah Kabupaten Cirebon, Drs. H. Dadang Suhendra, M.Si, "
        "Pembina Utama Muda (IV.c), NIP 19670410 199301 1 001"
    ),
    ("cirebon-lakip", 0, "legal_basis[1]"): [
        ("Tahun 14", "Tahun 2014"),
        ("Palaporan", "Pelaporan"),
        (" Perencana;", ""),
    ],
    ("cirebon-lakip", 0, "legal_basis[3]"): KOPERASI,
    ("cirebon-lakip", 0, "qualifications[1]"): [
        ("K e p al a D i nas K o pe r asi dan U s aha K ec i l", "Kepala Dinas Koperasi dan Usaha Kecil")
    ],
    ("cirebon-lakip", 0, "qualifications[2]"): [("U KM", "UKM")],
    ("cirebon-lakip", 0, "related[2]"): [("]", "")],
    ("cirebon-lakip", 0, "equipment[0]"): [("Peundang", "Perundang")],
    ("cirebon-lakip", 0, "records[2]"): [("Progrma", "Program")],
    ("cirebon-lakip", 1, "name"): [("Pemerinta ", "Pemerintah "), *KOPERASI],
    ("cirebon-lakip", 1, "requirements[0]"): [("Tap kin", "Tapkin")],
    ("cirebon-lakip", 1, "requirements[1]"): [("Lapora n", "Laporan"), (",", "")],
    ("cirebon-lakip", 1, "requirements[2]"): [("da n stati stik", "dan statistik")],
    ("cirebon-lakip", 2, "name"): [("Koper asi", "Koperasi"), ("Us aha", "Usaha")],
    ("cirebon-lakip", 3, "name"): [("3,3", "3.3")],
    ("cirebon-lakip", 3, "sub_steps[2].number"): "3.3",
    ("cirebon-lakip", 5, "name"): [REQUEST],
    ("cirebon-lakip", 5, "sub_steps[1].name"): [REQUEST],
    ("cirebon-lakip", 6, "name"): [("7.1", "6.1"), ("7.2", "6.2")],
    ("cirebon-lakip", 6, "sub_steps[0].number"): "6.1",
    ("cirebon-lakip", 6, "sub_steps[1].number"): "6.2",
    ("cirebon-lakip", 6, "output"): [("LaAKIP", "LAKIP")],
    ("cirebon-lakip", 7, "name"): [
        ("menyiapkan mengkompilasi, dan, menyusun meneliti", "menyiapkan, mengkompilasi, dan menyusun, meneliti"),
        ("memaraf :", "memaraf:"),
        COMMA,
        TO_BUPATI,
    ],
    ("cirebon-lakip", 7, "sub_steps[1].name"): [COMMA],
    ("cirebon-lakip", 7, "sub_steps[2].name"): [TO_BUPATI],
    ("sukabumi-pengukuran-kinerja-lakip", 0, "approved_by"): (
        "Kepala Dinas Koperasi, Usaha Kecil dan Menengah, H. Yulipri, ST., MT., NIP 19710721 199603 1 002, "
        "tanggal pengesahan 6 Februari 2023"
    ),
    ("sukabumi-pengukuran-kinerja-lakip", 0, "legal_basis[0]"): [("Peraturan Presiden", "Peraturan Pemerintah")],
    ("sukabumi-pengukuran-kinerja-lakip", 2, "name"): [("Kaitan dengan Capain", "terkait dengan Capaian")],
    ("sukabumi-pengukuran-kinerja-lakip", 5, "name"): [("triwulan memberi", "triwulan dan memberi")],
    ("sukabumi-pengukuran-kinerja-lakip", 7, "name"): [
        ("melaporkan ke Kasubag Keuangan, Perencanaan dan Evaluasi", "melaporkan ke Sekretaris")
    ],
    ("sukabumi-pengukuran-kinerja-lakip", 10, "name"): [("memeriksa menyusun", "memeriksa dan menyusun")],
    ("sukabumi-pengukuran-kinerja-lakip", 13, "name"): [("Capaian DKUKM", "Capaian Kinerja DKUKM")],
    ("kalbar-renja-renstra", 0, "number"): "000.8/1620/DISKOPUKM",
    ("kalbar-renja-renstra", 0, "approved_by"): JUNAIDI,
    ("kalbar-evaluasi-penyerapan-anggaran", 0, "number"): "000.8/1620.5/DISKOPUKM",
    ("kalbar-evaluasi-penyerapan-anggaran", 0, "approved_by"): JUNAIDI,
    ("kalbar-evaluasi-penyerapan-anggaran", 0, "legal_basis[6]"): [("Tantang", "Tentang")],
    ("kalbar-evaluasi-penyerapan-anggaran", 0, "warnings[0]"): [("dan Penyusunan Anggaran", "dan Penyerapan Anggaran")],
    ("kalbar-evaluasi-penyerapan-anggaran", 3, "output"): NOTA,
    ("kalbar-evaluasi-penyerapan-anggaran", 6, "name"): [("Anggaran", "Anggaran kepada Ketua Tim")],
    ("kalbar-evaluasi-penyerapan-anggaran", 9, "name"): [RANKS],
    ("kalbar-rka-dpa", 0, "number"): "000.8/1620.1/DISKOPUKM",
    ("kalbar-rka-dpa", 0, "approved_by"): JUNAIDI,
    ("kalbar-rka-dpa", 3, "output"): NOTA,
    ("kalbar-rka-dpa", 6, "requirements[0]"): [("Bahan ", "Konsep ")],
    ("kalbar-rka-dpa", 11, "requirements[0]"): "Draft RKA dan DPA SKPD dan hasil asistensi",
    ("kalbar-lkpj", 0, "number"): "000.8/1620.2/DISKOPUKM",
    ("kalbar-lkpj", 0, "approved_by"): JUNAIDI,
    ("kalbar-lkpj", 3, "output"): NOTA,
    ("kalbar-lkpj", 9, "name"): [RANKS],
    ("kalbar-lppd", 0, "number"): "000.8/1620.3/DISKOPUKM",
    ("kalbar-lppd", 3, "output"): NOTA,
    ("kalbar-lppd", 9, "name"): [("LKPJ SKPD", "LPPD SKPD"), RANKS],
    ("kalbar-lakip", 0, "number"): "000.8/1620.4/DISKOPUKM",
    ("kalbar-lakip", 0, "approved_by"): JUNAIDI,
    ("kalbar-lakip", 0, "warnings[0]"): [("SOP LAKIP dilaksanakan", "SOP LAKIP tidak dilaksanakan")],
    ("samarinda-pelaporan-kinerja", 0, "qualifications[3]"): [
        ("Akutansi, Ekonomi, Pembangunan", "Akuntansi, Ekonomi Pembangunan")
    ],
    ("samarinda-pelaporan-kinerja", 8, "output"): DOKUMEN,
    ("samarinda-pelaporan-kinerja", 9, "name"): [("ke sekretaris", "oleh Sekretaris")],
    ("samarinda-pelaporan-kinerja", 9, "requirements[0]"): DOKUMEN,
    ("samarinda-pelaporan-kinerja", 9, "output"): DOKUMEN,
}
"""Key, row (0 is the identity block) and field: which printed words are read as which, or the whole reading."""


def test_these_are_all_the_readings_there_are() -> None:
    assert set(CLEANED) == set(_given_readings())


@pytest.mark.parametrize(("key", "number", "field"), CLEANED, ids=str)
def test_a_misprint_keeps_its_place_and_its_reading_stands_beside_it(key: str, number: int, field: str) -> None:
    printed, read = _given_readings()[key, number, field]
    cleaned = CLEANED[key, number, field]

    if isinstance(cleaned, str):
        assert read == cleaned
    else:
        for words, meant in cleaned:
            assert printed.count(words) == 1
            printed = printed.replace(words, meant)
        assert read == printed


def _given_readings() -> dict[tuple[str, int, str], tuple[str, str]]:
    """Every reading of the nine SOPs, with the printed words it belongs to."""
    given: dict[tuple[str, int, str], tuple[str, str]] = {}
    for key in KEYS:
        definition = shipped(key)
        for number, part in [(0, definition.identity), *((step.number, step) for step in definition.activities)]:
            for field, read in part.readings.items():
                given[key, number, field] = (_printed(part, field), read)
        for activity in definition.activities:
            for at, step in enumerate(activity.sub_steps):
                for field, read in step.readings.items():
                    given[key, activity.number, f"sub_steps[{at}].{field}"] = (_printed(step, field), read)
    return given


def _printed(part: object, field: str) -> str:
    name, *at = re.findall(r"\w+", field)
    value = getattr(part, name)
    return str(value[int(at[0])] if at else value)


# What is chosen is said to be


CHOSEN_ALSO = {
    ("cirebon-lakip", 1): {"requirements", "time_limit"},
    ("cirebon-lakip", 3): {"time_limit.amount"},
    ("cirebon-lakip", 4): {"output"},
    ("cirebon-lakip", 5): {"requirements", "time_limit.amount"},
    ("cirebon-lakip", 6): {"output"},
    ("cirebon-lakip", 8): {"number"},
    ("cirebon-lakip", 9): {"number"},
    ("kalbar-rka-dpa", 9): {"routes.approved.to"},
    ("sukabumi-pengukuran-kinerja-lakip", 1): {"routes.completed.to"},
    ("sukabumi-pengukuran-kinerja-lakip", 2): {"routes.completed.to"},
}
"""Cells whose column is uncertain, a sum of printed lines, a missing number, a route that leaves the printed order."""


@every_step
def test_what_a_row_does_not_print_is_named_as_inferred(reading: Reading) -> None:
    activity = activity_of(reading.key, reading.number)
    chosen = {"candidate_roles", "kind"}
    chosen |= {field for field in ("assisting_roles", "awaits", "sends_to") if getattr(activity, field)}
    chosen |= {f"routes.{route.outcome}.to" for route in activity.routes if route.kind is RouteKind.RETURN}
    if activity.time_limit and re.search(r"hari(?! \(kerja\))", activity.time_limit.text.lower()):
        chosen.add("time_limit.unit")
    chosen |= set(activity.readings)
    for at, step in enumerate(activity.sub_steps):
        chosen |= {f"sub_steps[{at}].{field}" for field in ("kind", *step.readings)}
        chosen |= {f"sub_steps[{at}].time_limit"} if step.time_limit else set()
    chosen |= CHOSEN_ALSO.get((reading.key, reading.number), set())

    assert set(activity.inferred) == chosen
    assert len(activity.inferred) == len(chosen)


@every_sop
def test_its_json_form_reads_as_the_same_definition(key: str) -> None:
    assert read_json(shipped(key).model_dump_json(), "answer") == shipped(key)
