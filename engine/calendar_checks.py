"""Is a work calendar right? Its JSON text becomes a WorkCalendar, or every mistake is said at once. No I/O.

What pydantic finds in one entry does not hide what is wrong between the others: the rules run over all entries that
are well shaped. A rule that needs the whole of a list (is there such a holiday at all?) waits until it is whole.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from engine.calendar import Change, ChangeKind, Holiday, HolidayKind, HolidayYear, Hours, Season, Shift, WorkCalendar
from engine.errors import Mistake
from engine.mistakes import Path, from_validation, rendered

_T = TypeVar("_T")

LARGEST = 1024 * 1024
"""Bytes of one calendar. Fifty years of holidays need some 200,000."""

LONGEST_SEASON = 366
"""Days. What holds for longer are new hours."""

MOST_MISTAKES = 100
"""Mistakes that are listed; of the others only the number is given."""


class CalendarRejected(Exception):
    """The work calendar has mistakes and was not taken."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("; ".join(f"{found.at}: {found.message_en}" for found in mistakes))
        self.mistakes = mistakes


def read_calendar(text: str | bytes) -> WorkCalendar:
    """The calendar a JSON text says. Raises CalendarRejected with every mistake."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > LARGEST:
        raise CalendarRejected((_too_large(len(raw)),))
    try:
        calendar = WorkCalendar.model_validate_json(raw)
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False)
        told = from_validation(errors[:MOST_MISTAKES], model=WorkCalendar)
        found = (*told, *_rules(_well_shaped(raw, errors)))
        raise CalendarRejected(_bounded(found, untold=len(errors[MOST_MISTAKES:]))) from wrong
    require_right(calendar)
    return calendar


def require_right(calendar: WorkCalendar) -> None:
    """Raises CalendarRejected if rules between the parts of a calendar are broken."""
    if found := mistakes_in(calendar):
        raise CalendarRejected(_bounded(found))


def mistakes_in(calendar: WorkCalendar) -> tuple[Mistake, ...]:
    """Everything that is wrong between the parts of a calendar; empty when it is right."""
    lists: dict[str, Any] = {name: list(enumerate(getattr(calendar, name))) for name in _LISTS}
    return tuple(_rules(_Entries(**lists)))


def _too_large(size: int) -> Mistake:
    return Mistake(
        at="",
        message_id=f"Kalender ini berukuran {size} bita; paling besar {LARGEST} bita. Hapus tahun yang tidak dipakai.",
        message_en=f"This calendar has {size} bytes; at most {LARGEST} are accepted. Remove years that are not used.",
        expected=f"<= {LARGEST}",
    )


def _bounded(found: tuple[Mistake, ...], untold: int = 0) -> tuple[Mistake, ...]:
    left = max(len(found) - MOST_MISTAKES, 0) + untold
    if left == 0:
        return found
    rest = Mistake(
        at="",
        message_id=f"Masih ada {left} kesalahan lain. Perbaiki dulu yang di atas.",
        message_en=f"There are {left} more mistakes. Correct those above first.",
    )
    return (*found[:MOST_MISTAKES], rest)


# What of a misshapen calendar can be judged all the same


@dataclass(slots=True, kw_only=True)
class _Entries:
    """The well-shaped entries of each list with their places, and the lists of which some are missing."""

    hours: Sequence[tuple[int, Hours]]
    seasons: Sequence[tuple[int, Season]]
    years: Sequence[tuple[int, HolidayYear]]
    holidays: Sequence[tuple[int, Holiday]]
    changes: Sequence[tuple[int, Change]]
    torn: frozenset[str] = frozenset()

    @property
    def ranges(self) -> Iterator[tuple[Path, Hours | Season]]:
        yield from ((("hours", at), one) for at, one in self.hours)
        yield from ((("seasons", at), one) for at, one in self.seasons)


_LISTS = ("hours", "seasons", "years", "holidays", "changes")


def _well_shaped(raw: bytes, errors: Sequence[ErrorDetails]) -> _Entries:
    """The entries in which nothing is wrong."""
    wrong = {error["loc"][:2] for error in errors}
    document = {} if () in wrong else json.loads(raw)  # an error about the whole: no object, or no JSON
    lists: dict[str, Any] = {}
    for name in _LISTS:
        given = document.get(name, []) if (name,) not in wrong else []
        good = [(at, item) for at, item in enumerate(given) if (name, at) not in wrong]
        lists[name] = [(at, _ITEMS[name].validate_json(json.dumps(item))) for at, item in good]
    return _Entries(**lists, torn=frozenset(str(path[0]) if path else name for path in wrong for name in _LISTS))


def _item(field: FieldInfo) -> TypeAdapter[BaseModel]:
    return TypeAdapter(get_args(field.annotation)[0])


_ITEMS = {name: _item(WorkCalendar.model_fields[name]) for name in _LISTS}


# The rules


def _rules(entries: _Entries) -> Iterator[Mistake]:
    for path, range_ in entries.ranges:
        yield from _week(path, range_.shifts)
    yield from _beginnings(entries)
    yield from _seasons(entries)
    yield from _years(entries)
    yield from _holidays(entries)
    yield from _changes(entries)


def _week(path: Path, shifts: Sequence[Shift]) -> Iterator[Mistake]:
    """Every shift inside its day, every weekday once, and some working time in all."""
    if not shifts:
        yield _mistake(
            (*path, "shifts"),
            "Tidak ada satu pun hari kerja. Isi jam kerja paling sedikit satu hari.",
            "There is no working day at all. Give working hours for at least one day.",
            ">= 1",
        )
    places = [(shift, place) for shift, one in enumerate(shifts) for place in range(len(one.days))]
    for at, day in _again(day for one in shifts for day in one.days):
        yield _mistake(
            (*path, "shifts", places[at][0], "days", places[at][1]),
            f'Hari "{day}" sudah mempunyai jam kerja. Tulis setiap hari satu kali saja.',
            f'The day "{day}" already has working hours. Name each day once.',
        )
    for at, one in enumerate(shifts):
        yield from _shift((*path, "shifts", at), one)


def _shift(path: Path, shift: Shift) -> Iterator[Mistake]:
    if shift.end <= shift.start:
        yield _mistake(
            (*path, "end"),
            f"Jam selesai {shift.end} tidak sesudah jam mulai {shift.start}. Jam kerja tidak melewati tengah malam.",
            f"The end, {shift.end}, is not after the start, {shift.start}. A shift does not pass midnight.",
            f"> {shift.start}",
        )
        return
    wrong = [found for at in range(len(shift.breaks)) for found in _break((*path, "breaks", at), shift, at)]
    yield from wrong
    resting = sum(_minutes(one.end) - _minutes(one.start) for one in shift.breaks)
    if not wrong and resting >= _minutes(shift.end) - _minutes(shift.start):
        yield _mistake(
            (*path, "breaks"),
            "Istirahat menghabiskan seluruh jam kerja hari ini. Sisakan waktu kerja.",
            "The breaks take up all the hours of this day. Leave some working time.",
        )


def _break(path: Path, shift: Shift, at: int) -> Iterator[Mistake]:
    one = shift.breaks[at]
    if one.end <= one.start:
        yield _mistake(
            (*path, "end"),
            f"Istirahat selesai {one.end}, tidak sesudah mulainya {one.start}.",
            f"The break ends at {one.end}, not after its start at {one.start}.",
            f"> {one.start}",
        )
    elif one.start < shift.start or one.end > shift.end:
        yield _mistake(
            path,
            f"Istirahat {one.start}-{one.end} berada di luar jam kerja {shift.start}-{shift.end}.",
            f"The break {one.start}-{one.end} lies outside the hours {shift.start}-{shift.end}.",
            f"{shift.start}-{shift.end}",
        )
    elif any(one.start < other.end and other.start < one.end for other in shift.breaks[:at]):
        yield _mistake(
            path,
            f"Istirahat {one.start}-{one.end} bertumpang tindih dengan istirahat lain.",
            f"The break {one.start}-{one.end} overlaps another break.",
        )


def _beginnings(entries: _Entries) -> Iterator[Mistake]:
    """The hours follow one another: one entry always was, each other one begins on a day of its own."""
    for at, _ in _again(one.first for _, one in entries.hours):
        place, one = entries.hours[at]
        yield _mistake(
            ("hours", place, "first"),
            "Sudah ada jam kerja lain tanpa tanggal mulai. Isi tanggal mulai berlakunya."
            if one.first is None
            else f"Sudah ada jam kerja lain yang mulai berlaku {one.first}. Hapus salah satunya atau ubah tanggalnya.",
            "Other hours without a first day exist already. Say from when these hold."
            if one.first is None
            else f"Other hours begin on {one.first} already. Remove one of them or change its date.",
        )
    if "hours" not in entries.torn and entries.hours and all(one.first is not None for _, one in entries.hours):
        yield _mistake(
            ("hours",),
            "Tidak ada jam kerja sebelum tanggal mulai yang pertama. Kosongkan tanggal mulai salah satunya.",
            "No hours hold before the earliest first day. Leave the first day of one of them empty.",
            "first: null",
        )


def _seasons(entries: _Entries) -> Iterator[Mistake]:
    for at, one in entries.seasons:
        if one.last < one.first:
            yield _mistake(
                ("seasons", at, "last"),
                f"Tanggal akhir {one.last} mendahului tanggal mulai {one.first}.",
                f"The last day, {one.last}, is before the first, {one.first}.",
                f">= {one.first}",
            )
        elif (one.last - one.first).days >= LONGEST_SEASON:
            yield _mistake(
                ("seasons", at, "last"),
                f"Rentang ini lebih dari {LONGEST_SEASON} hari. Untuk perubahan tetap, tambahkan jam kerja baru.",
                f"This range has more than {LONGEST_SEASON} days. For a lasting change, add new hours.",
                f"<= {LONGEST_SEASON}",
            )
    in_order = sorted((one.first, one.last, at, one.name) for at, one in entries.seasons if one.first <= one.last)
    reaching: tuple[datetime.date, str] | None = None
    for first, last, at, name in in_order:
        if reaching and first <= reaching[0]:
            yield _mistake(
                ("seasons", at),
                f'Rentang {first} sampai {last} bertumpang tindih dengan "{reaching[1]}". Ubah tanggalnya.',
                f'The range from {first} to {last} overlaps "{reaching[1]}". Change the dates.',
            )
        reaching = max(reaching or (last, name), (last, name))


def _years(entries: _Entries) -> Iterator[Mistake]:
    for at, year in _again(one.year for _, one in entries.years):
        yield _mistake(
            ("years", entries.years[at][0], "year"),
            f"Tahun {year} tertulis dua kali. Hapus salah satunya.",
            f"The year {year} is listed twice. Remove one.",
        )


def _holidays(entries: _Entries) -> Iterator[Mistake]:
    for at, day in _again(one.date for _, one in entries.holidays):
        yield _mistake(
            ("holidays", entries.holidays[at][0], "date"),
            f"Sudah ada hari libur pada {day}. Tulis satu kali saja, bila perlu dengan kedua namanya.",
            f"There is a holiday on {day} already. Write it once, if need be with both names.",
        )
    if "years" in entries.torn:
        return
    years = {one.year: one for _, one in entries.years}
    for place, one in entries.holidays:
        if one.year not in years:
            yield _mistake(
                ("holidays", place, "date"),
                f"Tahun {one.year} tidak ada dalam daftar tahun. Tambahkan tahun itu dengan dasar hukumnya.",
                f"The year {one.year} is not among the years. Add it with its legal basis.",
                f"years: {one.year}",
            )
        elif one.kind is HolidayKind.JOINT_LEAVE and years[one.year].joint_leave_basis is None:
            yield _mistake(
                ("holidays", place, "kind"),
                f"Cuti bersama {one.year} tertulis belum ditetapkan. Isi dasar hukumnya, atau hapus hari ini.",
                f"The joint leave of {one.year} is said not to be decreed. Give its legal basis, or remove this day.",
                "joint_leave_basis",
            )


def _changes(entries: _Entries) -> Iterator[Mistake]:
    """Every change says what its kind needs, finds what it changes, and meets no other change."""
    holidays = {one.date for _, one in entries.holidays}
    taken: set[datetime.date] = set()
    for at, one in entries.changes:
        path: Path = ("changes", at)
        if (one.kind is ChangeKind.MOVE) != (one.to is not None):
            yield _mistake(
                (*path, "to"),
                "Isi tanggal baru (to) bila hari libur dipindah, dan hanya bila dipindah.",
                "Give the new date (to) where a holiday is moved, and only there.",
                "to" if one.kind is ChangeKind.MOVE else "null",
            )
        elif one.kind is not ChangeKind.ADD and one.date not in holidays and "holidays" not in entries.torn:
            yield _mistake(
                (*path, "date"),
                f"Tidak ada hari libur pada {one.date} yang dapat dihapus atau dipindah.",
                f"There is no holiday on {one.date} to remove or to move.",
            )
        new = {ChangeKind.ADD: one.date, ChangeKind.MOVE: one.to}.get(one.kind)
        if new in holidays:
            yield _mistake(
                (*path, "date" if one.kind is ChangeKind.ADD else "to"),
                f"{new} sudah hari libur. Pilih tanggal lain atau hapus perubahan ini.",
                f"{new} is a holiday already. Choose another date or remove this change.",
            )
        for day in sorted({one.date, one.to or one.date}):
            if day in taken:
                yield _mistake(
                    path,
                    f"Sudah ada perubahan lain untuk {day}. Satu tanggal hanya boleh diubah satu kali.",
                    f"Another change already concerns {day}. A date is changed once.",
                )
            taken.add(day)


def _again(values: Iterable[_T]) -> Iterator[tuple[int, _T]]:
    """Where a value comes again, and which."""
    seen: set[_T] = set()
    for at, value in enumerate(values):
        if value in seen:
            yield at, value
        seen.add(value)


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _mistake(path: Path, message_id: str, message_en: str, expected: str | None = None) -> Mistake:
    return Mistake(at=rendered(path), message_id=message_id, message_en=message_en, expected=expected)
