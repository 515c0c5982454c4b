"""Is the SOP consistent with itself? Everything that is wrong, at once. No I/O.

Each field is already right here (pydantic saw to it); these are the rules between the parts. Whether the whole can
finish is proved elsewhere, once nothing is found here.
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
    Branch,
    Identity,
    Node,
    NodeKind,
    Party,
    ProcessDefinition,
    Role,
    Route,
    RouteKind,
    SubStep,
    TimeLimit,
    TimeUnit,
)
from engine.mistakes import Path, closest, did_you_mean_en, did_you_mean_id, listed, shortened
from engine.places import OUTERMOST, ImpossibleJump, Place, Places, branches_of

RESERVED = frozenset({"state", "initial", "null", "true", "false"})
"""Words no identifier may be: the engine's own, and those a YAML reader takes for something else than text."""

RESERVED_OUTCOMES = RESERVED - {"initial"}

DEEPEST = 8
"""Blocks inside each other. The sheets need one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that the SOP breaks, where, and what would be right. `expected` is the same in every language."""

    path: Path
    message_id: str
    message_en: str
    expected: str | None = None


def findings(definition: ProcessDefinition) -> tuple[Finding, ...]:
    """Everything that is wrong between the parts of an SOP; empty when it is consistent.

    Beside other mistakes, also what they leave without a way in or out, as well as that can be told before a proof.
    """
    found = tuple(found for check in CHECKS for found in check(definition))
    return (*found, *_paths(definition)) if found else ()


# Names


def _identifiers(definition: ProcessDefinition) -> Iterator[Finding]:
    """Every id once in its list (activities and nodes are one), none of them reserved."""
    activities, nodes = _each("activities", definition.activities), _each("nodes", definition.nodes)
    yield from _ids("peran", "role", _each("roles", definition.roles))
    yield from _ids("pihak", "party", _each("parties", definition.parties))
    yield from _ids("kegiatan atau simpul", "activity or node", [*activities, *nodes])
    for at, node in enumerate(definition.nodes):
        branches = [(("nodes", at, "branches", place, "id"), one.id) for place, one in enumerate(node.branches)]
        yield from _ids("cabang", "branch", branches)


def _each(field: str, parts: Sequence[Role | Party | Activity | Node]) -> list[tuple[Path, str]]:
    return [((field, at, "id"), part.id) for at, part in enumerate(parts)]


def _ids(named_id: str, named_en: str, ids: Sequence[tuple[Path, str]]) -> Iterator[Finding]:
    for at, _ in _repeated([name for _, name in ids]):
        path, name = ids[at]
        yield Finding(
            path,
            f'Pengenal {named_id} "{name}" sudah dipakai. Beri pengenal lain.',
            f'The {named_en} id "{name}" is used twice. Give one of them another id.',
        )
    for path, name in ids:
        if name in RESERVED:
            yield _reserved(path, name)


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


def _parties(definition: ProcessDefinition) -> Iterator[Finding]:
    """Every party named exists; what a step collects comes from a kind of unit or from a party, each once."""
    suggest = _Suggestions([party.id for party in definition.parties])
    for at, activity in enumerate(definition.activities):
        path: Path = ("activities", at)
        yield from _repetitions(path, activity)
        for place, party in enumerate(activity.sends_to):
            yield from _party((*path, "sends_to", place), party, suggest)
        for place, source in enumerate(activity.awaits):
            if (source.units is None) == (source.party is None):
                yield _one_source((*path, "awaits", place))
            elif source.party is not None:
                yield from _party((*path, "awaits", place, "party"), source.party, suggest)
    for at, node in enumerate(definition.nodes):
        if node.party is not None and node.kind is NodeKind.WAIT:
            yield from _party(("nodes", at, "party"), node.party, suggest)


def _repetitions(path: Path, activity: Activity) -> Iterator[Finding]:
    for field in ("sends_to", "awaits"):
        for at, _ in _repeated(getattr(activity, field)):
            yield Finding(
                (*path, field, at),
                "Butir ini tertulis dua kali. Hapus salah satunya.",
                "This is listed twice. Remove one.",
            )


def _party(path: Path, party: str, suggest: _Suggestions) -> Iterator[Finding]:
    if party not in suggest.known:
        meant = suggest(party)
        yield Finding(
            path,
            f'Pihak "{party}" tidak ada dalam daftar pihak.{did_you_mean_id(meant)}',
            f'There is no party "{party}".{did_you_mean_en(meant)}',
            meant or suggest.listed,
        )


