"""Is the SOP consistent with itself? Everything that is wrong, at once. No I/O.

The shape is already right here (pydantic saw to it); these are the rules between its parts.
A finding names its place by the English field names; a reader turns that into a line, a column and Indonesian keys.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pydantic import BaseModel

from engine.definition import (
    Activity,
    ActivityKind,
    Identity,
    ProcessDefinition,
    Route,
    RouteKind,
    TimeLimit,
    TimeUnit,
)
from engine.mistakes import Path, closest, did_you_mean_en, did_you_mean_id, listed, shortened

RESERVED = frozenset({"state", "initial", "null", "true", "false"})
"""Words no identifier may be: the engine's own, and those a YAML reader takes for something else than text."""

RESERVED_OUTCOMES = RESERVED - {"initial"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that the SOP breaks, where, and what would be right. `expected` is the same in every language."""

    path: Path
    message_id: str
    message_en: str
    expected: str | None = None


def findings(definition: ProcessDefinition) -> tuple[Finding, ...]:
    """Everything that is wrong between the parts of an SOP; empty when it is consistent."""
    return tuple(found for check in CHECKS for found in check(definition))


# Names


def _identifiers(definition: ProcessDefinition) -> Iterator[Finding]:
    """Every id once in its list, none of them reserved."""
    for field, named_id, named_en in (
        ("roles", "peran", "role"),
        ("parties", "pihak", "party"),
        ("activities", "kegiatan", "activity"),
    ):
        ids = [part.id for part in getattr(definition, field)]
        for at, _ in _repeated(ids):
            yield Finding(
                (field, at, "id"),
                f'Pengenal {named_id} "{ids[at]}" sudah dipakai. Beri pengenal lain.',
                f'The {named_en} id "{ids[at]}" is used twice. Give one of them another id.',
            )
        for at, name in enumerate(ids):
            if name in RESERVED:
                yield _reserved((field, at, "id"), name)


def _numbers(definition: ProcessDefinition) -> Iterator[Finding]:
    numbers = [activity.number for activity in definition.activities]
    for at, first in _repeated(numbers):
        other = definition.activities[first].id
        yield Finding(
            ("activities", at, "number"),
            f'Nomor kegiatan {numbers[at]} sudah dipakai oleh "{other}". Setiap baris memiliki nomor sendiri.',
            f'The number {numbers[at]} is already that of "{other}". Each row has a number of its own.',
        )


def _cycles(definition: ProcessDefinition) -> Iterator[Finding]:
    for at, _ in _repeated(definition.cycle):
        yield Finding(
            ("cycle", at),
            f'Siklus "{definition.cycle[at]}" tertulis dua kali. Hapus salah satunya.',
            f'The cycle "{definition.cycle[at]}" is listed twice. Remove one.',
        )


def _repeated(values: Sequence[object]) -> Iterator[tuple[int, int]]:
    """Where a value comes again, and where it stood first."""
    first: dict[object, int] = {}
    for at, value in enumerate(values):
        if first.setdefault(value, at) != at:
            yield at, first[value]


def _reserved(path: Path, word: str) -> Finding:
    return Finding(
        path,
        f'Kata "{word}" dipakai oleh sistem sendiri. Pilih kata lain.',
        f'The word "{word}" is reserved. Choose another.',
    )


# Who does it


def _performers(definition: ProcessDefinition) -> Iterator[Finding]:
    """Every role named in an activity exists, once, and either completes or assists."""
    suggest = _Suggestions([role.id for role in definition.roles])
    for at, activity in enumerate(definition.activities):
        for field in ("candidate_roles", "assisting_roles"):
            yield from _roles_of(("activities", at, field), getattr(activity, field), suggest)
        candidates = set(activity.candidate_roles)
        for place, role in enumerate(activity.assisting_roles):
            if role in candidates:
                yield Finding(
                    ("activities", at, "assisting_roles", place),
                    f'Peran "{role}" tercantum sebagai pelaksana dan sekaligus pendamping. Pilih salah satu.',
                    f'The role "{role}" is both candidate and assisting. Choose one.',
                )


def _roles_of(path: Path, roles: tuple[str, ...], suggest: _Suggestions) -> Iterator[Finding]:
    for at, role in enumerate(roles):
        if role not in suggest.known:
            meant = suggest(role)
            yield Finding(
                (*path, at),
                f'Peran "{role}" tidak ada dalam daftar peran.{did_you_mean_id(meant)}',
                f'There is no role "{role}".{did_you_mean_en(meant)}',
                meant or suggest.listed,
            )
    for at, _ in _repeated(roles):
        yield Finding(
            (*path, at),
            f'Peran "{roles[at]}" tertulis dua kali. Hapus salah satunya.',
            f'The role "{roles[at]}" is listed twice. Remove one.',
        )


# What it leads to


def _outcomes(definition: ProcessDefinition) -> Iterator[Finding]:
    """Outcomes differ within an activity, and are not the engine's own words."""
    for at, activity in enumerate(definition.activities):
        outcomes = [route.outcome for route in activity.routes]
        for place, _ in _repeated(outcomes):
            yield Finding(
                ("activities", at, "routes", place, "outcome"),
                f'Hasil "{outcomes[place]}" sudah ada pada kegiatan ini. Setiap hasil hanya memiliki satu tujuan.',
                f'The activity already has the outcome "{outcomes[place]}". Each outcome leads to one place.',
            )
        for place, outcome in enumerate(outcomes):
            if outcome in RESERVED_OUTCOMES:
                yield _reserved(("activities", at, "routes", place, "outcome"), outcome)


def _kinds(definition: ProcessDefinition) -> Iterator[Finding]:
    """An execution only leads on; a decision leads on at least once."""
    for at, activity in enumerate(definition.activities):
        if not any(route.kind is RouteKind.FORWARD for route in activity.routes):
            yield _no_way_on(("activities", at, "routes"), activity)
        if activity.kind is ActivityKind.EXECUTION:
            yield from (
                Finding(
                    ("activities", at, "routes", place, "kind"),
                    "Pelaksanaan tidak dapat mengembalikan. Jadikan kegiatan ini keputusan (decision), "
                    "atau ubah jenis alur menjadi forward.",
                    "An execution cannot send work back. Make the activity a decision, or the route forward.",
                    "forward",
                )
                for place, route in enumerate(activity.routes)
                if route.kind is RouteKind.RETURN
            )


def _no_way_on(path: Path, activity: Activity) -> Finding:
    outcome = "completed" if activity.kind is ActivityKind.EXECUTION else "approved"
    return Finding(
        path,
        f'Kegiatan ini tidak memiliki alur maju. Tambahkan hasil "{outcome}" berjenis forward.',
        f'This activity has no forward route. Add the outcome "{outcome}" of kind forward.',
        outcome,
    )


def _targets(definition: ProcessDefinition) -> Iterator[Finding]:
    """Every route leads to an activity that exists; a return leads to another one."""
    suggest = _Suggestions([activity.id for activity in definition.activities])
    for at, activity in enumerate(definition.activities):
        for place, route in enumerate(activity.routes):
            path: Path = ("activities", at, "routes", place, "to")
            if route.to is not None and route.to not in suggest.known:
                meant = suggest(route.to)
                yield Finding(
                    path,
                    f'Tidak ada kegiatan dengan pengenal "{route.to}".{did_you_mean_id(meant)}',
                    f'There is no activity "{route.to}".{did_you_mean_en(meant)}',
                    meant or suggest.listed,
                )
            elif route.kind is RouteKind.RETURN and route.to in (None, activity.id):
                yield Finding(
                    path,
                    "Pengembalian harus menuju kegiatan lain, bukan akhir SOP atau kegiatan itu sendiri.",
                    "A return must lead to another activity, not to the end or to itself.",
                )


# The whole of it


def _paths(definition: ProcessDefinition) -> Iterator[Finding]:
    """Every activity can be reached from the first, and can reach the end."""
    ways = _Ways(definition)
    first = definition.activities[0].id
    reached = ways.onwards(first)
    ending = ways.to_the_end()
    for at, activity in enumerate(definition.activities):
        if activity.id not in reached:
            yield Finding(
                ("activities", at, "id"),
                f'Kegiatan "{activity.id}" tidak pernah tercapai dari kegiatan pertama "{first}". '
                "Arahkan salah satu alur ke sini, atau hapus kegiatan ini.",
                f'The activity "{activity.id}" is never reached from the first, "{first}". '
                "Lead a route here, or remove it.",
            )
        if activity.id not in ending:
            yield Finding(
                ("activities", at, "routes"),
                f'Dari kegiatan "{activity.id}" akhir SOP tidak pernah tercapai. '
                "Pastikan ada jalan sampai kegiatan yang alurnya kosong (null).",
                f'From "{activity.id}" the end is never reached. See that some way leads to a route with no target.',
            )


class _Ways:
    """Where routes lead, as a graph of ids.

    A misspelt target is read as the activity that was probably meant; one that resembles none may mean any.
    So a typing error is reported once, where it stands, and not again as everything behind it.
    """

    def __init__(self, definition: ProcessDefinition) -> None:
        suggest = _Suggestions([activity.id for activity in definition.activities])
        self.targets: dict[str | None, set[str | None]] = {}
        for activity in definition.activities:
            named = (self._named(route, suggest) for route in activity.routes)
            self.targets.setdefault(activity.id, set()).update(*named)

    @staticmethod
    def _named(route: Route, suggest: _Suggestions) -> Iterable[str | None]:
        if route.to is None or route.to in suggest.known:
            return (route.to,)
        meant = suggest(route.to)
        return (meant,) if meant else (None, _ANYWHERE)

    def onwards(self, first: str) -> set[str | None]:
        """Everything that can be reached from an activity, itself included."""
        reached = _spread([first], self.targets)
        return set(self.targets) if _ANYWHERE in reached else reached

    def to_the_end(self) -> set[str | None]:
        """Every activity from which the end can be reached."""
        sources: dict[str | None, set[str | None]] = {}
        for activity, targets in self.targets.items():
            for target in targets:
                sources.setdefault(target, set()).add(activity)
        return _spread([None], sources)


_ANYWHERE = ">anywhere"
"""No id can be this: it holds a character that ids may not."""


def _spread(starts: Iterable[str | None], neighbours: Mapping[str | None, Iterable[str | None]]) -> set[str | None]:
    """Everything connected with the starts, breadth first."""
    reached = set(starts)
    waiting = deque(reached)
    while waiting:
        for neighbour in neighbours.get(waiting.popleft(), ()):
            if neighbour not in reached:
                reached.add(neighbour)
                waiting.append(neighbour)
    return reached


# Waktu


def _time_limits(definition: ProcessDefinition) -> Iterator[Finding]:
    """The printed waktu and its reading do not visibly disagree."""
    for at, activity in enumerate(definition.activities):
        if (limit := activity.time_limit) and (printed := _printed(limit)) and printed != (limit.amount, limit.unit):
            amount, unit = printed
            yield Finding(
                ("activities", at, "time_limit", "amount" if amount != limit.amount else "unit"),
                f'Waktu tercetak "{shortened(limit.text)}" tidak sama dengan bacaannya, '
                f"{limit.amount} {limit.unit}. Sesuaikan jumlah dan satuan.",
                f'The printed time "{shortened(limit.text)}" is not its reading, {limit.amount} {limit.unit}. '
                "Correct amount and unit.",
                f"{amount} {unit}",
            )


PRINTED_UNITS = {
    "menit": TimeUnit.MINUTES,
    "jam": TimeUnit.HOURS,
    "hari": TimeUnit.WORKDAYS,
    "minggu": TimeUnit.WEEKS,
    "bulan": TimeUnit.MONTHS,
}


def _printed(limit: TimeLimit) -> tuple[int, TimeUnit] | None:
    """Amount and unit as printed, where the text holds exactly one of each."""
    amounts = re.findall(r"(?<![\d.,])\d{1,5}(?![\d.,])", limit.text)
    units = re.findall(rf"\b({'|'.join(PRINTED_UNITS)})\b", limit.text.lower())
    if len(amounts) != 1 or len(units) != 1 or len(re.findall(r"\d+", limit.text)) != 1:
        return None
    return int(amounts[0]), PRINTED_UNITS[units[0]]


# What is said about the sheet itself


def _pointers(definition: ProcessDefinition) -> Iterator[Finding]:
    """`inferred` and `readings` name fields that exist."""
    yield from _pointers_of((), definition, _Suggestions(tuple(ProcessDefinition.model_fields)))
    yield from _pointers_of(("identity",), definition.identity, _Suggestions(tuple(Identity.model_fields)))
    suggest = _Suggestions(tuple(Activity.model_fields))
    for at, activity in enumerate(definition.activities):
        yield from _pointers_of(("activities", at), activity, suggest)


def _pointers_of(path: Path, part: ProcessDefinition | Identity | Activity, suggest: _Suggestions) -> Iterator[Finding]:
    for at, pointer in enumerate(part.inferred):
        if not _exists(part, pointer):
            yield _dangling((*path, "inferred", at), pointer, part, suggest)
    for pointer in getattr(part, "readings", ()):
        if not _exists(part, pointer):
            yield _dangling((*path, "readings", pointer), pointer, part, suggest)


def _exists(part: object, pointer: str) -> bool:
    """Whether a pointer leads somewhere: `time_limit.unit`, `requirements[0]`, `routes.returned.to`."""
    if not re.fullmatch(r"[a-z_]+(\[\d{1,4}\])?(\.[a-z][a-z0-9_]*(\[\d{1,4}\])?){0,2}", pointer):
        return False
    for step in re.findall(r"[a-z][a-z0-9_]*|\d+", pointer):
        found = _within(part, step)
        if found is _NOTHING:
            return False
        part = found
    return True


def _within(part: object, step: str) -> object:
    """One step inside: a field by name, an item by place, a route by its outcome."""
    if isinstance(part, BaseModel):
        return getattr(part, step) if step in type(part).model_fields else _NOTHING
    if isinstance(part, tuple) and step.isdigit():
        return part[int(step)] if int(step) < len(part) else _NOTHING
    if isinstance(part, tuple):
        return next((item for item in part if isinstance(item, Route) and item.outcome == step), _NOTHING)
    return _NOTHING


_NOTHING = object()


def _dangling(path: Path, pointer: str, part: BaseModel, suggest: _Suggestions) -> Finding:
    meant = _indonesian(type(part)).get(pointer) or suggest(pointer)
    return Finding(
        path,
        f'"{shortened(pointer)}" bukan nama isian yang ada di sini.{did_you_mean_id(meant)} '
        "Tulis nama isian dalam bahasa Inggris, misalnya candidate_roles atau routes.returned.to.",
        f'"{shortened(pointer)}" is not a field that exists here.{did_you_mean_en(meant)}',
        meant or _pointable(part, pointer) or suggest.listed,
    )


@lru_cache
def _indonesian(model: type[BaseModel]) -> dict[str, str]:
    """The fields of a model by their words on the sheet, which somebody may have written instead."""
    return {str(field.validation_alias or name).rpartition(".")[2]: name for name, field in model.model_fields.items()}


def _pointable(part: BaseModel, pointer: str) -> str | None:
    """What a pointer into the routes could have named instead."""
    routes: tuple[Route, ...] = getattr(part, "routes", ()) if pointer.startswith("routes.") else ()
    return listed([f"routes.{route.outcome}.to" for route in routes])


# Shared by the checks


class _Suggestions:
    """The known word that was probably meant. Asked too often it falls silent: a hostile text must stay cheap."""

    def __init__(self, known: Sequence[str]) -> None:
        self.known = frozenset(known)
        self.listed = listed(known)
        self._words = tuple(dict.fromkeys(known))
        self._left = 10

    def __call__(self, word: str) -> str | None:
        self._left -= 1
        return closest(word, self._words) if self._left >= 0 else None


Check = Callable[[ProcessDefinition], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    _identifiers,
    _numbers,
    _cycles,
    _performers,
    _outcomes,
    _kinds,
    _targets,
    _paths,
    _time_limits,
    _pointers,
)
"""Every check there is; each takes a definition and yields what it finds."""
