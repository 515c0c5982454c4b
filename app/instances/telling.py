"""What outsiders are told of what happened in an instance: one message for each event of a decision.

A message suffices alone and names offices, never people: names, notes and reasons stay with the trail. Whatever an SOP
prints, it stays small: long names are cut, and of long lists is said how much was left out.
`app/webhooks/event_types.py` publishes the shape of each.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, overload
from uuid import UUID

from app.instances import sentences
from app.instances.sentences import Pair, same
from app.instances.surroundings import Surroundings
from app.webhooks.telling import encoded, told_at
from engine.calendar_words import ENGLISH, INDONESIAN
from engine.decide import Decision
from engine.events import (
    DeadlineAtRisk,
    DeadlineChanged,
    DeadlinePassed,
    Event,
    InstanceStarted,
    MaterialReceived,
    PartyAnswered,
    PartyAsked,
    StepCompleted,
    StepDueChanged,
    StepEnded,
    StepEscalated,
    StepEvent,
    StepNoticed,
    StepOpened,
    StepReturned,
    StepUndone,
)
from engine.state import InstanceState, TaskState

LARGEST = 14_000
"""Bytes of `data`, so that a whole body with its frame stays under 20 kB."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be said: so many steps of a list, roles of a step and characters of a name."""

    steps: int
    roles: int
    name: int


ROOMS = (Room(20, 50, 500), Room(10, 10, 150), Room(2, 6, 50))
"""The last always suffices, even if every character takes six bytes."""


def messages_of(around: Surroundings, before: InstanceState | None, decision: Decision, *, length: int) -> str:
    """The rows of `messages` for the events of a decision, as one JSON text; their trail had `length` events before.

    `before` is the state that was decided upon, null for a start. The status that is told is the one afterwards.
    """
    waited = frozenset(task.id for task in before.tasks) if before else frozenset()
    telling = _Telling(around, waited, decision, ROOMS[0])
    return json.dumps([telling.row(event, seq) for seq, event in enumerate(decision.events, start=length + 1)])


