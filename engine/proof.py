"""Proves that an SOP can finish whatever people choose, or names the shortest way on which it cannot. No I/O.

Breadth-first over the moves of the compiled machine, place by place, so that branches side by side are never
multiplied. A place is left well: what happens in a branch matters to the place around it only by whether it can end
and by the targets it can leave for. A block is one state for each way of entering it: all branches opened, or one
reopened at a member. What people, parties and data decide counts as a free choice. The search is bounded; an SOP that
needs more is refused.

Sound is an SOP in which
- every activity and node is reached by some course;
- from wherever work rests, its branch can end or be left, and the outermost one can end;
- no forward route takes unfinished work away from the branches beside it: only a return does, or n of m;
- a return enters a branch only where the block around it was last left by having finished, on every course.
That a token is alone in its place needs no search: a block opens one scope for each branch, and ids differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple, TypeVar

from engine.checks import Finding, unreached
from engine.compiler import ENDED, IDLE, JOINED, STARTED, CompiledProcess
from engine.definition import Activity, Node, NodeKind, ProcessDefinition, RouteKind
from engine.mistakes import Path
from engine.places import OUTERMOST, Place, branches_of, entering, leaving

MOST_MOVES = 10_000
"""Moves that are looked at before an SOP is refused as too intricate. Hundreds of steps need some hundreds."""

MOST_STEPS_TOLD = 15
"""Steps of a counter-example that are written out."""


def findings(definition: ProcessDefinition) -> tuple[Finding, ...]:
    """All that keeps an SOP from finishing or turns it round; empty when it is sound. Its checks must be clean."""
    process = CompiledProcess(definition, 0)
    return (*_returns_that_go_on(process), *prove(process).findings)


def _returns_that_go_on(process: CompiledProcess) -> Iterator[Finding]:
    """A return leads to where the work came from, so that the activity follows again; else it would skip approval."""
    for at, activity in enumerate(process.definition.activities):
        for place, route in enumerate(activity.routes):
            back = route.kind is RouteKind.RETURN and route.to is not None
            if back and activity.id not in process.to_be_done_again(str(route.to)):
                yield Finding(
                    ("activities", at, "routes", place, "to"),
                    f"Pengembalian dari kegiatan {activity.number} harus menuju kegiatan sebelumnya; "
                    f"dari {route.to} alur maju tidak sampai lagi ke kegiatan {activity.number}.",
                    f"A return from activity {activity.number} must lead to one before it; "
                    f"from {route.to} the way forward never comes to activity {activity.number} again.",
                )


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found, and what it took: states of all places, moves looked at, triggers fired."""

    findings: tuple[Finding, ...]
    counter_examples: tuple[tuple[Step, ...], ...]
    """For each finding the steps that show it; none where nothing leads to it."""
    states: int
    moves: int
    triggers: int


def prove(process: CompiledProcess) -> Proof:
    """Search everything that can happen in a process."""
    search = _Search(process)
    try:
        found = tuple(search.findings())
    except _TooIntricate:
        found = ((_too_intricate(), None),)
    return Proof(
        findings=tuple(finding for finding, _ in found),
        counter_examples=tuple(course.steps if course else () for _, course in found),
        states=search.states,
        moves=search.looked_at,
        triggers=len(search.fired),
    )


class Rest(NamedTuple):
    """Where the token of a place can be."""

    node: str
    since: str = ""
    """Of a block, the member at which one branch was reopened, empty when all began; of `>out:`, the forward way."""


class Step(NamedTuple):
    """What somebody did: the activity or waiting node, and the outcome."""

    part: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Course:
    """Steps after one another. Joined without copying, written out only where a finding needs them."""

    length: int = 0
    parts: tuple[Course | Step, ...] = ()

    def then(self, *more: Course) -> Course:
        return Course(self.length + sum(one.length for one in more), (self, *more))

    @property
    def steps(self) -> tuple[Step, ...]:
        steps: list[Step] = []
        waiting: list[Course | Step] = [self]
        while waiting:
            part = waiting.pop()
            if isinstance(part, Step):
                steps.append(part)
            else:
                waiting.extend(reversed(part.parts))
        return tuple(steps)


