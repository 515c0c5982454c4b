"""The shipped LAKIP of Kalimantan Barat says what its printed sheet says, and names what it adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.definition import ActivityKind, Cycle, ProcessDefinition, RouteKind, TimeUnit
from engine.reader import read_json, read_yaml
from tests.definitions.sheet import PrintedRow, PrintedSheet, last_sheet

FILE = Path(__file__).parents[2] / "definitions" / "kalbar-lakip.yaml"
SHEET = last_sheet("002_012aed94ab74f58f.txt")


@pytest.fixture(scope="module")
def lakip() -> ProcessDefinition:
    return read_yaml(FILE.read_bytes(), FILE.name)


@pytest.fixture
def sheet() -> PrintedSheet:
    return SHEET


def test_the_sheet_has_ten_rows_and_so_has_the_definition(lakip: ProcessDefinition, sheet: PrintedSheet) -> None:
    assert [row.number for row in sheet.rows] == list(range(1, 11))
    assert [activity.number for activity in lakip.activities] == list(range(1, 11))


@pytest.mark.parametrize("row", SHEET.rows, ids=lambda row: f"row {row.number}")
def test_every_printed_cell_stands_verbatim_in_its_row(lakip: ProcessDefinition, row: PrintedRow) -> None:
    activity = lakip.activities[row.number - 1]

    assert activity.number == row.number
    assert activity.name == row.activity
    assert activity.requirements == (row.requirements,)
    assert activity.time_limit is not None
    assert activity.time_limit.text == row.time_limit
    assert activity.output == row.output
    assert activity.remark == row.remark


@pytest.mark.parametrize("row", SHEET.rows, ids=lambda row: f"row {row.number}")
def test_what_no_row_prints_is_named_as_inferred(lakip: ProcessDefinition, row: PrintedRow) -> None:
    activity = lakip.activities[row.number - 1]
    returns = {f"routes.{route.outcome}.to" for route in activity.routes if route.kind is RouteKind.RETURN}
    working_days = {"time_limit.unit"} if row.time_limit and "Hari" in row.time_limit else set()

    assert set(row.performers) == {None}
    assert set(activity.inferred) == {"candidate_roles", "kind"} | returns | working_days


def test_the_role_names_are_the_printed_columns(lakip: ProcessDefinition, sheet: PrintedSheet) -> None:
    assert tuple(role.name for role in lakip.roles) == sheet.columns


def test_the_identity_block_is_verbatim(lakip: ProcessDefinition, sheet: PrintedSheet) -> None:
    identity = lakip.identity

    assert identity.number == sheet.value("Nomor SOP")
    assert identity.created is not None
    assert identity.created.text == sheet.value("Tanggal Pembuatan")
    assert identity.created.date == "2023-08-31"
    assert (identity.revised, sheet.value("Tanggal Revisi")) == (None, None)
    assert (identity.effective, sheet.value("Tanggal Efektif")) == (None, None)
    assert identity.printed_title == sheet.value("Nama SOP")
    assert identity.approved_by is not None
    assert tuple(identity.approved_by.splitlines()) == sheet.lines_between("Disahkan oleh", "Nama SOP")


@pytest.mark.parametrize(
    ("field", "label", "following", "count"),
    [
        ("legal_basis", "Dasar Hukum", "Kualifikasi", 6),
        ("qualifications", "Kualifikasi pelaksana", "Keterkaitan", 3),
        ("related", "Keterkaitan", "Peralatan", 1),
        ("equipment", "Peralatan/perengkapan", "Peringatan", 3),
        ("warnings", "Peringatan", "Pencatatan", 1),
        ("records", "Pencatatan dan pendataan", "SOP ", 0),
    ],
)
def test_every_list_of_the_identity_block_is_verbatim(
    lakip: ProcessDefinition, sheet: PrintedSheet, field: str, label: str, following: str, count: int
) -> None:
    printed = sheet.lines_between(label, following)

    assert len(printed) == count
    assert getattr(lakip.identity, field) == printed


def test_the_title_is_the_caption_of_the_table(lakip: ProcessDefinition, sheet: PrintedSheet) -> None:
    caption = next(line for line in reversed(sheet.block) if line)

    assert caption == f"SOP {lakip.title}"


def test_a_misprint_keeps_its_place_and_its_reading_stands_beside_it(lakip: ProcessDefinition) -> None:
    identity = lakip.identity

    assert set(identity.readings) == {"number", "approved_by", "warnings[0]"}
    assert identity.readings["number"] == "000.8/1620.4/DISKOPUKM"
    assert "Junaidi" in identity.readings["approved_by"]
    assert "LAKIP dilaksanakan" in identity.warnings[0]
    assert "LAKIP tidak dilaksanakan" in identity.readings["warnings[0]"]
    assert "readings" in identity.inferred


def test_who_does_each_step(lakip: ProcessDefinition) -> None:
    ketua, anggota, sekretaris, kadis = (role.id for role in lakip.roles)

    assert [activity.candidate_roles for activity in lakip.activities] == [
        (ketua,), (sekretaris,), (anggota,), (anggota,), (ketua,),
        (sekretaris,), (kadis,), (sekretaris,), (ketua,), (anggota,),
    ]  # fmt: skip
    assert not any(activity.assisting_roles for activity in lakip.activities)


def test_the_happy_path_is_the_printed_order(lakip: ProcessDefinition) -> None:
    forward = [
        [route.to for route in activity.routes if route.kind is RouteKind.FORWARD] for activity in lakip.activities
    ]

    assert forward == [*([following.id] for following in lakip.activities[1:]), [None]]


def test_rows_five_six_and_seven_decide_and_return_one_level_back(lakip: ProcessDefinition) -> None:
    number = {activity.id: activity.number for activity in lakip.activities}
    decisions = [activity for activity in lakip.activities if activity.kind is ActivityKind.DECISION]

    assert {activity.number: number[str(activity.routes[1].to)] for activity in decisions} == {5: 4, 6: 5, 7: 6}
    assert all([route.outcome for route in activity.routes] == ["approved", "returned"] for activity in decisions)
    assert all(
        [route.outcome for route in activity.routes] == ["completed"]
        for activity in lakip.activities
        if activity not in decisions
    )


def test_time_limits_are_read_in_working_units(lakip: ProcessDefinition) -> None:
    day, hour, week = TimeUnit.WORKDAYS, TimeUnit.HOURS, TimeUnit.WEEKS

    assert [(limit.amount, limit.unit) for activity in lakip.activities if (limit := activity.time_limit)] == [
        (1, day), (1, hour), (1, week), (2, week), (1, week), (1, week), (1, week), (1, day), (1, day), (1, day),
    ]  # fmt: skip


def test_it_runs_yearly_for_its_agency_and_ends_at_biro_organisasi(lakip: ProcessDefinition) -> None:
    assert (lakip.key, lakip.agency, lakip.cycle) == ("kalbar-lakip", "diskopukm-kalbar", (Cycle.YEARLY,))
    assert [party.name for party in lakip.parties] == ["Biro Organisasi Setda Prov. Kalbar"]
    assert lakip.activities[-1].name.endswith(lakip.parties[0].name)


def test_its_json_form_reads_as_the_same_definition(lakip: ProcessDefinition) -> None:
    assert read_json(lakip.model_dump_json(), "answer") == lakip