def _one_source(path: Path) -> Finding:
    return Finding(
        path,
        "Bahan berasal dari setiap unit atau dari satu pihak. Isi salah satu saja: unit atau pihak.",
        "Material comes from every unit of a kind or from one party. Give exactly one of the two.",
        "units | party",
    )


# Nodes


FIELDS: Mapping[NodeKind, tuple[frozenset[str], frozenset[str]]] = {
    NodeKind.PARALLEL: (frozenset({"branches"}), frozenset({"at_least", "to"})),
    NodeKind.EACH_UNIT: (frozenset({"units", "members"}), frozenset({"at_least", "or_once", "to"})),
    NodeKind.WAIT: (frozenset({"party", "routes"}), frozenset()),
}
"""The fields that a node of each kind must and may have."""


def _nodes(definition: ProcessDefinition) -> Iterator[Finding]:
    """Each node has the fields of its kind, and numbers that can be met."""
    for at, node in enumerate(definition.nodes):
        path: Path = ("nodes", at)
        needed, possible = FIELDS[node.kind]
        for field in ("branches", "units", "members", "at_least", "or_once", "to", "party", "routes"):
            given = getattr(node, field) not in (None, (), False)
            if given and field not in needed | possible:
                yield _foreign_field((*path, field), node, field)
            elif not given and field in needed:
                yield _missing_field((*path, field), node, field)
        yield from _numbers_of(path, node)


def _numbers_of(path: Path, node: Node) -> Iterator[Finding]:
    if node.kind is NodeKind.PARALLEL and len(node.branches) == 1:
        yield Finding(
            (*path, "branches"),
            "Simpul paralel memiliki sedikitnya dua cabang. Tambahkan cabang, atau hapus simpul ini.",
            "A parallel node has at least two branches. Add one, or remove the node.",
            ">= 2",
        )
    if node.kind is NodeKind.PARALLEL and (node.at_least or 0) > len(node.branches) > 1:
        yield Finding(
            (*path, "at_least"),
            f"Simpul ini hanya memiliki {len(node.branches)} cabang. Kurangi paling_sedikit, atau tambahkan cabang.",
            f"This node has only {len(node.branches)} branches. Lower at_least, or add branches.",
            f"<= {len(node.branches)}",
        )
    if node.or_once and (node.at_least or 1) > 1:
        yield Finding(
            (*path, "or_once"),
            "Satu kali saja tidak memenuhi paling_sedikit. Hapus salah satu isian itu.",
            "One pass is fewer than at_least. Remove one of the two.",
        )


def _foreign_field(path: Path, node: Node, field: str) -> Finding:
    return Finding(
        path,
        f'Simpul berjenis {node.kind} tidak memakai isian "{_sheet_word(Node, field)}". Hapus isian ini.',
        f'A node of kind {node.kind} has no "{field}". Remove it.',
    )


def _missing_field(path: Path, node: Node, field: str) -> Finding:
    return Finding(
        path,
        f'Simpul berjenis {node.kind} memerlukan isian "{_sheet_word(Node, field)}". Tambahkan isian ini.',
        f'A node of kind {node.kind} needs "{field}". Add it.',
        field,
    )


def _sheet_word(model: type[BaseModel], field: str) -> str:
    return str(model.model_fields[field].validation_alias or field)


# What stands in what


def _members(definition: ProcessDefinition) -> Iterator[Finding]:
    """Members exist, each stands in one place, no node stands in itself or too deep, no unit within a unit."""
    suggest = _Suggestions(_names_of_parts(definition))
    home: dict[str, str] = {}
    for path, node, member in _memberships(definition):
        if member not in suggest.known:
            yield _unknown_part(path, member, suggest)
        elif member in home:
            yield Finding(
                path,
                f'"{member}" sudah berada di "{home[member]}". Setiap bagian hanya berada di satu tempat.',
                f'"{member}" already stands in "{home[member]}". Each part stands in one place only.',
            )
        home.setdefault(member, node.id)
    yield from _nesting(definition, home)


def _names_of_parts(definition: ProcessDefinition) -> list[str]:
    return [*(activity.id for activity in definition.activities), *(node.id for node in definition.nodes)]


def _memberships(definition: ProcessDefinition) -> Iterator[tuple[Path, Node, str]]:
    for at, node in enumerate(definition.nodes):
        for place, member in enumerate(node.members):
            yield ("nodes", at, "members", place), node, member
        for which, branch in enumerate(node.branches):
            for place, member in enumerate(branch.members):
                yield ("nodes", at, "branches", which, "members", place), node, member


