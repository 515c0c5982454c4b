"""A wrong work calendar is refused, with everything that is wrong in it at once, in both languages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.calendar import HolidayYear, WorkCalendar
from engine.calendar_checks import LARGEST, MOST_MISTAKES, CalendarRejected, read_calendar
from engine.errors import Mistake
from engine.working_time import CompiledCalendar
from tests.engine.calendars import a_calendar


def the_document() -> dict[str, Any]:
    """A right calendar as JSON, with one entry of everything."""
    document: dict[str, Any] = json.loads(a_calendar().canonical())
    document["holidays"] = document["holidays"][:4]  # 1 and 16 January, 16 (cuti bersama) and 17 February
    basis = {"name": "HUT", "legal_basis": "SE Bupati"}
    document["changes"] = [
        {"kind": "add", "date": "2026-04-02", **basis},
        {"kind": "remove", "date": "2026-01-16", **basis},
        {"kind": "move", "date": "2026-02-17", "to": "2026-02-18", **basis},
    ]
    return document


def put(document: Any, path: str, value: Any) -> Any:
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    found = document
    for step in steps:
        found = found[step]
    if isinstance(found, list) and last == len(found):
        found.append(value)
    else:
        found[last] = value
    return document


def mistakes(document: Any) -> tuple[Mistake, ...]:
    with pytest.raises(CalendarRejected) as refused:
        read_calendar(document if isinstance(document, str | bytes) else json.dumps(document))
    return refused.value.mistakes


def test_a_right_calendar_is_read():
    calendar = read_calendar(json.dumps(the_document()))
    assert isinstance(calendar, WorkCalendar)
    assert read_calendar(calendar.canonical()).canonical() == calendar.canonical()


SHIFT = {"days": ["saturday"], "start": "08:00", "end": "12:00"}
SEASON = {"name": "Puasa", "legal_basis": "SE", "shifts": [SHIFT]}
HOURS = {"name": "Baru", "legal_basis": "SE", "shifts": [SHIFT]}
HOLIDAY = {"name": "Libur", "kind": "national", "source": "SKB"}
CHANGE = {"name": "HUT", "legal_basis": "SE"}

WRONG: list[tuple[str, Any, str, str]] = [
    # what, put where, is found where, in which words
    ("zone", "Asia/Tokyo", "zone", "Asia/Jakarta"),
    ("zone", "WIB", "zone", "Pilih salah satu"),
    ("hours", [], "hours", "paling sedikit 1"),
    ("hours.0.first", "2026-01-01", "hours", "sebelum tanggal mulai"),
    ("hours.1", HOURS, "hours[1].first", "tanpa tanggal mulai"),
    ("hours.0.shifts", [], "hours[0].shifts", "Tidak ada satu pun hari kerja"),
    ("hours.0.shifts.0.days", [], "hours[0].shifts[0].days", "paling sedikit 1"),
    ("hours.0.shifts.0.days.0", "senin", "hours[0].shifts[0].days[0]", "monday"),
    ("hours.0.shifts.1.days.1", "monday", "hours[0].shifts[1].days[1]", "sudah mempunyai jam kerja"),
    ("hours.0.shifts.0.start", "7.30", "hours[0].shifts[0].start", "jam:menit"),
    ("hours.0.shifts.0.end", "24:00", "hours[0].shifts[0].end", "jam:menit"),
    ("hours.0.shifts.0.end", "07:30", "hours[0].shifts[0].end", "tidak sesudah jam mulai"),
    ("hours.0.shifts.0.end", "06:00", "hours[0].shifts[0].end", "tengah malam"),
    ("hours.0.shifts.0.breaks.0.end", "12:00", "hours[0].shifts[0].breaks[0].end", "tidak sesudah mulainya"),
    ("hours.0.shifts.0.breaks.0.end", "16:30", "hours[0].shifts[0].breaks[0]", "di luar jam kerja"),
    ("hours.0.shifts.0.breaks.0.start", "07:00", "hours[0].shifts[0].breaks[0]", "di luar jam kerja"),
    ("hours.0.shifts.0.breaks.1", {"start": "12:30", "end": "13:30"}, "hours[0].shifts[0].breaks[1]", "tumpang"),
    ("hours.0.shifts.0.breaks", [{"start": "07:30", "end": "16:00"}], "hours[0].shifts[0].breaks", "menghabiskan"),
    ("hours.0.legal_basis", "  ", "hours[0].legal_basis", "kosong"),
    ("seasons.0.last", "2026-02-18", "seasons[0].last", "mendahului"),
    ("seasons.0.last", "2027-02-20", "seasons[0].last", "lebih dari 366 hari"),
    ("seasons.0.last", "2026-13-01", "seasons[0].last", "tahun-bulan-hari"),
    ("seasons.0.last", "2026-02-30", "seasons[0].last", "tahun-bulan-hari"),
    ("seasons.0.shifts", [], "seasons[0].shifts", "Tidak ada satu pun hari kerja"),
    ("seasons.1", SEASON | {"first": "2026-03-20", "last": "2026-03-25"}, "seasons[1]", "bertumpang tindih"),
    ("seasons.1", SEASON | {"first": "2026-02-01", "last": "2026-02-19"}, "seasons[0]", "bertumpang tindih"),
    ("years.1", {"year": 2026, "legal_basis": "SKB", "joint_leave_basis": "SKB"}, "years[1].year", "dua kali"),
    ("years.0.year", 3000, "years[0].year", "2999"),
    ("holidays.4", HOLIDAY | {"date": "2026-01-01"}, "holidays[4].date", "Sudah ada hari libur"),
    ("holidays.4", HOLIDAY | {"date": "2027-01-01"}, "holidays[4].date", "tidak ada dalam daftar tahun"),
    ("holidays.4", HOLIDAY | {"date": "1899-01-01"}, "holidays[4].date", "1900-01-01"),
    ("holidays.0.kind", "cuti", "holidays[0].kind", "joint_leave"),
    ("holidays.0.hari", "Kamis", "holidays[0].hari", "tidak dikenal"),
    ("years.0.joint_leave_basis", None, "holidays[2].kind", "belum ditetapkan"),
    ("changes.0.date", "2026-01-01", "changes[0].date", "sudah hari libur"),
    ("changes.0.to", "2026-04-03", "changes[0].to", "hanya bila dipindah"),
    ("changes.1.date", "2026-01-15", "changes[1].date", "Tidak ada hari libur"),
    ("changes.2.to", None, "changes[2].to", "Isi tanggal baru"),
    ("changes.2.to", "2026-01-01", "changes[2].to", "sudah hari libur"),
    ("changes.2.to", "2026-02-17", "changes[2].to", "sudah hari libur"),
    ("changes.2.date", "2026-02-15", "changes[2].date", "Tidak ada hari libur"),
    ("changes.3", CHANGE | {"kind": "add", "date": "2026-02-18"}, "changes[3]", "hanya boleh diubah satu kali"),
    ("changes.0.legal_basis", "", "changes[0].legal_basis", "terlalu pendek"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "value", "place", "words"), WRONG)
def test_says_what_is_wrong_and_where(what, value, place, words):
    (mistake,) = mistakes(put(the_document(), what, value))
    assert mistake.at == place
    assert words in f"{mistake.message_id} {mistake.expected}"
    assert mistake.message_en != mistake.message_id


def test_everything_is_said_at_once():
    document = the_document()
    for what, value in (
        ("zone", "Asia/Tokyo"),
        ("hours.0.shifts.0.end", "06:00"),
        ("seasons.0.last", "2026-13-01"),
        ("seasons.1", SEASON | {"first": "2026-05-05", "last": "2026-05-01"}),
        ("holidays.0.kind", "cuti"),
        ("holidays.4", HOLIDAY | {"date": "2026-01-16"}),
        ("changes.0.date", "2026-01-16"),
        ("warna", "merah"),
    ):
        put(document, what, value)
    assert {mistake.at for mistake in mistakes(document)} == {
        "zone",
        "hours[0].shifts[0].end",
        "seasons[0].last",
        "seasons[1].last",
        "holidays[0].kind",
        "holidays[4].date",
        "changes[0].date",
        "changes[1]",
        "warna",
    }


def test_what_rests_on_a_misshapen_entry_is_not_called_wrong():
    document = put(put(the_document(), "years.0.legal_basis", ""), "holidays.1.source", 7)
    assert {mistake.at for mistake in mistakes(document)} == {"years[0].legal_basis", "holidays[1].source"}
    assert [mistake.at for mistake in mistakes(put(the_document(), "holidays", {}))] == ["holidays"]
    assert [mistake.at for mistake in mistakes(put(the_document(), "hours.0.name", None))] == ["hours[0].name"]


NO_CALENDARS = ["", "{", "[]", "null", "7", b"\xff", '{"zone": NaN}', '{"zone": "\\ud800"}', "[" * 900]


@pytest.mark.parametrize("text", NO_CALENDARS)
def test_what_is_no_calendar_at_all_is_refused(text):
    found = mistakes(text)
    assert found
    assert all(mistake.message_id and mistake.message_en for mistake in found)


def test_a_text_without_bound_is_refused_unread():
    (mistake,) = mistakes(" " * (LARGEST + 1))
    assert str(LARGEST) in mistake.message_id


def test_of_very_many_mistakes_the_rest_is_counted():
    document = the_document()
    document["holidays"] = [HOLIDAY | {"date": "2026-01-01"}] * 300
    del document["changes"]
    found = mistakes(document)
    assert len(found) == MOST_MISTAKES + 1
    assert "199" in found[-1].message_id  # of 299 that repeat the first


def test_of_very_many_misshapen_entries_the_rest_is_counted():
    document = the_document()
    document["holidays"] = [{"tanggal": "2026-01-01"}] * 3_000  # four keys missing and one unknown in each
    found = mistakes(document)
    assert len(found) == MOST_MISTAKES + 1
    assert str(5 * 3_000 - MOST_MISTAKES) in found[-1].message_id


def test_a_calendar_that_was_never_read_is_checked_before_it_is_reckoned_with():
    year = HolidayYear(year=2026, legal_basis="SKB")
    with pytest.raises(CalendarRejected) as refused:
        CompiledCalendar(a_calendar(years=(year, year)))
    assert refused.value.mistakes[0].at == "years[1].year"
    assert "years[1].year: The year 2026 is listed twice" in str(refused.value)


def test_a_date_is_not_read_from_a_number():
    (mistake,) = mistakes(put(the_document(), "holidays.0.date", 20260101))
    assert mistake.at == "holidays[0].date"