class _Telling:
    """One decision as it is told, with so much room."""

    def __init__(self, around: Surroundings, waited: frozenset[UUID], decision: Decision, room: Room) -> None:
        self.around, self.waited, self.decision, self.room = around, waited, decision, room
        self.timezone = around.timezone
        self.tasks = {task.id: task for task in (*decision.state.tasks, *decision.tasks)}
        self.link = f"/v1/instances/{around.id}"
        self.instance = self._instance()
        self.title = _cut(around.title, min(room.name, sentences.LONGEST_NAME))
        self._steps: dict[UUID, dict[str, Any]] = {}

    def row(self, event: Event, seq: int) -> dict[str, Any]:
        """The message of an event."""
        return {
            "id": str(event.id),
            "seq": seq,
            "type": event.type,
            "roles": self._roles(event),
            "at": event.at.isoformat(),
            "data": self._fitting(event),
        }

    def _fitting(self, event: Event) -> str:
        data = encoded(self._data(event))
        for room in ROOMS[1:]:
            if len(data) * 4 <= LARGEST or len(data.encode()) <= LARGEST:
                break
            data = encoded(_Telling(self.around, self.waited, self.decision, room)._data(event))
        return data

    def _data(self, event: Event) -> dict[str, Any]:
        data = {"instance": self.instance, "by": self._by(event), "link": self.link}
        words: dict[str, Pair] = {}
        if isinstance(event, StepEvent):
            self._tell_step(event, data, words)
        if isinstance(event, _OPENING):
            self._tell_following(event, data, words)
        if tell := _FACTS.get(type(event)):
            tell(self, event, data, words)
        removed = isinstance(event, DeadlineChanged) and event.deadline is None
        data["sentence"] = sentences.sentence("instance.deadline_removed" if removed else event.type, self.title, words)
        return data

    def _roles(self, event: Event) -> list[str]:
        """The candidate roles of the task and of those it opened; of an instance, of all that wait or just ended."""
        if isinstance(event, StepEvent):
            concerned = [event.activity]
            if isinstance(event, _OPENING):
                concerned += [task.activity for task in self._opened(event)]
        else:
            concerned = [task.activity for task in self.decision.state.tasks or self.decision.tasks]
        if len(concerned) == 1:
            return list(self.around.process.activity(concerned[0]).candidate_roles)
        activity = self.around.process.activity
        return list(dict.fromkeys(role for one in concerned for role in activity(one).candidate_roles))

    def _instance(self) -> dict[str, Any]:
        around, process, name = self.around, self.around.process, self.room.name
        reference = {
            "system": _cut(around.reference_system, name),
            "id": _cut(around.reference_id, name),
            "letter_number": _cut(around.letter_number, name),
        } if around.reference_system else None  # fmt: skip
        return {
            "id": str(around.id),
            "definition": process.definition.key,
            "version": process.version,
            "title": _cut(around.title, name),
            "agency": around.agency,
            "period": around.period,
            "reference": reference,
            "status": self.decision.state.status,
        }

    def _by(self, event: Event) -> dict[str, Any] | None:
        if event.actor is None:
            return None
        return {
            "official": str(event.actor),
            "position": _cut(event.position, self.room.name),
            "capacity": event.capacity,
            "acting_for": str(event.acting_for) if event.acting_for else None,
        }

    # Steps

    def _tell_step(self, event: StepEvent, data: dict[str, Any], words: dict[str, Pair]) -> None:
        task = self.tasks[event.task_id]
        step = self._step(task)
        ended = event.outcome if isinstance(event, StepEnded) else None
        data["step"] = {**step, "round": event.round, "outcome": ended}
        words["step"] = sentences.step(step["number"], self._printed(task), event.unit)
        words["whom"] = same(self._whom(step))
        words["by"] = same(sentences.one_line(event.position or "")) if event.position else words["whom"]
        words["round"] = sentences.again_in(event.round)
        if isinstance(event, (StepNoticed, StepDueChanged)):
            words["due"] = sentences.moment(event.due_at, self.timezone)
        else:
            words["due"] = sentences.due(task.due_at, self.timezone)

    def _step(self, task: TaskState) -> dict[str, Any]:
        """A step without its round and outcome."""
        known = self._steps.get(task.id)
        if known is None:
            activity = self.around.process.activity(task.activity)
            position, _ = self.around.position_and_holder(task)
            known = self._steps[task.id] = {
                "task_id": str(task.id),
                "activity": activity.id,
                "number": activity.number,
                "name": _cut(activity.name, self.room.name),
                "unit": _cut(task.unit, self.room.name),
                "candidate_roles": list(activity.candidate_roles[: self.room.roles]),
                "position": _cut(position, self.room.name),
                "due_at": told_at(task.due_at),
            }
            if len(activity.candidate_roles) > self.room.roles:
                known["candidate_roles_left_out"] = len(activity.candidate_roles) - self.room.roles
        return known

    def _printed(self, task: TaskState) -> str:
        """The printed name as it is said: cleaned where the sheet has a slip, and no longer than there is room."""
        activity = self.around.process.activity(task.activity)
        return _cut(activity.readings.get("name", activity.name), self.room.name)

    def _whom(self, step: dict[str, Any]) -> str:
        """The position a step waits on, or the roles that may take it where no position plays them."""
        if step["position"]:
            return sentences.one_line(step["position"])
        roles = (self.around.process.role(role).name for role in step["candidate_roles"][:_MOST_ROLES])
        return sentences.one_line(" / ".join(_cut(role, self.room.name) for role in roles))

    # What follows

    def _opened(self, event: Event) -> list[TaskState]:
        """What an event opened; for one that took something back, what waits again."""
        if isinstance(event, StepUndone):
            return [task for task in self.decision.tasks if task.status.is_live and task.id not in self.waited]
        return [
            self.tasks[one.task_id]
            for one in self.decision.events
            if isinstance(one, StepOpened) and one.cause == event.id
        ]

    def _asked(self, event: Event) -> list[PartyAsked]:
        """The parties that an event lets wait for."""
        return [one for one in self.decision.events if isinstance(one, PartyAsked) and one.cause == event.id]

    def _tell_following(self, event: Event, data: dict[str, Any], words: dict[str, Pair]) -> None:
        opened, asked = self._opened(event), self._asked(event)
        shown = opened[: self.room.steps]
        data["opened"] = [self._step(task) for task in shown]
        if len(opened) > len(shown):
            data["opened_left_out"] = len(opened) - len(shown)
        data["asked"] = [self.party(one.party) for one in asked[: self.room.steps]]
        if len(asked) > self.room.steps:
            data["asked_left_out"] = len(asked) - self.room.steps
        words["next"] = sentences.following(
            [self._said_next(task) for task in shown[: sentences.MOST_NEXT]],
            len(opened) - len(shown[: sentences.MOST_NEXT]),
            [sentences.one_line(one["name"]) for one in data["asked"][: sentences.MOST_NEXT]],
            is_over=self.decision.state.status.is_over,
        )

    def _said_next(self, task: TaskState) -> Pair:
        step = self._step(task)
        named = sentences.step(step["number"], self._printed(task), step["unit"])
        return sentences.waits_with(named, self._whom(step), task.round, sentences.due(task.due_at, self.timezone))

    def party(self, party: str) -> dict[str, Any]:
        names = {one.id: one.name for one in self.around.process.definition.parties}
        return {"id": party, "name": _cut(names.get(party, party), self.room.name)}

    def day(self, at: datetime) -> Pair:
        """The day of a deadline, as people read it."""
        day = self.around.schedule.calendar.line.date(at)
        return INDONESIAN.date(day), ENGLISH.date(day)