def _nesting(definition: ProcessDefinition, home: Mapping[str, str]) -> Iterator[Finding]:
    kinds = {node.id: node.kind for node in definition.nodes}
    for at, node in enumerate(definition.nodes):
        around = _around(node.id, home)
        if node.id in around:
            yield Finding(
                ("nodes", at, "id"),
                f'Simpul "{node.id}" berada di dalam dirinya sendiri. Keluarkan dari cabangnya.',
                f'The node "{node.id}" stands inside itself. Take it out of its branch.',
            )
        elif len(around) >= DEEPEST:
            yield Finding(
                ("nodes", at, "id"),
                f"Simpul ini bertingkat terlalu dalam; paling banyak {DEEPEST} tingkat. Kurangi tingkatnya.",
                f"This node is nested too deeply; at most {DEEPEST} levels are accepted.",
                f"<= {DEEPEST}",
            )
        elif node.kind is NodeKind.EACH_UNIT and NodeKind.EACH_UNIT in map(kinds.get, around):
            yield Finding(
                ("nodes", at, "kind"),
                "Simpul each_unit tidak dapat berada di dalam each_unit lain: pekerjaan unit-unit itu tercampur. "
                "Tempatkan setelahnya.",
                "An each_unit node cannot stand inside another: the work of their units would mix. Place it after it.",
            )


def _around(part: str, home: Mapping[str, str]) -> list[str]:
    """The nodes around a part, outward; where they go in a circle, each once."""
    around: list[str] = []
    while (outer := home.get(part)) is not None and outer not in around:
        around.append(outer)
        part = outer
    return around


def _beginning(definition: ProcessDefinition) -> Iterator[Finding]:
    """The first printed row is where work begins, alone or with what begins beside it."""
    if not _stands_well(definition):
        return
    places = Places(definition)
    part = definition.activities[0].id
    while (place := places.of[part]).inside is not None:
        if places.members[place][0] != part:
            first = places.members[place][0]
            yield Finding(
                ("activities", 0, "id"),
                f'Baris pertama berada di dalam "{place.inside}", tetapi cabangnya dimulai dengan "{first}". '
                "Tulis baris pertama paling awal di cabangnya.",
                f'The first row stands inside "{place.inside}", whose branch begins with "{first}". '
                "List the first row first in its branch.",
                part,
            )
            return
        part = place.inside


def _stands_well(definition: ProcessDefinition) -> bool:
    """Whether every part has one name, one place and the fields of its kind."""
    return not any(True for check in (_identifiers, _nodes, _members) for _ in check(definition))


# What it leads to


def _outcomes(definition: ProcessDefinition) -> Iterator[Finding]:
    """Outcomes differ within an activity or a waiting node, and are not the engine's own words."""
    for path, part in _routed(definition):
        outcomes = [route.outcome for route in part.routes]
        for place, _ in _repeated(outcomes):
            yield Finding(
                (*path, "routes", place, "outcome"),
                f'Hasil "{outcomes[place]}" sudah ada di sini. Setiap hasil hanya memiliki satu tujuan.',
                f'The outcome "{outcomes[place]}" is already there. Each outcome leads to one place.',
            )
        for place, outcome in enumerate(outcomes):
            if outcome in RESERVED_OUTCOMES:
                yield _reserved((*path, "routes", place, "outcome"), outcome)


def _routed(definition: ProcessDefinition) -> Iterator[tuple[Path, Activity | Node]]:
    """Everything that has routes of its own, and where it stands."""
    for at, activity in enumerate(definition.activities):
        yield ("activities", at), activity
    for at, node in enumerate(definition.nodes):
        if node.kind is NodeKind.WAIT:
            yield ("nodes", at), node


def _kinds(definition: ProcessDefinition) -> Iterator[Finding]:
    """An execution and an answer only lead on; a decision leads on at least once."""
    for path, part in _routed(definition):
        if part.routes and not any(route.kind is RouteKind.FORWARD for route in part.routes):
            yield _no_way_on((*path, "routes"), part)
        if part.kind is not ActivityKind.DECISION:
            yield from (
                _cannot_send_back((*path, "routes", place, "kind"), part)
                for place, route in enumerate(part.routes)
                if route.kind is RouteKind.RETURN
            )


def _cannot_send_back(path: Path, part: Activity | Node) -> Finding:
    if isinstance(part, Node):
        return Finding(
            path,
            "Jawaban pihak luar tidak dapat mengembalikan. Arahkan maju ke kegiatan yang memutuskannya, "
            "atau ubah jenis alur menjadi forward.",
            "The answer of a party cannot send work back. Lead on to an activity that decides, "
            "or make the route forward.",
            "forward",
        )
    return Finding(
        path,
        "Pelaksanaan tidak dapat mengembalikan. Jadikan kegiatan ini keputusan (decision), "
        "atau ubah jenis alur menjadi forward.",
        "An execution cannot send work back. Make the activity a decision, or the route forward.",
        "forward",
    )