class Move(NamedTuple):
    """How a token leaves a rest: the trigger, where it comes to rest, and the shortest course that does it."""

    trigger: str
    to: Rest
    course: Course


Entry = tuple[Place, Rest]
"""A place and where its token begins."""

Found = tuple[Finding, Course | None]
Reach = dict[Rest, Course]


class _TooIntricate(Exception):
    """The bound was hit."""


S = TypeVar("S")
Onward = Callable[[S], Iterable[tuple[S, Course]]]


class _Search:
    """All that can happen in the places of one process, each looked at once."""

    def __init__(self, process: CompiledProcess) -> None:
        self.process = process
        self.places = process.places
        self.looked_at = 0
        self.fired: dict[tuple[str, str], str] = {}
        self.reached: dict[Entry, Reach] = {}
        self._moves: dict[tuple[Place, Rest], tuple[Move, ...]] = {}

    @property
    def states(self) -> int:
        return sum(map(len, self.reached.values()))

    @cached_property
    def begun(self) -> Entry:
        return OUTERMOST, Rest(self.fire(IDLE, STARTED))

    def findings(self) -> Iterator[Found]:
        self.reach(*self.begun)
        yield from _unreached(self)
        yield from _stuck(self)
        yield from _cut_off(self)
        for block in self.reopened():
            yield from _Watch(self, block).findings()

    def fire(self, node: str, trigger: str) -> str:
        """Where the compiled machine takes a token."""
        if (node, trigger) not in self.fired:
            self.fired[node, trigger] = self.process.fire(node, trigger)
        return self.fired[node, trigger]

    def reach(self, place: Place, start: Rest) -> Reach:
        """Every rest of a place that can be reached from where its token began, with the shortest course to it."""
        if (place, start) not in self.reached:

            def onward(rest: Rest) -> Iterator[tuple[Rest, Course]]:
                return ((move.to, move.course) for move in self.moves(place, rest))

            self.reached[place, start] = self.shortest(start, onward)
        return self.reached[place, start]

    def shortest(self, start: S, onward: Onward[S]) -> dict[S, Course]:
        """The shortest course to everything that can be reached."""
        ways: dict[S, Course] = {}
        order = count()
        waiting = [(0, next(order), start, Course(), Course())]
        while waiting:
            length, _, here, before, last = heappop(waiting)
            if here in ways:
                continue
            ways[here] = course = Course(length, (before, last))
            for there, more in onward(here):
                self.look()
                if there not in ways:
                    heappush(waiting, (length + more.length, next(order), there, course, more))
        return ways

    def look(self) -> None:
        self.looked_at += 1
        if self.looked_at > MOST_MOVES:
            raise _TooIntricate

    def moves(self, place: Place, rest: Rest) -> tuple[Move, ...]:
        """How the token of a place can leave a rest."""
        if (place, rest) not in self._moves:
            block = self.places.composites.get(rest.node)
            self._moves[place, rest] = tuple(self._off_block(block, rest) if block else self._off_part(rest.node))
        return self._moves[place, rest]

    def _off_part(self, name: str) -> Iterator[Move]:
        part = self.places.parts.get(name)
        for route in part.routes if part else ():
            forward = way_of(name, route.outcome) if route.kind is RouteKind.FORWARD else ""
            rest = self._rest(self.fire(name, route.outcome), forward)
            yield Move(route.outcome, rest, Course(1, (Step(name, route.outcome),)))

    def _off_block(self, block: Node, rest: Rest) -> Iterator[Move]:
        opened = self.opened(block, rest)
        if (joined := self._joining(block, rest, opened)) is not None:
            yield Move(JOINED, self._rest(self.fire(block.id, JOINED), way_of(block.id, JOINED)), joined)
        leavers: Reach = {}
        for entry in opened:
            for inner, course in self.reach(*entry).items():
                if inner.node.startswith(">out:") and (inner not in leavers or course.length < leavers[inner].length):
                    leavers[inner] = course
        for inner, course in leavers.items():
            self.look()
            trigger = leaving(inner.node.removeprefix(">out:"))
            yield Move(trigger, self._rest(self.fire(block.id, trigger), inner.since), course)

    def _joining(self, block: Node, rest: Rest, opened: list[Entry]) -> Course | None:
        """The shortest course on which enough branches end, null if they cannot. One unit stands for all."""
        ends = self.ends(opened)
        needed = self.needed(block, rest)
        return Course().then(*ends[:needed]) if len(ends) >= needed else None

    def ends(self, opened: Iterable[Entry]) -> list[Course]:
        """How each of these branches that can end does so, the quickest first."""
        ways = (self.reach(*entry).get(Rest(ENDED)) for entry in opened)
        return sorted(filter(None, ways), key=lambda course: course.length)

    def needed(self, block: Node, rest: Rest) -> int:
        """How many of the branches it opened a block waits for."""
        if rest.since or block.kind is NodeKind.EACH_UNIT:
            return 1
        return block.at_least or len(block.branches)

    def opened(self, block: Node, rest: Rest) -> list[Entry]:
        """Where tokens begin when a block is entered: in every branch, or in one that is reopened."""
        if rest.since:
            return [(self.places.of[rest.since], Rest(rest.since))]
        homes = ((Place(block.id, branch), members[0]) for branch, members in branches_of(block))
        return [(home, Rest(self.fire(IDLE, entering(home, first)))) for home, first in homes]

    def _rest(self, state: str, forward: str) -> Rest:
        """The rest a state of the machine stands for; a token that reopens a branch goes on to the block at once."""
        if (reopened := self.process.reopens(state)) is not None:
            return Rest(self.fire(state, entering(*reopened)), reopened[1])
        return Rest(state, forward if state.startswith(">out:") else "")

    def blocks_in(self, entry: Entry) -> Iterator[tuple[Node, Rest, Course]]:
        """The blocks reached in a place."""
        for rest, course in self.reached[entry].items():
            if (block := self.places.composites.get(rest.node)) is not None:
                yield block, rest, course

    def reopened(self) -> list[str]:
        """The blocks that some return enters."""
        rests = (rest for reach in self.reached.values() for rest in reach)
        return list(dict.fromkeys(rest.node for rest in rests if rest.since and rest.node in self.places.composites))

    def outward_in(self) -> list[Entry]:
        """Every way of entering a place, outer places before those within."""
        return sorted(self.reached, key=lambda entry: sum(1 for _ in self.places.around(entry[0])))

    @cached_property
    def arrivals(self) -> dict[Entry, Course]:
        """The shortest course on which each place is entered in each way."""
        arrivals = {self.begun: Course()}
        for entry in self.outward_in():
            for block, rest, course in self.blocks_in(entry):
                for inner in self.opened(block, rest):
                    _keep_shorter(arrivals, inner, arrivals[entry].then(course))
        return arrivals


