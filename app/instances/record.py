"""How a decision is written down: its events as sealed rows of the trail, its tasks as rows of the projection."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from engine.compiler import CompiledProcess
from engine.decide import Decision
from engine.events import DeadlinePassed, Event
from engine.state import InstanceState, TaskState
from engine.trail import SALT_BYTES, Chapter, Sealed, seal


@dataclass(frozen=True, slots=True)
class Recorded:
    """Sealed events as one JSON text, and where the trail stands after them."""

    rows: str
    length: int
    head: str


def recorded(events: Iterable[Event], chapter: Chapter, client: UUID | None, *, length: int, head: str) -> Recorded:
    """Seal events onto a trail of `length` records that ends in `head`, each with a salt of its own."""
    salted = [(event, secrets.token_bytes(SALT_BYTES)) for event in events]
    sealed = seal(salted, chapter, client, length=length, head=head)
    return Recorded(json.dumps([_event_row(one) for one in sealed]), length + len(sealed), sealed[-1].hash)


def projected(decision: Decision, process: CompiledProcess) -> str:
    """The tasks a decision touched, as one JSON text; those that closed come before those that opened."""
    return json.dumps([task_row(task, decision.state, process) for task in decision.tasks])


def task_row(task: TaskState, state: InstanceState, process: CompiledProcess) -> dict[str, Any]:
    """A task as the projection holds it, the state of its instance being that."""
    row = task.model_dump(mode="json", exclude={"returned", "assignee"})  # the event that sent it back tells the rest
    return row | {
        "assignee_id": str(task.assignee) if task.assignee else None,
        "candidate_roles": list(process.activity(task.activity).candidate_roles),
        "returned_event_id": str(task.returned.event) if task.returned else None,
        "paused_event_id": str(task.paused.event) if task.paused else None,
        "due_at": _json(task.due_at),
        "stopped_at": _json(state.stopped_since(task)),
    }


def clocks(state: InstanceState) -> dict[str, Any]:
    """What an instance's row holds of its clocks."""
    told = DeadlinePassed.type in state.deadline_told
    return {
        "suspended_at": state.suspended_at,
        "suspensions": json.dumps([one.model_dump(mode="json") for one in state.suspensions]),
        "deadline": state.deadline,
        "deadlines": json.dumps([one.model_dump(mode="json") for one in state.deadlines]),
        "deadline_notice_at": None if told else state.deadline,
        "calendar_hash": state.calendar,
    }


def _json(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _event_row(sealed: Sealed) -> dict[str, Any]:
    event = sealed.event
    return {
        "id": str(event.id),
        "seq": sealed.seq,
        "type": event.type,
        "at": event.at.isoformat(),
        "canonical": sealed.canonical,
        "prev_hash": sealed.prev_hash,
        "hash": sealed.hash,
        "words": sealed.personal,
        "salt": sealed.salt.hex() if sealed.salt else None,
    }
