"""A due date explains itself: by which calendar, over which days, past which pauses, and what it was before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest

from engine.calendar import HolidayYear
from engine.definition import TimeUnit
from tests.app.past import (
    FRIDAY,
    HOLIDAY,
    MONDAY,
    THURSDAY,
    TUESDAY,
    Past,
    a_calendar,
    a_reviewed_draft,
    at,
    limit,
    named,
)
from tests.factories import a_definition, an_activity
from tests.world import Agency, Json, refused


@pytest.fixture
def past(an_agency: Callable[..., Agency]) -> Past:
    return Past(an_agency(a_reviewed_draft()))


def explained(past: Past, task: Json) -> Json:
    return past.agency.http.json(f"/v1/tasks/{task['id']}/due-date")


def test_tells_which_days_counted_and_which_were_skipped_and_why(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    told = explained(past, task)
    assert told["due_at"] == task["due_at"] == named(at(THURSDAY, "14:00"))
    explanation = told["explanation"]
    assert explanation["due_at"] == "2025-03-13T14:00:00+07:00"
    assert [line["first"] for line in explanation["lines"]] == ["2025-03-10", "2025-03-11", "2025-03-12", "2025-03-13"]
    assert explanation["lines"][0]["spans"] == [["14:00", "16:00"]]
    assert explanation["lines"][1]["spans"] == [["07:30", "12:00"], ["13:00", "16:00"]]
    (skipped,) = explanation["lines"][2]["skipped"]
    assert (skipped["kind"], skipped["name"], skipped["days"]) == ("national", "Hari Uji", 1)
    assert explanation["minutes"] == 120 + 450 + 330, "Monday from 14.00, Tuesday, Thursday to 14.00"
    assert told["sentences_id"] == [
        "Batas waktu 2 hari kerja: dibuka Senin 10 Maret 2025 pukul 14.00 WIB, jatuh tempo Kamis 13 Maret 2025 "
        "pukul 14.00 WIB. Terhitung 15 jam pada 3 hari kerja; 1 hari dilewati.",
        "Senin 10 Maret 2025: 14.00-16.00 = 2 jam.",
        "Selasa 11 Maret 2025: 07.30-12.00 dan 13.00-16.00 = 7 jam 30 menit.",
        "Rabu 12 Maret 2025: dilewati 1 hari: libur nasional Hari Uji.",
        "Kamis 13 Maret 2025: 07.30-12.00 dan 13.00-14.00 = 5 jam 30 menit.",
    ]
    assert told["sentences_en"][3] == "Wednesday 12 March 2025: 1 day skipped: public holiday Hari Uji."


# What stopped the clock


def test_tells_every_stop_of_the_clock_with_its_reason(past: Past) -> None:
    instance = past.started(at(MONDAY, "14:00"))
    task = past.waiting(instance)
    past.paused(task, at(TUESDAY, "08:00"), "Menunggu berkas dari BKAD")
    past.resumed(task, at(TUESDAY, "10:00"))
    past.interrupted(instance, "suspend", at(TUESDAY, "11:00"), "Menunggu arahan Bupati")
    past.interrupted(instance, "resume", at(TUESDAY, "15:00"), "Arahan sudah turun")
    told = explained(past, task)
    assert told["due_at"] == named(at(FRIDAY, "10:30")), "two hours and three hours of working time on"
    assert [(one["kind"], one["since"], one["until"], one["reason"]) for one in told["stops"]] == [
        ("paused", named(at(TUESDAY, "08:00")), named(at(TUESDAY, "10:00")), "Menunggu berkas dari BKAD"),
        ("suspended", named(at(TUESDAY, "11:00")), named(at(TUESDAY, "15:00")), "Menunggu arahan Bupati"),
    ]
    assert told["explanation"]["paused_minutes"] == 120 + 180
    assert (
        "Selasa 11 Maret 2025: 07.30-08.00, 10.00-11.00 dan 15.00-16.00 = 2 jam 30 menit; dihentikan 5 jam."
        in told["sentences_id"]
    )
    assert (
        "Dihentikan Selasa 11 Maret 2025 pukul 11.00 WIB sampai Selasa 11 Maret 2025 pukul 15.00 WIB (Menunggu arahan "
        "Bupati): jatuh tempo diundur 3 jam kerja." in told["sentences_id"]
    )
    assert [(one["due_at"], one["because"], one["reason"]) for one in told["due_dates"]] == [
        (named(at(THURSDAY, "14:00")), None, None),
        (named(at(THURSDAY, "16:00")), "resumed", None),
        (named(at(FRIDAY, "10:30")), "resumed", "Arahan sudah turun"),
    ]


def test_tells_since_when_the_clock_stands_still(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    past.paused(task, at(TUESDAY, "08:00"), "Menunggu berkas dari BKAD")
    told = explained(past, task)
    assert (told["due_at"], told["overdue"], told["stops"][0]["until"]) == (task["due_at"], False, None)
    assert told["sentences_id"][-1] == (
        "Waktu kegiatan ini dihentikan sejak Selasa 11 Maret 2025 pukul 08.00 WIB; batas waktunya diundur ketika "
        "dilanjutkan."
    )
    assert "has stood still since Tuesday 11 March 2025 at 08:00 WIB" in told["sentences_en"][-1]


def test_does_not_promise_more_time_to_what_was_late_before_its_clock_was_stopped(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    past.paused(task, at(THURSDAY, "15:00"))
    told = explained(past, task)
    assert (told["overdue"], told["working_minutes_late"]) == (True, 60)
    assert told["sentences_id"][-1].endswith("; selama itu keterlambatannya tidak bertambah.")
    assert told["sentences_en"][-1].endswith("; it grows no later meanwhile.")
    past.resumed(task, at(FRIDAY, "09:00"))
    after = explained(past, task)
    assert after["due_at"] == task["due_at"]
    assert [one["reason"] for one in after["stops"]] == ["Berkas belum lengkap"]
    assert after["explanation"] is not None


def test_a_stop_of_the_instance_is_told_only_of_tasks_that_were_open(past: Past) -> None:
    instance = past.started(at(MONDAY, "08:00"))
    first = past.waiting(instance)
    review = past.completed(first, at(MONDAY, "09:00"))["opened"][0]
    past.interrupted(instance, "suspend", at(MONDAY, "10:00"))
    past.interrupted(instance, "resume", at(MONDAY, "11:00"))
    archive = past.completed(review, at(MONDAY, "14:00"))["opened"][0]
    assert [len(explained(past, task)["stops"]) for task in (first, review, archive)] == [0, 1, 0]


# Another calendar


def test_keeps_what_it_was_before_the_calendar_changed_and_why_it_did(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    past.work_by(a_calendar("Asia/Jakarta", THURSDAY), at(TUESDAY, "08:00"), "Kamis diliburkan")
    told = explained(past, task)
    assert told["due_at"] == named(at(FRIDAY, "14:00"))
    assert (told["calendar"]["version"], told["calendar"]["reason"], told["calendar"]["legal_basis"]) == (
        3,
        "Kamis diliburkan",
        "Perda Uji",
    )
    first, second = told["due_dates"]
    assert (first["due_at"], first["because"], first["calendar_version"]) == (named(at(THURSDAY, "14:00")), None, 2)
    assert (second["due_at"], second["since"]) == (named(at(FRIDAY, "14:00")), named(at(TUESDAY, "08:00")))
    assert (second["because"], second["reason"], second["legal_basis"]) == (
        "calendar",
        "Kamis diliburkan",
        "Perda Uji",
    )
    assert told["sentences_id"][-1] == (
        "Sampai Selasa 11 Maret 2025 pukul 08.00 WIB batas waktunya Kamis 13 Maret 2025 pukul 14.00 WIB; berubah "
        "karena kalender kerja berubah: Kamis diliburkan (Perda Uji)."
    )
    assert told["sentences_en"][-1].startswith("Until Tuesday 11 March 2025 at 08:00 WIB it was due Thursday 13 March")


def test_the_legal_basis_is_told_in_every_agency_whose_calendar_changed_alike(an_agency: Callable[..., Agency]) -> None:
    first, second = Past(an_agency(a_reviewed_draft())), Past(an_agency(a_reviewed_draft()))
    tasks = [(past, past.opened(at(MONDAY, "14:00"))) for past in (first, second)]
    for past, task in tasks:
        past.work_by(a_calendar("Asia/Jakarta", FRIDAY, THURSDAY), at(TUESDAY, "08:00"), "SKB diubah")
        assert explained(past, task)["due_dates"][-1]["legal_basis"] == "Perda Uji"


def test_tells_of_the_calendar_that_changed_while_the_clock_stood_still(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    past.paused(task, at(TUESDAY, "08:00"))
    past.work_by(a_calendar("Asia/Jakarta", THURSDAY), at(TUESDAY, "09:00"), "Kamis diliburkan")
    assert explained(past, task)["due_at"] == task["due_at"], "it follows when the clock goes on"
    past.resumed(task, at(TUESDAY, "10:00"))
    told = explained(past, task)
    assert told["due_at"] == named(at(FRIDAY, "16:00")), "a day for the day off, two hours for the stop"
    assert told["calendar"]["reason"] == "Kamis diliburkan"
    assert "Kamis diliburkan (Perda Uji)" in told["sentences_id"][-1]


def test_what_was_closed_before_is_explained_by_the_calendar_of_its_time(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    past.completed(task, at(THURSDAY, "09:00"))
    past.work_by(a_calendar("Asia/Jakarta", TUESDAY), at(FRIDAY, "08:00"), "Selasa ternyata libur")
    told = explained(past, task)
    assert (told["due_at"], told["calendar"]["version"]) == (task["due_at"], 2)
    assert len(told["due_dates"]) == 1
    assert "Selasa 11 Maret 2025: 07.30-12.00 dan 13.00-16.00 = 7 jam 30 menit." in told["sentences_id"]


# Every unit of the sheets


@pytest.mark.parametrize(
    ("amount", "unit", "opened", "due", "sentence"),
    [
        (
            2,
            TimeUnit.HOURS,
            at(FRIDAY, "11:00"),
            at(FRIDAY, "14:30"),
            "Batas waktu 2 jam kerja: dibuka Jumat 14 Maret 2025 pukul 11.00 WIB, jatuh tempo Jumat 14 Maret 2025 "
            "pukul 14.30 WIB. Terhitung 2 jam pada 1 hari kerja; tidak ada hari yang dilewati.",
        ),
        (
            90,
            TimeUnit.MINUTES,
            at(MONDAY, "17:00"),
            at(TUESDAY, "09:00"),
            "Dibuka di luar jam kerja; waktu dihitung mulai Selasa 11 Maret 2025 pukul 07.30 WIB.",
        ),
        (
            1,
            TimeUnit.WEEKS,
            at(MONDAY, "09:00"),
            at(date(2025, 3, 18), "09:00"),
            "Satu minggu kerja dihitung 5 hari kerja.",
        ),
        (
            1,
            TimeUnit.MONTHS,
            at(date(2025, 1, 31), "10:00"),
            at(date(2025, 2, 28), "10:00"),
            "Bulan tujuan tidak mempunyai tanggal 31; dipakai 28 Februari 2025.",
        ),
        (
            2,
            TimeUnit.MONTHS,
            at(MONDAY, "10:00"),
            at(date(2025, 5, 12), "10:00"),
            "Sabtu 10 Mei 2025 bukan hari kerja; dipindah ke Senin 12 Mei 2025.",
        ),
        (
            1,
            TimeUnit.WORKDAYS,
            at(HOLIDAY, "10:00"),
            at(THURSDAY, "16:00"),
            "Hitungan jatuh pada Jumat 14 Maret 2025 pukul 07.30 WIB, di luar atau tepat di awal jam kerja; yang "
            "berlaku ialah akhir jam kerja sebelumnya, Kamis 13 Maret 2025 pukul 16.00 WIB.",
        ),
    ],
)
def test_explains_every_unit(
    an_agency: Callable[..., Agency], amount: int, unit: TimeUnit, opened: datetime, due: datetime, sentence: str
) -> None:
    past = Past(an_agency(a_definition(an_activity("susun", time_limit=limit(amount, unit)))))
    told = explained(past, past.opened(opened))
    assert told["due_at"] == named(due)
    assert sentence in told["sentences_id"]
    assert len(told["sentences_en"]) == len(told["sentences_id"])
    explanation = told["explanation"]
    assert datetime.fromisoformat(explanation["due_at"]) == due
    assert sum(line["minutes"] for line in explanation["lines"]) == explanation["minutes"]


def test_speaks_of_the_zone_the_agency_is_in(an_agency: Callable[..., Agency]) -> None:
    east = Past(an_agency(a_reviewed_draft(), timezone="Asia/Jayapura"), zone="Asia/Jayapura")
    told = explained(east, east.opened(at(MONDAY, "12:00")))
    assert told["timezone"] == "Asia/Jayapura"
    assert told["sentences_id"][0].startswith("Batas waktu 2 hari kerja: dibuka Senin 10 Maret 2025 pukul 14.00 WIT")


def test_a_step_without_a_printed_time_is_never_due(past: Past) -> None:
    review = past.completed(past.opened(at(MONDAY, "08:00")), at(MONDAY, "09:00"))["opened"][0]
    archive = past.completed(review, at(MONDAY, "10:00"))["opened"][0]
    told = explained(past, archive)
    assert (told["due_at"], told["explanation"], told["calendar"], told["due_dates"]) == (None, None, None, [])
    assert told["sentences_id"] == [
        "Lembar SOP tidak mencantumkan waktu untuk kegiatan ini, sehingga tidak ada batas waktunya."
    ]
    assert told["sentences_en"] == ["The sheet prints no time for this activity, so it is never due."]


def test_says_that_cuti_bersama_is_not_yet_decreed(an_agency: Callable[..., Agency]) -> None:
    past = Past(an_agency(a_definition(an_activity("susun", time_limit=limit(10)))))
    calendar = a_calendar()
    undecreed = HolidayYear(year=2026, legal_basis="SKB Uji 2026")
    past.work_by(calendar.model_copy(update={"years": (*calendar.years, undecreed)}), at(date(2025, 1, 3), "08:00"))
    doubtful = explained(past, past.opened(at(date(2025, 12, 29), "10:00"), "2025"))
    settled = explained(past, past.opened(at(MONDAY, "10:00"), "2024"))
    assert "Cuti bersama 2026 belum ditetapkan; hasil ini dapat berubah." in doubtful["sentences_id"]
    assert "The cuti bersama of 2026 is not yet decreed; this answer may change." in doubtful["sentences_en"]
    assert [one["kind"] for one in doubtful["explanation"]["caveats"]] == ["not_decreed"]
    assert not any("belum ditetapkan" in sentence for sentence in settled["sentences_id"])


def test_a_due_date_of_another_agency_is_not_there(past: Past, an_agency: Callable[..., Agency]) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    refused(an_agency().http.get(f"/v1/tasks/{task['id']}/due-date"), 404, "not-found")