def way_of(part: str, outcome: str) -> str:
    return f"{part}:{outcome}"


def _keep_shorter(known: dict[S, Course], key: S, course: Course) -> None:
    if key not in known or course.length < known[key].length:
        known[key] = course


# Every activity and node is reached


def _unreached(search: _Search) -> Iterator[Found]:
    """What no course comes to; of what stands in a block that is never reached, only the block."""
    definition = search.process.definition
    reached = {rest.node for reach in search.reached.values() for rest in reach}
    words = _Words(definition)
    for name, part in search.places.parts.items():
        around = search.places.of[name].inside
        if name not in reached and (around is None or around in reached):
            yield unreached((*words.path(name), "id"), part, definition.activities[0].id), None


# From wherever work rests it can go on to an end


def _stuck(search: _Search) -> Iterator[Found]:
    """The circles in which work goes round for ever; not again all that leads into them."""
    trapped: set[Entry] = set()
    for place in dict.fromkeys(place for place, _ in reversed(search.outward_in())):
        entries = [entry for entry in search.reached if entry[0] == place]
        stuck = _without_exit(search, place, entries, trapped)
        trapped.update(entry for entry in entries if stuck & search.reached[entry].keys())
        yield from _traps(search, place, entries, stuck)


def _without_exit(search: _Search, place: Place, entries: list[Entry], trapped: set[Entry]) -> set[Rest]:
    rests = {rest for entry in entries for rest in search.reached[entry]}
    sources = _turned({rest: [move.to for move in search.moves(place, rest)] for rest in rests})
    leaves = {rest for rest in rests if rest.node.startswith(">")}
    excused = {rest for rest in rests if _is_trapped_within(search, rest, trapped)}
    return rests - _spread(search, leaves | excused, sources)


