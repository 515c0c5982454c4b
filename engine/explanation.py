"""Why something is due when it is: the spans that counted, the days that were skipped, in Indonesian and English.

A short limit is told day by day; a longer one is folded to weeks, months or years, never more than some twenty-five
lines. Whatever the fold, every day from opening to due date is in one line, as a working day or as a skipped one, and
the minutes of the lines add up to the whole.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, islice
from math import ceil

from engine.calendar import Change, ChangeKind
from engine.calendar_words import ENGLISH, INDONESIAN, Language, Said, caveat_said
from engine.caveats import Caveat
from engine.definition import TimeUnit
from engine.timeline import MINUTE, Place
from engine.working_time import CompiledCalendar, Laid, Pause, TimeNorm, month_end, months_on

MOST_NOTES = 20
"""Notes of one kind (pauses, changes, reservations); of the others only the number is given."""


class Fold(StrEnum):
    """What one line of an explanation covers. A line of years may cover several."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class SkipKind(StrEnum):
    """Why a day did not count."""

    WEEKEND = "weekend"
    NATIONAL = "national"
    JOINT_LEAVE = "joint_leave"
    LOCAL = "local"
    AFTER_HOURS = "after_hours"
    """A working day, but opened when its hours were over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Days that did not count, for one reason. Weekends, and folded years, have no name."""

    kind: SkipKind
    days: int
    first: datetime.date
    last: datetime.date
    name: str | None = None
    name_en: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A stretch of dates: its working days and skipped days together are all of them.

    `spans` are the clock times that counted, in lines of one working day only.
    """

    first: datetime.date
    last: datetime.date
    working_days: int
    minutes: int
    paused_minutes: int
    spans: tuple[tuple[str, str], ...]
    skipped: tuple[Skipped, ...]
    said: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a due date came about. The sums are those of the lines; `notes` say what the lines cannot."""

    opened_at: datetime.datetime
    starts_at: datetime.datetime
    due_at: datetime.datetime
    fold: Fold
    lines: tuple[Line, ...]
    working_days: int
    skipped_days: int
    minutes: int
    paused_minutes: int
    summary: Said
    notes: tuple[Said, ...]
    caveats: tuple[Caveat, ...]

    @property
    def sentences_id(self) -> tuple[str, ...]:
        """The whole in Indonesian, line by line."""
        lines = (line.said.message_id for line in self.lines)
        return (self.summary.message_id, *lines, *(note.message_id for note in self.notes))

    @property
    def sentences_en(self) -> tuple[str, ...]:
        """The whole in English, line by line."""
        lines = (line.said.message_en for line in self.lines)
        return (self.summary.message_en, *lines, *(note.message_en for note in self.notes))


def explain(
    calendar: CompiledCalendar, opened_at: datetime.datetime, limit: TimeNorm, pauses: Sequence[Pause] = ()
) -> Explanation:
    """Say how `calendar.due(opened_at, limit, pauses)` came about."""
    course = _Course(calendar, calendar.line.place(opened_at), calendar.lay(opened_at, limit, pauses))
    fold, stretches = _folded(course)
    lines = tuple(_line(course, fold, first, last) for first, last in stretches)
    due = calendar.due(opened_at, limit, pauses)
    opened_at = calendar.line.moment(course.opened)
    return Explanation(
        opened_at=opened_at,
        starts_at=calendar.line.moment(course.start),
        due_at=due.at,
        fold=fold,
        lines=lines,
        working_days=sum(line.working_days for line in lines),
        skipped_days=sum(one.days for line in lines for one in line.skipped),
        minutes=sum(line.minutes for line in lines),
        paused_minutes=sum(line.paused_minutes for line in lines),
        summary=_summary(opened_at, due.at, limit, lines),
        notes=tuple(_notes(course, limit, due.caveats)),
        caveats=due.caveats,
    )


