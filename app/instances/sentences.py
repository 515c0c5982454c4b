"""One sentence for whatever can happen in an instance, in Indonesian and English. It names offices, never people.

It begins with the title of the instance, so that it can be shown where nothing else is: "Penyusunan LAKIP 2025:
langkah 3 “Menyusun draf” diselesaikan; berikutnya langkah 4 “Memeriksa draf” pada Sekretaris, batas waktu …".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.calendar_words import ENGLISH, INDONESIAN
from engine.events import Because

Pair = tuple[str, str]
"""The same words in Indonesian and in English."""

NOTHING: Pair = ("", "")
LONGEST_NAME = 120
"""Characters of a printed name that are said."""
MOST_NEXT = 3
"""Steps that are said one by one."""


def same(words: str) -> Pair:
    """A name, which is the same in both languages."""
    return words, words


def sentence(kind: str, title: str, words: Mapping[str, Pair]) -> dict[str, str]:
    """The sentence for a type of event, with the words that its place in `_SAID` asks for."""
    said_id, said_en = _SAID[kind]
    return {
        "id": f"{title}: {said_id.format_map({name: pair[0] for name, pair in words.items()})}.",
        "en": f"{title}: {said_en.format_map({name: pair[1] for name, pair in words.items()})}.",
    }


_SAID: dict[str, Pair] = {
    "instance.started": ("dimulai{next}", "started{next}"),
    "instance.completed": ("selesai", "completed"),
    "instance.cancelled": ("dibatalkan", "cancelled"),
    "instance.suspended": (
        "ditangguhkan; semua langkah berhenti sampai dilanjutkan",
        "suspended; every step stands still until it is resumed",
    ),
    "instance.resumed": ("dilanjutkan", "resumed"),
    "instance.commented": ("sebuah catatan ditambahkan", "a comment was added"),
    "instance.calendar_changed": (
        "kalender kerja instansi berubah",
        "the working calendar of the agency changed",
    ),
    "instance.deadline_changed": ("tenggatnya kini {deadline}{was}", "its deadline is now {deadline}{was}"),
    "instance.deadline_removed": ("tidak lagi bertenggat{was}", "it no longer has a deadline{was}"),
    "instance.deadline_at_risk": (
        "tenggat {deadline} terancam terlewat; perkiraan selesai {expected_end}",
        "the deadline {deadline} is at risk; the expected end is {expected_end}",
    ),
    "instance.deadline_passed": ("tenggat {deadline} terlewat", "the deadline {deadline} has passed"),
    "step.opened": ("langkah {step} menunggu {whom}{round}{due}", "step {step} waits for {whom}{round}{due}"),
    "step.claimed": ("langkah {step} diambil {by}", "step {step} was taken by {by}"),
    "step.released": (
        "langkah {step} dilepas kembali dan menunggu {whom}",
        "step {step} was given back and waits for {whom}",
    ),
    "step.completed": ("langkah {step} {outcome}{next}", "step {step} {outcome}{next}"),
    "step.returned": (
        "langkah {step} mengembalikan pekerjaan{next}",
        "step {step} sent the work back{next}",
    ),
    "step.undone": (
        "hasil langkah {step} dibatalkan{next}",
        "the outcome of step {step} was taken back{next}",
    ),
    "step.withdrawn": (
        "langkah {step} ditarik karena tidak diperlukan lagi",
        "step {step} was withdrawn because it is no longer needed",
    ),
    "step.material_received": (
        "bahan dari {source} untuk langkah {step} diterima",
        "material from {source} came in for step {step}",
    ),
    "step.paused": ("jam langkah {step} dihentikan", "the clock of step {step} was stopped"),
    "step.resumed": ("jam langkah {step} berjalan lagi", "the clock of step {step} runs again"),
    "step.due_changed": (
        "batas waktu langkah {step} menjadi {due}{was} karena {because}",
        "step {step} is now due {due}{was} because {because}",
    ),
    "step.due_soon": (
        "batas waktu langkah {step} pada {whom} sudah dekat: {due}",
        "step {step} with {whom} is due soon: {due}",
    ),
    "step.overdue": (
        "langkah {step} pada {whom} terlambat; batas waktunya {due}",
        "step {step} with {whom} is late; it was due {due}",
    ),
    "step.escalated": (
        "keterlambatan langkah {step} disampaikan kepada {superior}; batas waktunya {due}",
        "the lateness of step {step} was brought before {superior}; it was due {due}",
    ),
    "party.asked": ("menunggu jawaban {party}", "waits for the answer of {party}"),
    "party.answered": ("jawaban {party} diterima{next}", "the answer of {party} came in{next}"),
}


def outcome(chosen: str) -> Pair:
    """How a step ended that leads on."""
    known = {"completed": ("diselesaikan", "is completed"), "approved": ("disetujui", "is approved")}
    return known.get(chosen) or (
        f"diselesaikan dengan hasil “{chosen}”",
        f"is completed with the outcome “{chosen}”",
    )


BECAUSE: dict[Because, Pair] = {
    Because.CALENDAR: ("kalender kerja berubah", "the working calendar changed"),
    Because.RESUMED: ("jamnya berjalan lagi", "its clock runs again"),
    Because.UNDONE: ("sebuah langkah dibatalkan", "a step was taken back"),
}


def following(steps: list[Pair], left: int, parties: Iterable[str], *, is_over: bool) -> Pair:
    """What comes next: steps, of which so many more are not said, and parties that are waited for."""
    named = steps[:MOST_NEXT]
    left += len(steps) - len(named)
    waiting = [(f"jawaban {party}", f"the answer of {party}") for party in parties]
    if named and not waiting and not left and len(named) == 1:
        return f"; berikutnya {named[0][0]}", f"; next is {named[0][1]}"
    parts = [*named, *([(f"{left} langkah lain", f"{left} other steps")] if left else []), *waiting]
    if not parts:
        return _OVER if is_over else _OTHERS
    first, english = ", ".join(one[0] for one in parts[:-1]), ", ".join(one[1] for one in parts[:-1])
    last = parts[-1]
    together = (f"{first} dan {last[0]}", f"{english} and {last[1]}") if first else last
    if not named and not left:
        return f"; kini menunggu {together[0]}", f"; now it waits for {together[1]}"
    return f"; berikutnya {together[0]}", f"; next are {together[1]}"


_OVER: Pair = ("; tidak ada langkah tersisa", "; no step is left")
_OTHERS: Pair = ("; langkah lain masih berjalan", "; other steps are still under way")


def step(number: int, name: str, unit: str | None) -> Pair:
    """A step by its number and printed name: `3 “Menyusun draf” (koperasi)`."""
    return same(f"{number} “{one_line(name)}”" + (f" ({unit})" if unit else ""))


@lru_cache(maxsize=4_096)
def one_line(name: str) -> str:
    """A printed name as it fits into a sentence."""
    plain = " ".join(name.split())
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1].rstrip()}…"


def waits_with(step: Pair, whom: str, round_: int, due: Pair) -> Pair:
    """A step that opened: with whom, in which round, due when."""
    again = again_in(round_)
    return f"langkah {step[0]} pada {whom}{again[0]}{due[0]}", f"step {step[1]} with {whom}{again[1]}{due[1]}"


def again_in(round_: int) -> Pair:
    """The round, where it is not the first."""
    return (f", putaran {round_}", f", round {round_}") if round_ > 1 else NOTHING


def due(at: datetime | None, timezone: str) -> Pair:
    """By when, where there is a due date."""
    if at is None:
        return NOTHING
    said = moment(at, timezone)
    return f", batas waktu {said[0]}", f", due {said[1]}"


def before(said: Pair | None) -> Pair:
    """What a date was before, where there was one."""
    return (f" (sebelumnya {said[0]})", f" (it was {said[1]})") if said else NOTHING


@lru_cache(maxsize=4_096)
def moment(at: datetime, timezone: str) -> Pair:
    """A moment in a zone: `Senin 2 Maret 2026 pukul 09.10 WIB`."""
    local = at.astimezone(ZoneInfo(timezone))
    return INDONESIAN.moment(local), ENGLISH.moment(local)