_OPENING = (InstanceStarted, StepCompleted, StepReturned, StepUndone, PartyAnswered)
"""What may let further steps wait."""

_MOST_ROLES = 3
"""Roles that are said where no position plays them."""


# What else there is to tell of a type


def _started(telling: _Telling, event: InstanceStarted, data: dict[str, Any], words: dict[str, Pair]) -> None:
    data["deadline"] = told_at(event.deadline)


def _ended(telling: _Telling, event: StepEnded, data: dict[str, Any], words: dict[str, Pair]) -> None:
    data["performed_at"] = told_at(event.performed_at)
    words["outcome"] = sentences.outcome(event.outcome)


def _due_changed(telling: _Telling, event: StepDueChanged, data: dict[str, Any], words: dict[str, Pair]) -> None:
    data["was"], data["because"] = told_at(event.was), event.because
    words["was"] = sentences.before(sentences.moment(event.was, telling.timezone) if event.was else None)
    words["because"] = sentences.BECAUSE[event.because]


def _escalated(telling: _Telling, event: StepEscalated, data: dict[str, Any], words: dict[str, Pair]) -> None:
    data["level"], data["superior"] = event.level, _cut(event.superior, telling.room.name)
    words["superior"] = same(sentences.one_line(data["superior"]))


def _received(telling: _Telling, event: MaterialReceived, data: dict[str, Any], words: dict[str, Pair]) -> None:
    data["source"] = telling.party(event.source)
    words["source"] = same(sentences.one_line(data["source"]["name"]))


def _deadline_changed(telling: _Telling, event: DeadlineChanged, data: dict[str, Any], words: dict[str, Pair]) -> None:
    data["deadline"], data["was"] = told_at(event.deadline), told_at(event.was)
    if event.deadline is not None:
        words["deadline"] = telling.day(event.deadline)
    words["was"] = sentences.before(telling.day(event.was) if event.was else None)


def _at_risk(telling: _Telling, event: DeadlineAtRisk, data: dict[str, Any], words: dict[str, Pair]) -> None:
    data["deadline"], data["expected_end"] = told_at(event.deadline), told_at(event.expected_end)
    words["deadline"] = telling.day(event.deadline)
    words["expected_end"] = sentences.moment(event.expected_end, telling.timezone)


def _passed(telling: _Telling, event: DeadlinePassed, data: dict[str, Any], words: dict[str, Pair]) -> None:
    data["deadline"] = told_at(event.deadline)
    words["deadline"] = telling.day(event.deadline)


def _of_party(
    telling: _Telling, event: PartyAsked | PartyAnswered, data: dict[str, Any], words: dict[str, Pair]
) -> None:
    data["node"], data["party"] = event.node, telling.party(event.party)
    words["party"] = same(sentences.one_line(data["party"]["name"]))
    if isinstance(event, PartyAnswered):
        data["outcome"] = event.outcome


_FACTS: dict[type[Event], Callable[[_Telling, Any, dict[str, Any], dict[str, Pair]], None]] = {
    InstanceStarted: _started,
    StepCompleted: _ended,
    StepReturned: _ended,
    StepDueChanged: _due_changed,
    StepEscalated: _escalated,
    MaterialReceived: _received,
    DeadlineChanged: _deadline_changed,
    DeadlineAtRisk: _at_risk,
    DeadlinePassed: _passed,
    PartyAsked: _of_party,
    PartyAnswered: _of_party,
}


@overload
def _cut(text: str, most: int) -> str: ...
@overload
def _cut(text: str | None, most: int) -> str | None: ...
def _cut(text: str | None, most: int) -> str | None:
    return text if text is None or len(text) <= most else f"{text[: most - 1]}…"
