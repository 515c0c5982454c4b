"""A due date says how it came about, in both languages, and in few lines."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from pydantic import TypeAdapter

from engine.calendar import Change, ChangeKind, HolidayYear, ramadan
from engine.definition import TimeUnit
from engine.explanation import MOST_NOTES, Explanation, Fold, SkipKind, explain
from engine.working_time import CompiledCalendar, Limit, Pause
from tests.engine.calendars import SIX_DAYS, YEAR_2026, compiled
from tests.engine.test_calendar import at, waktu


@pytest.fixture(scope="module")
def calendar() -> CompiledCalendar:
    return compiled()


def test_an_official_can_read_why_a_step_is_due_after_lebaran(calendar):
    told = explain(calendar, at("Sel 2026-03-17 14:00"), waktu("2 hari"))
    assert told.sentences_id == (
        "Batas waktu 2 hari kerja: dibuka Selasa 17 Maret 2026 pukul 14.00 WIB, jatuh tempo Kamis 26 Maret 2026 "
        "pukul 14.00 WIB. Terhitung 14 jam pada 3 hari kerja; 7 hari dilewati.",
        "Selasa 17 Maret 2026: 14.00-15.00 = 1 jam.",
        "Rabu 18 Maret 2026: dilewati 1 hari: cuti bersama Hari Suci Nyepi.",
        "Kamis 19 Maret 2026: dilewati 1 hari: libur nasional Hari Suci Nyepi.",
        "Jumat 20 Maret 2026: dilewati 1 hari: cuti bersama Idul Fitri.",
        "Sabtu 21 sampai Minggu 22 Maret 2026: dilewati 2 hari: libur nasional Idul Fitri 1447 H.",
        "Senin 23 sampai Selasa 24 Maret 2026: dilewati 2 hari: cuti bersama Idul Fitri.",
        "Rabu 25 Maret 2026: 07.30-12.00 dan 13.00-16.00 = 7 jam 30 menit.",
        "Kamis 26 Maret 2026: 07.30-12.00 dan 13.00-14.00 = 5 jam 30 menit.",
        "Ramadan 1447 H: jam kerja lain berlaku 19 Februari sampai 20 Maret 2026 "
        "(Peraturan Presiden Nomor 21 Tahun 2023, Pasal 3 dan 4).",
    )


def test_the_same_stands_in_english(calendar):
    told = explain(calendar, at("Sab 2026-08-15 10:00"), waktu("1 hari"))
    assert told.sentences_en == (
        "Time limit 1 working day: opened Saturday 15 August 2026 at 10:00 WIB, due Tuesday 18 August 2026 at 16:00 "
        "WIB. 7 hours 30 minutes counted on 1 working day; 3 days skipped.",
        "Saturday 15 to Sunday 16 August 2026: 2 days skipped: weekend.",
        "Monday 17 August 2026: 1 day skipped: public holiday Proklamasi Kemerdekaan.",
        "Tuesday 18 August 2026: 07:30-12:00 and 13:00-16:00 = 7 hours 30 minutes.",
        "It was opened outside working hours; the clock starts Tuesday 18 August 2026 at 07:30 WIB.",
        "The count leads to Wednesday 19 August 2026 at 07:30 WIB, outside working hours or just where they begin; "
        "what holds is the end of the working time before, Tuesday 18 August 2026 at 16:00 WIB.",
    )


def test_both_languages_have_a_sentence_for_every_line(calendar):
    stopped = [Pause(at("Sen 2026-02-02 09:00"), at("Sen 2026-02-09 09:00"), "menunggu")]
    for limit in ("5 menit", "1 hari", "6 minggu", "3 bulan", "90 bulan"):
        told = explain(calendar, at("Jum 2026-01-30 17:00"), waktu(limit), stopped)
        assert len(told.sentences_id) == len(told.sentences_en) == 1 + len(told.lines) + len(told.notes)
        assert not set(told.sentences_id) & set(told.sentences_en)


FOLDS = [
    ("5 jam", Fold.DAY, 1),
    ("2 minggu", Fold.DAY, 14),
    ("6 minggu", Fold.WEEK, 7),
    ("6 bulan", Fold.MONTH, 7),
    ("23 bulan", Fold.MONTH, 24),
    ("10 bulan", Fold.MONTH, 11),
    ("36 bulan", Fold.YEAR, 4),
    ("10000 bulan", Fold.YEAR, 24),
]


@pytest.mark.parametrize(("limit", "fold", "lines"), FOLDS)
def test_a_longer_limit_is_folded(calendar, limit, fold, lines):
    told = explain(calendar, at("Sen 2026-08-03 09:00"), waktu(limit))
    assert (told.fold, len(told.lines)) == (fold, lines)
    assert all(len(sentence) < 1_000 for sentence in told.sentences_id)


def test_a_folded_month_names_its_holidays(calendar):
    told = explain(calendar, at("Sen 2026-02-02 09:00"), waktu("3 bulan"))
    march = told.lines[1]
    assert march.said.message_id == (
        "Maret 2026: 17 hari kerja, 115 jam 30 menit; dilewati 14 hari: akhir pekan 7 hari, cuti bersama Hari Suci "
        "Nyepi (18 Maret 2026), libur nasional Hari Suci Nyepi (19 Maret 2026), cuti bersama Idul Fitri (20 Maret "
        "2026), libur nasional Idul Fitri 1447 H (21-22 Maret 2026), cuti bersama Idul Fitri (23-24 Maret 2026)."
    )
    assert (march.working_days, sum(one.days for one in march.skipped)) == (17, 14)


def test_a_folded_year_counts_its_days_off(calendar):
    told = explain(calendar, at("Jum 2025-12-19 09:00"), waktu("36 bulan"))
    year = told.lines[1]
    assert {one.kind: one.days for one in year.skipped} == {
        SkipKind.WEEKEND: 100,  # of 104: four holidays fall on a weekend
        SkipKind.NATIONAL: 17,
        SkipKind.JOINT_LEAVE: 8,
    }
    assert (year.working_days, year.said.message_en.partition(":")[0]) == (240, "2026")


def test_the_sums_are_those_of_the_lines(calendar):
    told = explain(calendar, at("Sen 2026-02-02 09:00"), waktu("6 bulan"))
    assert told.minutes == sum(line.minutes for line in told.lines)
    assert told.minutes == calendar.working_time(told.opened_at, told.due_at).minutes
    assert told.working_days + told.skipped_days == (told.due_at.date() - told.opened_at.date()).days + 1


def test_seconds_do_not_keep_the_minutes_from_adding_up(calendar):
    opened = at("Sen 2026-08-03 14:00") + timedelta(seconds=30)
    told = explain(calendar, opened, waktu("1 hari"))
    assert [line.minutes for line in told.lines] == [119, 331]
    assert told.minutes == 450


def test_what_was_opened_after_hours_skips_that_day(calendar):
    told = explain(calendar, at("Jum 2026-08-07 17:00"), waktu("1 jam"))
    assert [(one.kind, one.days) for line in told.lines for one in line.skipped] == [
        (SkipKind.AFTER_HOURS, 1),
        (SkipKind.WEEKEND, 2),
    ]
    assert (told.working_days, told.starts_at) == (1, at("Sen 2026-08-10 07:30"))


def test_a_pause_is_shown_where_it_fell_and_why(calendar):
    stopped = [Pause(at("Sen 2026-08-03 10:00"), at("Rab 2026-08-05 10:30"), "menunggu TAPD")]
    told = explain(calendar, at("Sen 2026-08-03 09:00"), waktu("1 hari"), stopped)
    assert [line.said.message_id for line in told.lines] == [
        "Senin 3 Agustus 2026: 09.00-10.00 = 1 jam; dihentikan 5 jam.",
        "Selasa 4 Agustus 2026: tidak ada yang dihitung; dihentikan 7 jam 30 menit.",
        "Rabu 5 Agustus 2026: 10.30-12.00 dan 13.00-16.00 = 4 jam 30 menit; dihentikan 3 jam.",
        "Kamis 6 Agustus 2026: 07.30-09.30 = 2 jam.",
    ]
    assert (told.minutes, told.paused_minutes) == (450, 930)
    assert told.notes[0].message_id == (
        "Dihentikan Senin 3 Agustus 2026 pukul 10.00 WIB sampai Rabu 5 Agustus 2026 pukul 10.30 WIB (menunggu TAPD): "
        "jatuh tempo diundur 15 jam 30 menit kerja."
    )


def notes(calendar: CompiledCalendar, opened: str, limit: str) -> list[str]:
    return [note.message_id for note in explain(calendar, at(opened), waktu(limit)).notes]


def test_says_where_a_month_was_clipped_and_moved(calendar):
    assert notes(calendar, "Jum 2026-07-31 09:00", "4 bulan") == [
        "Bulan tujuan tidak mempunyai tanggal 31; dipakai 30 November 2026."
    ]
    assert notes(calendar, "Rab 2026-08-05 09:00", "1 bulan") == [
        "Sabtu 5 September 2026 bukan hari kerja; dipindah ke Senin 7 September 2026."
    ]


def test_says_how_many_days_a_week_counts():
    calendar = compiled(hours=(SIX_DAYS,))
    assert notes(calendar, "Sen 2026-08-03 09:00", "1 minggu") == ["Satu minggu kerja dihitung 6 hari kerja."]


def test_says_when_the_clock_time_was_no_working_time(calendar):
    assert notes(calendar, "Kam 2026-08-06 11:45", "1 hari") == [
        "Hitungan jatuh pada Jumat 7 Agustus 2026 pukul 11.45 WIB, di luar atau tepat di awal jam kerja; "
        "yang berlaku ialah akhir jam kerja sebelumnya, Jumat 7 Agustus 2026 pukul 11.30 WIB."
    ]


def test_says_what_an_administrator_changed_and_on_what_basis():
    def change(kind: ChangeKind, day: date, to: date | None = None) -> Change:
        return Change(kind=kind, date=day, to=to, name="HUT Kabupaten", legal_basis="SE Bupati 1/2026")

    calendar = compiled(
        changes=(
            change(ChangeKind.ADD, date(2026, 8, 4)),
            change(ChangeKind.REMOVE, date(2026, 8, 17)),
            change(ChangeKind.MOVE, date(2026, 8, 25), date(2026, 8, 13)),
            change(ChangeKind.ADD, date(2026, 9, 4)),
        )
    )
    told = explain(calendar, at("Sen 2026-08-03 09:00"), waktu("11 hari"))
    assert [note.message_en for note in told.notes] == [
        "4 August 2026 is a local holiday, HUT Kabupaten: SE Bupati 1/2026.",
        "17 August 2026, HUT Kabupaten, is a working day here: SE Bupati 1/2026.",
        "HUT Kabupaten is moved from 25 August 2026 to 13 August 2026: SE Bupati 1/2026.",
    ]
    assert "libur setempat HUT Kabupaten" in told.lines[1].said.message_id
    assert "libur nasional Maulid Nabi Muhammad SAW" in next(
        line.said.message_id for line in told.lines if line.first == date(2026, 8, 13)
    )


def test_says_what_is_not_settled():
    season = ramadan("Ramadan 1448 H", date(2027, 2, 8), date(2027, 3, 9), estimated=True)
    years = (YEAR_2026, HolidayYear(year=2027, legal_basis="SKB"))
    calendar = compiled(years=years, seasons=(season,))
    told = explain(calendar, at("Rab 2026-12-16 10:00"), waktu("14 bulan"))
    assert [note.message_id for note in told.notes[-3:]] == [
        "Cuti bersama 2027 belum ditetapkan; hasil ini dapat berubah.",
        "Ramadan 1448 H (8 Februari sampai 9 Maret 2027) masih perkiraan; hasil ini dapat berubah.",
        "Hari libur 2028 belum dimuat; yang dilewati hanya akhir pekan dan perubahan setempat.",
    ]
    assert told.caveats == calendar.due(at("Rab 2026-12-16 10:00"), waktu("14 bulan")).caveats


def test_many_pauses_are_not_all_told(calendar):
    minutes = [at("Sen 2026-08-03 09:00") + timedelta(minutes=minute) for minute in range(0, 100, 2)]
    stopped = [Pause(minute, minute + timedelta(minutes=1)) for minute in minutes]
    told = explain(calendar, at("Sen 2026-08-03 08:00"), waktu("5 jam"), stopped)
    assert told.paused_minutes == 50
    assert len(told.notes) == MOST_NOTES + 1
    assert told.notes[-1].message_id == "Dan 30 catatan serupa lainnya."


def test_an_explanation_costs_no_more_for_a_thousand_years(calendar):
    """Lines are few, and none of them is found by walking through its days."""
    looked_at = 0
    shift = calendar.line.shift

    def counting(day: int) -> object:
        nonlocal looked_at
        looked_at += 1
        return shift(day)

    calendar.line.shift = counting  # type: ignore[method-assign, assignment]
    try:
        explain(calendar, at("Sen 2026-08-03 09:00"), Limit(10_000, TimeUnit.MONTHS))
    finally:
        del calendar.line.shift
    assert looked_at < 100


def test_an_explanation_is_json_as_it_is(calendar):
    told = explain(calendar, at("Sel 2026-03-17 14:00"), waktu("2 hari"))
    kept = TypeAdapter(Explanation)
    assert kept.validate_json(kept.dump_json(told)) == told