def _is_trapped_within(search: _Search, rest: Rest, trapped: set[Entry]) -> bool:
    """Whether a block holds a trap that is told already."""
    block = search.places.composites.get(rest.node)
    return block is not None and any(entry in trapped for entry in search.opened(block, rest))


def _traps(search: _Search, place: Place, entries: list[Entry], stuck: set[Rest]) -> Iterator[Found]:
    courses: Reach = {}
    for entry in entries:
        for rest in stuck & search.reached[entry].keys():
            _keep_shorter(courses, rest, search.arrivals[entry].then(search.reached[entry][rest]))
    onward = {rest: [move.to for move in search.moves(place, rest)] for rest in stuck}
    farthest_first = sorted(stuck, key=lambda rest: (-courses[rest].length, rest))
    for circle in _last_circles(search, onward, farthest_first):
        rest = min(circle, key=lambda rest: (courses[rest].length, rest))
        yield _trap(search, place, rest, circle, courses[rest]), courses[rest]


def _last_circles(
    search: _Search, onward: Mapping[Rest, Iterable[Rest]], farthest_first: Iterable[Rest]
) -> Iterator[set[Rest]]:
    """The circles that nothing leads out of: whatever is reached from a rest in one leads back to it."""
    sources = _turned(onward)
    passed: set[Rest] = set()
    for rest in farthest_first:
        if rest not in passed:
            reached, leading = _spread(search, [rest], onward), _spread(search, [rest], sources)
            passed |= leading
            if reached <= leading:
                yield reached


def _turned(onward: Mapping[Rest, Iterable[Rest]]) -> dict[Rest, list[Rest]]:
    sources: dict[Rest, list[Rest]] = {}
    for here, targets in onward.items():
        for there in targets:
            sources.setdefault(there, []).append(here)
    return sources


def _spread(search: _Search, starts: Iterable[Rest], onward: Mapping[Rest, Iterable[Rest]]) -> set[Rest]:
    reached = set(starts)
    waiting = list(reached)
    while waiting:
        search.look()
        for there in onward.get(waiting.pop(), ()):
            if there not in reached:
                reached.add(there)
                waiting.append(there)
    return reached


def _trap(search: _Search, place: Place, rest: Rest, circle: set[Rest], course: Course) -> Finding:
    words = _Words(search.process.definition)
    after_id, after_en = words.after(course)
    round_and_round = words.listed(one.node for one in circle)
    end_id, end_en = "akhir SOP", "the end"
    if place.inside is not None:
        end_id, end_en = f'akhir cabangnya di "{place.inside}"', f'the end of its branch in "{place.inside}"'
    return Finding(
        words.place_of(rest.node),
        f"{after_id} tidak ada lagi jalan ke {end_id}: pekerjaan hanya berputar di {round_and_round}. "
        "Arahkan salah satu alur di situ menuju akhir (null) atau kegiatan yang mencapainya.",
        f"{after_en} there is no way left to {end_en}: work only goes round in {round_and_round}. "
        "Lead one of the routes there to the end (null) or to an activity that reaches it.",
    )


# No forward route cuts off the branches beside it


def _cut_off(search: _Search) -> Iterator[Found]:
    """Forward routes that leave a block while other branches or units of it still work."""
    courses: dict[tuple[str, str], Course] = {}
    for entry in search.reached:
        for block, rest, course in search.blocks_in(entry):
            if rest.since and block.kind is NodeKind.PARALLEL:
                continue
            for inner in search.opened(block, rest):
                for out, within in search.reach(*inner).items():
                    if out.node.startswith(">out:") and out.since:
                        _keep_shorter(courses, (out.since, block.id), search.arrivals[entry].then(course, within))
    told: set[str] = set()
    for (way, block_id), course in sorted(courses.items(), key=lambda one: one[1].length):
        if way not in told:
            told.add(way)
            yield _work_left_running(search, way, block_id, course), course


