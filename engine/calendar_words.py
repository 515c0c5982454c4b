"""How dates, times, lengths and reservations are said in Indonesian and English."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from engine.caveats import Caveat, CaveatKind
from engine.definition import TimeUnit


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence in both languages."""

    message_id: str
    message_en: str


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language for time."""

    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    clock: str
    decimal: str
    hour: tuple[str, str]
    minute: tuple[str, str]
    day: tuple[str, str]
    units: dict[TimeUnit, tuple[str, str]]
    until: str
    at: str

    def date(self, day: datetime.date) -> str:
        """`Senin 2 Maret 2026`."""
        return f"{self.weekdays[day.weekday()]} {self.plain(day)}"

    def plain(self, day: datetime.date) -> str:
        """`2 Maret 2026`."""
        return f"{day.day} {self.months[day.month - 1]} {day.year}"

    def month(self, day: datetime.date) -> str:
        """`Maret 2026`."""
        return f"{self.months[day.month - 1]} {day.year}"

    def range(self, first: datetime.date, last: datetime.date, *, weekdays: bool = False) -> str:
        """`21-22 Maret 2026`, `30 Maret sampai 5 April 2026`; with weekdays `Sabtu 21 sampai Minggu 22 Maret 2026`."""
        name = self.date if weekdays else self.plain
        if first == last:
            return name(last)
        begin = name(first).removesuffix(f" {first.year}") if first.year == last.year else name(first)
        if (first.year, first.month) == (last.year, last.month):
            begin = begin.removesuffix(f" {self.months[first.month - 1]}")
            return f"{begin} {self.until} {name(last)}" if weekdays else f"{begin}-{name(last)}"
        return f"{begin} {self.until} {name(last)}"

    def time(self, clock: str) -> str:
        """`07.30` for `07:30`."""
        return clock.replace(":", self.clock)

    def moment(self, at: datetime.datetime) -> str:
        """`Senin 2 Maret 2026 pukul 07.30 WIB`, in the zone the moment has; seconds are not said."""
        return f"{self.date(at.date())} {self.at} {self.time(at.strftime('%H:%M'))} {at.tzname()}"

    def length(self, minutes: int) -> str:
        """`7 jam 30 menit`."""
        hours, rest = divmod(minutes, 60)
        parts = [_counted(hours, self.hour)] if hours else []
        return " ".join([*parts, _counted(rest, self.minute)] if rest or not hours else parts)

    def days(self, number: int) -> str:
        """`3 hari`."""
        return _counted(number, self.day)

    def limit(self, amount: int | Decimal | Fraction, unit: TimeUnit) -> str:
        """`3 hari kerja`, `7,5 jam kerja`."""
        return f"{str(amount).replace('.', self.decimal)} {self.units[unit][amount != 1]}"


def _counted(number: int, words: tuple[str, str]) -> str:
    return f"{number} {words[number != 1]}"


def _same(word: str) -> tuple[str, str]:
    return word, word


INDONESIAN = Language(
    months=(
        *("Januari", "Februari", "Maret", "April", "Mei", "Juni"),
        *("Juli", "Agustus", "September", "Oktober", "November", "Desember"),
    ),
    weekdays=("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"),
    clock=".",
    decimal=",",
    hour=_same("jam"),
    minute=_same("menit"),
    day=_same("hari"),
    units={
        TimeUnit.MINUTES: _same("menit kerja"),
        TimeUnit.HOURS: _same("jam kerja"),
        TimeUnit.WORKDAYS: _same("hari kerja"),
        TimeUnit.WEEKS: _same("minggu kerja"),
        TimeUnit.MONTHS: _same("bulan"),
    },
    until="sampai",
    at="pukul",
)

ENGLISH = Language(
    months=(
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    clock=":",
    decimal=".",
    hour=("hour", "hours"),
    minute=("minute", "minutes"),
    day=("day", "days"),
    units={
        TimeUnit.MINUTES: ("working minute", "working minutes"),
        TimeUnit.HOURS: ("working hour", "working hours"),
        TimeUnit.WORKDAYS: ("working day", "working days"),
        TimeUnit.WEEKS: ("working week", "working weeks"),
        TimeUnit.MONTHS: ("month", "months"),
    },
    until="to",
    at="at",
)


def caveat_said(caveat: Caveat) -> Said:
    """What an answer that depends on something unsettled says about it."""
    first, last = caveat.first.year, caveat.last.year
    years = str(first) if first == last else f"{first}-{last}"
    if caveat.kind is CaveatKind.NOT_DECREED:
        return Said(
            f"Cuti bersama {years} belum ditetapkan; hasil ini dapat berubah.",
            f"The cuti bersama of {years} is not yet decreed; this answer may change.",
        )
    if caveat.kind is CaveatKind.NOT_LOADED:
        return Said(
            f"Hari libur {years} belum dimuat; yang dilewati hanya akhir pekan dan perubahan setempat.",
            f"The holidays of {years} are not loaded; only weekends and local changes are left out.",
        )
    return Said(
        f"{caveat.name} ({INDONESIAN.range(caveat.first, caveat.last)}) masih perkiraan; hasil ini dapat berubah.",
        f"{caveat.name_en or caveat.name} ({ENGLISH.range(caveat.first, caveat.last)}) is an estimate;"
        " this answer may change.",
    )