def _no_way_on(path: Path, part: Activity | Node) -> Finding:
    outcome = _USUAL[part.kind]
    return Finding(
        path,
        f'Tidak ada alur maju di sini. Tambahkan hasil "{outcome}" berjenis forward.',
        f'There is no forward route here. Add the outcome "{outcome}" of kind forward.',
        outcome,
    )


_USUAL = {ActivityKind.EXECUTION: "completed", ActivityKind.DECISION: "approved", NodeKind.WAIT: "answered"}
"""What is usually chosen where all goes well."""


def _targets(definition: ProcessDefinition) -> Iterator[Finding]:
    """Every route leads to an activity or node that exists; a return leads to another one."""
    suggest = _Suggestions(_names_of_parts(definition))
    for path, part, route in _ways(definition):
        if route.to is not None and route.to not in suggest.known:
            yield _unknown_part(path, route.to, suggest)
        elif route.kind is RouteKind.RETURN and route.to in (None, part):
            yield Finding(
                path,
                "Pengembalian harus menuju kegiatan atau simpul lain, bukan akhir atau kegiatan itu sendiri.",
                "A return must lead to another activity or node, not to the end or to itself.",
            )


def _ways(definition: ProcessDefinition) -> Iterator[tuple[Path, str, Route]]:
    """Every way off an activity or node, with where its target is written; a block goes forward when it is done."""
    for path, part in _routed(definition):
        for place, route in enumerate(part.routes):
            yield (*path, "routes", place, "to"), part.id, route
    for at, node in enumerate(definition.nodes):
        if node.kind is not NodeKind.WAIT:
            yield ("nodes", at, "to"), node.id, Route(outcome="joined", kind=RouteKind.FORWARD, to=node.to)


def _unknown_part(path: Path, name: str, suggest: _Suggestions) -> Finding:
    meant = suggest(name)
    return Finding(
        path,
        f'Tidak ada kegiatan atau simpul dengan pengenal "{name}".{did_you_mean_id(meant)}',
        f'There is no activity or node "{name}".{did_you_mean_en(meant)}',
        meant or suggest.listed,
    )


def _jumps(definition: ProcessDefinition) -> Iterator[Finding]:
    """A route stays in its place or leads outward; only a return may lead into a branch, one level down."""
    if not _stands_well(definition):
        return
    places = Places(definition)
    for path, part, route in _ways(definition):
        if route.to is None or route.to not in places.parts:
            continue
        home = places.of[route.to]
        try:
            places.rest_of(places.of[part], route.to)
        except ImpossibleJump:
            yield _impossible_jump(path, route.to, home, places.of[part])
            continue
        if route.kind is RouteKind.FORWARD and home not in places.around(places.of[part]):
            yield Finding(
                path,
                f'"{route.to}" berada di dalam "{home.inside}"; hanya pengembalian yang dapat masuk ke satu cabang. '
                f'Arahkan ke "{home.inside}", yang membuka semua cabangnya.',
                f'"{route.to}" stands inside "{home.inside}"; only a return can enter one branch. '
                f'Lead to "{home.inside}", which opens all of its branches.',
                home.inside,
            )


def _impossible_jump(path: Path, target: str, home: Place, here: Place) -> Finding:
    if here != OUTERMOST and home.inside == here.inside:
        return Finding(
            path,
            f'"{target}" berada di cabang lain dari "{home.inside}"; alur tidak dapat pindah ke cabang di sebelahnya. '
            f'Arahkan ke kegiatan di cabang ini, atau kembalikan ke "{home.inside}" seluruhnya.',
            f'"{target}" stands in another branch of "{home.inside}"; no route leads to a sibling branch. '
            f'Lead to an activity of this branch, or return to "{home.inside}" as a whole.',
            home.inside,
        )
    return Finding(
        path,
        f'"{target}" berada di dalam "{home.inside}", terlalu jauh dari sini: alur dapat keluar dari simpul, atau '
        f'masuk satu tingkat, tidak keduanya dan tidak lebih. Arahkan ke "{home.inside}" atau simpul di luarnya.',
        f'"{target}" stands inside "{home.inside}", too far from here: a route can lead out of nodes, or one level '
        f'into one, not both and not more. Lead to "{home.inside}" or a node around it.',
        home.inside,
    )


# The whole of it