def _work_left_running(search: _Search, way: str, block: str, course: Course) -> Finding:
    words = _Words(search.process.definition)
    after_id, after_en = words.after(course)
    return Finding(
        words.place_of(*way.split(":", 1)),
        f'{after_id} alur maju ini keluar dari "{block}" selagi cabang lainnya masih dikerjakan, sehingga pekerjaan '
        "itu terputus. Akhiri cabang ini dengan null; hanya pengembalian (return) yang boleh menghentikan cabang lain.",
        f'{after_en} this forward route leaves "{block}" while the branches beside it are still at work, '
        "and cuts them off. End the branch with null; only a return may stop the others.",
        "null",
    )


# A return enters a branch only of a block that had finished


class _Watch:
    """Follows one block through the places around it, and whether it was last left by having finished.

    When a branch is reopened from outside, what had finished in it has still finished; when all branches begin anew,
    nothing has. A branch that n of m left behind stands wherever it was.
    """

    def __init__(self, search: _Search, block: str) -> None:
        self.search = search
        self.block = block
        self.home = search.places.of[block]
        around = tuple(search.places.around(self.home))
        self.inward: dict[Place, Place] = dict(zip(around[1:], around, strict=False))
        self.walked: dict[tuple[Entry, bool], dict[tuple[Rest, bool], Course]] = {}

    def findings(self) -> Iterator[Found]:
        courses: dict[tuple[str, str], Course] = {}
        for (entry, finished), arrival in self._arrivals().items():
            for (rest, has_finished), course in self._walk(entry, finished).items():
                if entry[0] == self.home and not has_finished:
                    for move in self.search.moves(self.home, rest):
                        if move.to.node == self.block and move.to.since:
                            _keep_shorter(courses, (rest.node, move.trigger), arrival.then(course, move.course))
        for step, course in courses.items():
            yield self._never_finished(*step, course), course

    def _arrivals(self) -> dict[tuple[Entry, bool], Course]:
        """The shortest course on which each place around the block is entered in each way."""
        begun = (self.search.begun, False)
        arrivals = {begun: Course()}
        waiting = [begun]
        while waiting:
            here = waiting.pop(0)
            for (rest, finished), course in self._walk(*here).items():
                for inner in self._entered(here[0][0], rest):
                    there = (inner, finished and bool(rest.since))
                    if there not in arrivals:
                        waiting.append(there)
                    _keep_shorter(arrivals, there, arrivals[here].then(course))
        return arrivals

    def _entered(self, place: Place, rest: Rest) -> list[Entry]:
        """Where the place further in begins when a token rests on the block around it."""
        inner = self.inward.get(place)
        if inner is None or rest.node != inner.inside:
            return []
        entries = self.search.opened(self.search.places.composites[rest.node], rest)
        return [entry for entry in entries if entry[0] == inner]

    def _walk(self, entry: Entry, finished: bool) -> dict[tuple[Rest, bool], Course]:
        if (entry, finished) not in self.walked:
            place, start = entry
            walked = self.search.shortest((start, finished), lambda here: self._onward(place, *here))
            self.walked[entry, finished] = walked
        return self.walked[entry, finished]

    def _onward(self, place: Place, rest: Rest, finished: bool) -> Iterator[tuple[tuple[Rest, bool], Course]]:
        inner = self.inward.get(place)
        for move in self.search.moves(place, rest):
            if place == self.home and rest.node == self.block:
                yield (move.to, move.trigger == JOINED), move.course
            elif inner is None or rest.node != inner.inside:
                yield (move.to, finished), move.course
            elif move.trigger == JOINED:
                for has_finished, course in self._joined(place, rest, finished, move):
                    yield (move.to, has_finished), course
            else:
                yield (move.to, False), move.course

    def _joined(self, place: Place, rest: Rest, finished: bool, move: Move) -> Iterator[tuple[bool, Course]]:
        """Whether the watched block may have finished when one around it is done, and on which course."""
        search, block = self.search, self.search.places.composites[rest.node]
        opened, entered = search.opened(block, rest), self._entered(place, rest)
        in_units = block.kind is NodeKind.EACH_UNIT
        if not entered or (rest.since and in_units):
            yield finished, move.course  # another branch or unit was reopened
        beside = search.ends(opened if in_units else [entry for entry in opened if entry not in entered])
        needed = search.needed(block, rest)
        left_behind = not rest.since and block.at_least is not None and len(beside) >= needed
        for entry in entered:
            for (inner, has_finished), course in self._walk(entry, finished and bool(rest.since)).items():
                if inner.node == ENDED:
                    yield has_finished, course.then(*beside[: needed - 1])
                elif left_behind and not inner.node.startswith(">"):
                    yield has_finished, course.then(*beside[:needed])

    def _never_finished(self, part: str, outcome: str, course: Course) -> Finding:
        words = _Words(self.search.process.definition)
        after_id, after_en = words.after(course)
        return Finding(
            words.place_of(part, outcome),
            f'{after_id} pengembalian ini masuk ke satu cabang "{self.block}" yang pada jalan itu belum pernah selesai '
            f'atau telah ditinggalkan. Kembalikan ke "{self.block}" seluruhnya, atau ke kegiatan sebelumnya.',
            f'{after_en} this return enters one branch of "{self.block}", which on that way never finished or was left '
            f'before. Return to "{self.block}" as a whole, or to an activity before it.',
            self.block,
        )