class _Course:
    """The course of one time limit over the calendar: where it opens, starts and ends, and what has counted by then."""

    def __init__(self, calendar: CompiledCalendar, opened: Place, laid: Laid) -> None:
        self.calendar, self.line, self.opened, self.laid = calendar, calendar.line, opened, laid
        self.start = self.line.resumed(laid.begin)
        self.due = self.line.reached(laid.end)
        rest_of_the_day = self.line.elapsed(Place(opened.day + 1, 0)) - laid.begin
        self.opened_after_hours = self.line.shift(opened.day) is not None and rest_of_the_day == 0
        days = sorted(day for day in self.line.days_off if opened.day <= day <= self.due.day)
        self.days_off = [(day, self.line.days_off[day]) for day in days]

    def bounds(self, first: int, last: int) -> tuple[int, int]:
        """Where the line of working time enters and leaves these days, as far as the limit runs."""
        begin, end = self.line.elapsed(Place(first, 0)), self.line.elapsed(Place(last + 1, 0))
        return max(begin, self.laid.begin), min(end, self.laid.end)

    def paused_by(self, elapsed: int) -> int:
        """How much pauses have cut out by then."""
        return sum(min(stop.last, elapsed) - stop.first for stop in self.laid.pauses if stop.first < elapsed)

    def counted_by(self, elapsed: int) -> int:
        """How much of the limit is used up by then."""
        return elapsed - self.laid.begin - self.paused_by(elapsed)

    def spans(self, day: int) -> tuple[tuple[str, str], ...]:
        """The clock times of a day that counted: its working spans, as far as the limit runs, without pauses."""
        shift = self.line.shift(day)
        begun, spans = self.line.elapsed(Place(day, 0)), []
        for start, end in shift.spans if shift else ():
            for first, last in self._counted(begun, begun + end - start):
                spans.append((_clock(start + first - begun), _clock(start + last - begun)))
            begun += end - start
        return tuple(spans)

    def _counted(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """What counts of a stretch of the line."""
        begin, end = max(begin, self.laid.begin), min(end, self.laid.end)
        for stop in self.laid.pauses:
            if begin < min(stop.first, end):
                yield begin, min(stop.first, end)
            begin = max(begin, stop.last)
        if begin < end:
            yield begin, end

    def reason(self, day: int) -> tuple[SkipKind, str | None] | None:
        """Why a day does not count at all; null for a working day."""
        held = self.line.days_off.get(day)
        if held is not None:
            return SkipKind(held.kind), held.name
        if self.line.shift(day) is None:
            return SkipKind.WEEKEND, None
        return (SkipKind.AFTER_HOURS, None) if self.opened_after_hours and day == self.opened.day else None

    def skipped(self, first: int, last: int, fold: Fold) -> tuple[Skipped, ...]:
        """The days that did not count, those with a name in runs; years only say how many there were of each kind."""
        off = [(day, held) for day, held in self.days_off if first <= day <= last]
        late = self.opened_after_hours and first <= self.opened.day <= last
        weekends = last + 1 - first - len(off) - self._working(first, last)
        found = [_skipped(SkipKind.AFTER_HOURS, 1, self.opened.day, self.opened.day)] if late else []
        if weekends:
            found.append(_skipped(SkipKind.WEEKEND, weekends, first, last))
        if fold is Fold.YEAR:
            kinds = Counter(SkipKind(held.kind) for _, held in off)
            return (*found, *(_skipped(kind, days, first, last) for kind, days in kinds.items()))
        runs = groupby(enumerate(off), key=lambda numbered: (numbered[1][0] - numbered[0], numbered[1][1]))
        for (_, held), members in runs:
            days = [day for _, (day, _) in members]
            found.append(_skipped(SkipKind(held.kind), len(days), days[0], days[-1], held.name, held.name_en))
        return tuple(found)

    def working_days(self, first: int, last: int) -> int:
        """The working days among these days, without the one on which it was opened too late."""
        return self._working(first, last) - (self.opened_after_hours and first <= self.opened.day <= last)

    def _working(self, first: int, last: int) -> int:
        return self.line.workdays_before(last + 1) - self.line.workdays_before(first)


def _skipped(
    kind: SkipKind, days: int, first: int, last: int, name: str | None = None, name_en: str | None = None
) -> Skipped:
    return Skipped(kind=kind, days=days, first=_date(first), last=_date(last), name=name, name_en=name_en)


def _clock(clock: int) -> str:
    return f"{clock // MINUTE // 60:02}:{clock // MINUTE % 60:02}"


def _date(day: int) -> datetime.date:
    return datetime.date.fromordinal(day)


# Folding


def _folded(course: _Course) -> tuple[Fold, list[tuple[int, int]]]:
    """The finest fold that stays readable, and the stretches of days it makes."""
    days = course.due.day + 1 - course.opened.day
    fold = next((fold for fold, most in _MOST_DAYS.items() if days <= most), Fold.YEAR)
    stretches: list[tuple[int, int]] = []
    first = course.opened.day
    while first <= course.due.day:
        last = min(_end_of_stretch(course, fold, first), course.due.day)
        stretches.append((first, last))
        first = last + 1
    return fold, stretches


_MOST_DAYS = {Fold.DAY: 21, Fold.WEEK: 70, Fold.MONTH: 731}
_MOST_YEARS = 24


def _end_of_stretch(course: _Course, fold: Fold, day: int) -> int:
    date = _date(day)
    if fold is Fold.WEEK:
        return day + 6 - date.weekday()
    if fold is Fold.MONTH:
        return month_end(date).toordinal()
    if fold is Fold.YEAR:
        years = _date(course.due.day).year + 1 - _date(course.opened.day).year
        return datetime.date(date.year + ceil(years / _MOST_YEARS) - 1, 12, 31).toordinal()
    while (reason := course.reason(day)) and day < course.due.day and course.reason(day + 1) == reason:
        day += 1
    return day


# Lines


def _line(course: _Course, fold: Fold, first: int, last: int) -> Line:
    begin, end = course.bounds(first, last)
    days, skipped = course.working_days(first, last), course.skipped(first, last, fold)
    # a rest of seconds is carried into the next line, so that the whole minutes add up
    minutes = course.counted_by(end) // MINUTE - course.counted_by(begin) // MINUTE
    paused = course.paused_by(end) // MINUTE - course.paused_by(begin) // MINUTE
    spans = course.spans(first) if fold is Fold.DAY and days else ()
    dates = _date(first), _date(last)

    def said(phrases: _Phrases) -> str:
        return f"{phrases.dates(*dates, fold)}: {'; '.join(phrases.told(days, minutes, paused, spans, skipped, fold))}."

    return Line(
        first=dates[0],
        last=dates[1],
        working_days=days,
        minutes=minutes,
        paused_minutes=paused,
        spans=spans,
        skipped=skipped,
        said=Said(said(_INDONESIAN), said(_ENGLISH)),
    )


@dataclass(frozen=True, slots=True)
class _Phrases:
    """How one language tells a line."""

    language: Language
    both: str
    nothing: str
    paused: str
    skipped: str
    kinds: dict[SkipKind, str]

    def dates(self, first: datetime.date, last: datetime.date, fold: Fold) -> str:
        whole = (first.day, last) == (1, month_end(last))
        if whole and fold is Fold.MONTH:
            return self.language.month(first)
        if whole and fold is Fold.YEAR and (first.month, last.month) == (1, 12):
            return f"{first.year}" if first.year == last.year else f"{first.year}-{last.year}"
        return self.language.range(first, last, weekdays=fold is Fold.DAY)

    def told(
        self,
        days: int,
        minutes: int,
        paused: int,
        spans: tuple[tuple[str, str], ...],
        skipped: tuple[Skipped, ...],
        fold: Fold,
    ) -> Iterator[str]:
        length = self.language.length(minutes)
        if days and fold is Fold.DAY:
            times = [f"{self.language.time(start)}-{self.language.time(end)}" for start, end in spans]
            yield f"{self.listed(times)} = {length}" if times else self.nothing
        elif days:
            yield f"{self.language.limit(days, TimeUnit.WORKDAYS)}, {length}"
        if paused:
            yield self.paused.format(self.language.length(paused))
        if skipped:
            number = self.language.days(sum(one.days for one in skipped))
            yield self.skipped.format(number, ", ".join(self.skip(one, fold) for one in skipped))

    def listed(self, times: Sequence[str]) -> str:
        return self.both.join(filter(None, (", ".join(times[:-1]), times[-1])))

    def skip(self, one: Skipped, fold: Fold) -> str:
        name = one.name if self.language is INDONESIAN else one.name_en
        kind = self.kinds[one.kind]
        if fold is Fold.DAY:
            return f"{kind} {name}" if name else kind
        when = self.language.range(one.first, one.last) if name else self.language.days(one.days)
        return f"{kind} {name} ({when})" if name else f"{kind} {when}"


_INDONESIAN = _Phrases(
    language=INDONESIAN,
    both=" dan ",
    nothing="tidak ada yang dihitung",
    paused="dihentikan {}",
    skipped="dilewati {}: {}",
    kinds={
        SkipKind.WEEKEND: "akhir pekan",
        SkipKind.NATIONAL: "libur nasional",
        SkipKind.JOINT_LEAVE: "cuti bersama",
        SkipKind.LOCAL: "libur setempat",
        SkipKind.AFTER_HOURS: "dibuka setelah jam kerja",
    },
)
_ENGLISH = _Phrases(
    language=ENGLISH,
    both=" and ",
    nothing="nothing counted",
    paused="paused for {}",
    skipped="{} skipped: {}",
    kinds={
        SkipKind.WEEKEND: "weekend",
        SkipKind.NATIONAL: "public holiday",
        SkipKind.JOINT_LEAVE: "joint leave",
        SkipKind.LOCAL: "local holiday",
        SkipKind.AFTER_HOURS: "opened after working hours",
    },
)


def _summary(opened_at: datetime.datetime, due_at: datetime.datetime, limit: TimeNorm, lines: Sequence[Line]) -> Said:
    minutes, days = sum(line.minutes for line in lines), sum(line.working_days for line in lines)
    skipped = sum(one.days for line in lines for one in line.skipped)
    return Said(
        f"Batas waktu {INDONESIAN.limit(limit.amount, limit.unit)}: dibuka {INDONESIAN.moment(opened_at)}, jatuh tempo "
        f"{INDONESIAN.moment(due_at)}. Terhitung {INDONESIAN.length(minutes)} pada "
        f"{INDONESIAN.limit(days, TimeUnit.WORKDAYS)}; "
        f"{INDONESIAN.days(skipped) if skipped else 'tidak ada hari yang'} dilewati.",
        f"Time limit {ENGLISH.limit(limit.amount, limit.unit)}: opened {ENGLISH.moment(opened_at)}, due "
        f"{ENGLISH.moment(due_at)}. {ENGLISH.length(minutes)} counted on "
        f"{ENGLISH.limit(days, TimeUnit.WORKDAYS)}; {ENGLISH.days(skipped) if skipped else 'no day'} skipped.",
    )


# Notes


def _notes(course: _Course, limit: TimeNorm, caveats: Sequence[Caveat]) -> Iterator[Said]:
    """What the lines cannot say: late starts, where the rule led, pauses, other hours, local changes, reservations."""
    yield from _start(course)
    if course.laid.named is not None:
        yield from _rule(course, limit, course.laid.named)
    yield from _bounded([_pause(course, at) for at in range(len(course.laid.pauses))])
    yield from _bounded(list(_seasons(course)))
    yield from _bounded(list(_changes(course)))
    yield from _bounded([caveat_said(caveat) for caveat in caveats])


def _bounded(notes: Sequence[Said]) -> Iterator[Said]:
    yield from islice(notes, MOST_NOTES)
    left = len(notes) - MOST_NOTES
    if left > 0:
        yield Said(f"Dan {left} catatan serupa lainnya.", f"And {left} more notes like these.")


def _start(course: _Course) -> Iterator[Said]:
    if course.start != course.opened:
        start = course.line.moment(course.start)
        yield Said(
            f"Dibuka di luar jam kerja; waktu dihitung mulai {INDONESIAN.moment(start)}.",
            f"It was opened outside working hours; the clock starts {ENGLISH.moment(start)}.",
        )


def _rule(course: _Course, limit: TimeNorm, named: Place) -> Iterator[Said]:
    """Where days, weeks or months led before their moment was brought back to working time."""
    started = _date(course.start.day)
    if limit.unit is TimeUnit.WEEKS:
        length = course.line.week_length(course.start.day)
        yield Said(
            f"Satu minggu kerja dihitung {length} hari kerja.",
            f"A working week counts as {ENGLISH.limit(length, TimeUnit.WORKDAYS)}.",
        )
    if limit.unit is TimeUnit.MONTHS:
        same = months_on(started, int(limit.amount))
        if same.day != started.day:
            yield Said(
                f"Bulan tujuan tidak mempunyai tanggal {started.day}; dipakai {INDONESIAN.plain(same)}.",
                f"The month has no day {started.day}; {ENGLISH.plain(same)} is taken.",
            )
        if same.toordinal() != named.day:
            moved = _date(named.day)
            yield Said(
                f"{INDONESIAN.date(same)} bukan hari kerja; dipindah ke {INDONESIAN.date(moved)}.",
                f"{ENGLISH.date(same)} is no working day; {ENGLISH.date(moved)} is taken.",
            )
    brought = course.line.reached(course.line.elapsed(named))
    if brought != named:
        led, back = course.line.moment(named), course.line.moment(brought)
        yield Said(
            f"Hitungan jatuh pada {INDONESIAN.moment(led)}, di luar atau tepat di awal jam kerja; "
            f"yang berlaku ialah akhir jam kerja sebelumnya, {INDONESIAN.moment(back)}.",
            f"The count leads to {ENGLISH.moment(led)}, outside working hours or just where they begin; "
            f"what holds is the end of the working time before, {ENGLISH.moment(back)}.",
        )


def _pause(course: _Course, at: int) -> Said:
    """How far one pause moved the due date, and why the clock stood."""
    stop = course.laid.pauses[at]
    minutes = course.paused_by(stop.last) // MINUTE - course.paused_by(stop.first) // MINUTE
    since, until = (course.line.moment(course.line.place(edge)) for edge in (stop.pause.since, stop.pause.until))
    why = f" ({stop.pause.reason})" if stop.pause.reason else ""
    return Said(
        f"Dihentikan {INDONESIAN.moment(since)} sampai {INDONESIAN.moment(until)}{why}: "
        f"jatuh tempo diundur {INDONESIAN.length(minutes)} kerja.",
        f"Paused from {ENGLISH.moment(since)} to {ENGLISH.moment(until)}{why}: "
        f"the due date moves on by {ENGLISH.length(minutes)} of working time.",
    )


def _seasons(course: _Course) -> Iterator[Said]:
    first, last = _date(course.opened.day), _date(course.due.day)
    for one in sorted(course.calendar.calendar.seasons, key=lambda one: one.first):
        if one.first <= last and first <= one.last:
            yield Said(
                f"{one.name}: jam kerja lain berlaku {INDONESIAN.range(one.first, one.last)} ({one.legal_basis}).",
                f"{one.name}: other hours hold {ENGLISH.range(one.first, one.last)} ({one.legal_basis}).",
            )


def _changes(course: _Course) -> Iterator[Said]:
    first, last = _date(course.opened.day), _date(course.due.day)
    for one in sorted(course.calendar.calendar.changes, key=lambda one: one.date):
        if any(day is not None and first <= day <= last for day in (one.date, one.to)):
            yield _change(one)


def _change(one: Change) -> Said:
    name_en = one.name_en or one.name
    date_id, date_en = INDONESIAN.plain(one.date), ENGLISH.plain(one.date)
    if one.kind is ChangeKind.ADD:
        return Said(
            f"{date_id} libur setempat, {one.name}: {one.legal_basis}.",
            f"{date_en} is a local holiday, {name_en}: {one.legal_basis}.",
        )
    if one.to is None:
        return Said(
            f"{date_id}, {one.name}, tetap hari kerja: {one.legal_basis}.",
            f"{date_en}, {name_en}, is a working day here: {one.legal_basis}.",
        )
    return Said(
        f"{one.name} dipindah dari {date_id} ke {INDONESIAN.plain(one.to)}: {one.legal_basis}.",
        f"{name_en} is moved from {date_en} to {ENGLISH.plain(one.to)}: {one.legal_basis}.",
    )