def _paths(definition: ProcessDefinition) -> Iterator[Finding]:
    """Every activity can be reached from the first, and can reach the end, as far as routes alone can tell."""
    graph = _Graph(definition)
    first = definition.activities[0].id
    reached = graph.onwards(graph.outermost(first))
    ending = graph.to_the_end()
    for at, activity in enumerate(definition.activities):
        if activity.id not in reached:
            yield unreached(("activities", at, "id"), activity, first)
        if activity.id not in ending:
            yield Finding(
                ("activities", at, "routes"),
                f'Dari kegiatan "{activity.id}" akhir SOP tidak pernah tercapai. '
                "Pastikan ada jalan sampai kegiatan yang alurnya kosong (null).",
                f'From "{activity.id}" the end is never reached. See that some way leads to a route with no target.',
            )


def unreached(path: Path, part: Activity | Node, first: str) -> Finding:
    """What to say about an activity or node that no way leads to."""
    named_id, named_en = ("Kegiatan", "activity") if isinstance(part, Activity) else ("Simpul", "node")
    return Finding(
        path,
        f'{named_id} "{part.id}" tidak pernah tercapai dari kegiatan pertama "{first}". '
        "Arahkan salah satu alur ke sini, atau hapus bagian ini.",
        f'The {named_en} "{part.id}" is never reached from the first activity, "{first}". '
        "Lead a route here, or remove it.",
    )


class _Graph:
    """Where routes lead, as a graph of ids; a block leads to its branches, and what ends in it to where it leads.

    A misspelt name is read as the part that was probably meant; one that resembles none may mean any.
    So a typing error is reported once, where it stands, and not again as everything behind it.
    """

    def __init__(self, definition: ProcessDefinition) -> None:
        suggest = _Suggestions(_names_of_parts(definition))
        meant = {name: name if name in suggest.known else suggest(name) for name in _all_named(definition)}
        self._home: dict[str, str] = {}
        for _, node, member in _memberships(definition):
            self._home.setdefault(meant[member] or member, node.id)
        self.targets: dict[str | None, set[str | None]] = {}
        for _, part, route in _ways(definition):
            named = {self._home.get(part)} if route.to is None else {meant[route.to] or _ANYWHERE}
            self.targets.setdefault(part, set()).update(named | ({None} if _ANYWHERE in named else set()))
        for node in definition.nodes:
            firsts = {meant[members[0]] or _ANYWHERE for _, members in branches_of(node) if members}
            self.targets.setdefault(node.id, set()).update(firsts)
            if not self.targets[node.id]:
                self.targets[node.id] = {None, _ANYWHERE}

    def outermost(self, part: str) -> str:
        """The part itself, or the outermost node it stands in."""
        return [part, *_around(part, self._home)][-1]

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


def _all_named(definition: ProcessDefinition) -> Iterator[str]:
    """Every name of a target or member, as often as it is written."""
    yield from (route.to for _, _, route in _ways(definition) if route.to is not None)
    yield from (member for _, _, member in _memberships(definition))


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
    suggest, below = _Suggestions(tuple(Activity.model_fields)), _Suggestions(tuple(SubStep.model_fields))
    for at, activity in enumerate(definition.activities):
        yield from _pointers_of(("activities", at), activity, suggest)
        for place, sub_step in enumerate(activity.sub_steps):
            yield from _pointers_of(("activities", at, "sub_steps", place), sub_step, below)
    suggest = _Suggestions(tuple(Node.model_fields))
    for at, node in enumerate(definition.nodes):
        yield from _pointers_of(("nodes", at), node, suggest)


def _pointers_of(path: Path, part: BaseModel, suggest: _Suggestions) -> Iterator[Finding]:
    for at, pointer in enumerate(getattr(part, "inferred", ())):
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
    """One step inside: a field by name, an item by place, a route by its outcome, a branch by its id."""
    if isinstance(part, BaseModel):
        return getattr(part, step) if step in type(part).model_fields else _NOTHING
    if isinstance(part, tuple) and step.isdigit():
        return part[int(step)] if int(step) < len(part) else _NOTHING
    if isinstance(part, tuple):
        return next((item for item in part if _named(item) == step), _NOTHING)
    return _NOTHING


def _named(item: object) -> str | None:
    """How an item of a list is pointed at: a route by its outcome, a branch by its id."""
    return item.outcome if isinstance(item, Route) else item.id if isinstance(item, Branch) else None


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
    _parties,
    _nodes,
    _members,
    _beginning,
    _outcomes,
    _kinds,
    _targets,
    _jumps,
    _time_limits,
    _pointers,
)
"""Every check of the shape; each takes a definition and yields what it finds."""