# In words


class _Words:
    """How activities and courses are named to people, and where they stand in the definition."""

    def __init__(self, definition: ProcessDefinition) -> None:
        self._paths: dict[str, Path] = {one.id: ("activities", at) for at, one in enumerate(definition.activities)}
        self._paths |= {one.id: ("nodes", at) for at, one in enumerate(definition.nodes)}
        self._parts: dict[str, Activity | Node] = {one.id: one for one in definition.activities}
        self._parts |= {one.id: one for one in definition.nodes}

    def path(self, name: str) -> Path:
        return self._paths[name]

    def place_of(self, name: str, outcome: str | None = None) -> Path:
        """The routes of an activity or node, or the target of one of them."""
        part, path = self._parts[name], self._paths[name]
        if not part.routes:
            return (*path, "to")
        outcomes = [route.outcome for route in part.routes]
        return (*path, "routes") if outcome is None else (*path, "routes", outcomes.index(outcome), "to")

    def after(self, course: Course) -> tuple[str, str]:
        """The course as both languages begin a sentence with it."""
        steps = [self._step(step) for step in course.steps]
        if not steps:
            return "Sejak awal", "From the beginning"
        if len(steps) > MOST_STEPS_TOLD:
            steps = [*steps[:6], "…", *steps[6 - MOST_STEPS_TOLD :]]
        told = " → ".join(steps)
        return f"Setelah {told},", f"After {told},"

    def _step(self, step: Step) -> str:
        chosen = f" ({step.outcome})" if len(self._parts[step.part].routes) > 1 else ""
        return f"{self.named(step.part)}{chosen}"

    def named(self, name: str) -> str:
        """An activity by its printed number, a node by its id."""
        part = self._parts[name]
        return str(part.number) if isinstance(part, Activity) else f'"{name}"'

    def listed(self, names: Iterable[str]) -> str:
        """Some activities and nodes, in the order of the sheet."""
        wanted = set(names)
        known = [self.named(name) for name in self._parts if name in wanted]
        return ", ".join(known[:10]) + (", …" if len(known) > 10 else "")


def _too_intricate() -> Finding:
    return Finding(
        ("nodes",),
        "SOP ini terlalu rumit untuk dibuktikan selesai. Kurangi pengembalian yang masuk ke dalam cabang, "
        "atau bagi menjadi beberapa SOP.",
        "This SOP is too intricate to be proved. Let fewer returns enter branches, or split it into several SOPs.",
        f"<= {MOST_MOVES}",
    )
