"""Reads tasks: one, the inbox of an official, what is late or soon due, or whatever the filters name, now or then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from app.errors import NotFound, RequestInvalid
from app.identity.callers import Caller
from app.instances.drawing import Drawing, task_of
from app.instances.journal import Journal
from app.instances.past import state_then, task_then
from app.instances.picking import FEW, pattern
from app.instances.surroundings import Surroundings
from app.moments import Asked, Named, asked_of
from app.paging import LARGEST_PAGE, Listing, Page, chosen, paged, split
from app.tasks.picking import Shape, page_of
from app.tasks.schemas import TaskView
from engine.errors import Mistake
from engine.state import InstanceState, TaskState, TaskStatus


class Tasks(Listing):
    """What to list of the tasks. Every text but `for` and `q` takes a comma list.

    In the order they were opened; by due date where `overdue=true`, `due_soon=true` or `due_before` is asked for.
    """

    for_: str | None = Field(default=None, alias="for", description="`me` or an official's id: what they may do now.")
    status: str | None = Field(default=None, description="open, claimed, completed, withdrawn, cancelled")
    done_by: str | None = Field(default=None, description="Ids of officials who did the task.")
    definition: str | None = None
    period: str | None = None
    candidate_role: str | None = None
    assignee: str | None = Field(default=None, description="Ids of officials who claimed the task.")
    agency: str | None = None
    unit: str | None = None
    overdue: bool | None = Field(
        default=None, description="Past their due date, or past it when their clock was stopped."
    )
    due_soon: bool | None = Field(
        default=None, description="So much of the time limit is used up that people are reminded, and not yet late."
    )
    due_before: Named | None = Field(
        default=None, description="Open or claimed tasks due before a moment, or before that day begins."
    )
    as_of: Named | None = Field(default=None, description="How things stood then: a moment, or the end of that day.")
    instance: str | None = Field(default=None, description="Ids of instances.")
    q: str | None = Field(default=None, max_length=200, description="Words of title, reference or letter number.")


@dataclass(frozen=True, slots=True)
class Seen:
    """A task as it is or was, with its instance and all that stands around it."""

    task: TaskState
    state: InstanceState
    around: Surroundings
    agency_id: UUID

    @property
    def view(self) -> TaskView:
        return TaskView.of(self.task, self.state, self.around)


async def one(journal: Journal, caller: Caller, task: UUID, now: datetime) -> TaskView:
    """One task. Raises NotFound."""
    return (await seen(journal, caller, task, now)).view


async def seen(journal: Journal, caller: Caller, task: UUID, now: datetime) -> Seen:
    """One task, with what stands around it. Raises NotFound."""
    found = await by_ids(journal, Asked(tuple(caller.agencies.values()), now, None, is_past=False), [task])
    if task not in found:
        raise NotFound
    return found[task]


async def by_ids(journal: Journal, asked: Asked, ids: Sequence[UUID]) -> dict[UUID, Seen]:
    """Some tasks of some agencies, as they are or were."""
    shape = Shape(frozenset({"tasks"}), is_past=asked.is_past, is_wide=True)
    found: dict[UUID, Seen] = {}
    for first in range(0, len(ids), LARGEST_PAGE):
        some = list(ids[first : first + LARGEST_PAGE])
        found |= {one.task.id: one for one in await page(journal, asked, shape, limit=len(some), tasks=some)}
    return found


async def listed(journal: Journal, caller: Caller, listing: Tasks, now: datetime) -> Page[TaskView]:
    """The tasks of the caller's agencies that fit."""
    wanted, by_due = _wanted(listing, caller), bool(listing.overdue or listing.due_soon or listing.due_before)
    after = listing.after(_due_place if by_due else _place)
    served = dict.fromkeys(one for name in split(listing.agency) or caller.agencies if (one := caller.agency(name)))
    found: list[TaskView] = []
    for asked in await asked_of(journal.database, served, now, as_of=listing.as_of, due_before=listing.due_before):
        shape = Shape(
            frozenset(wanted),
            by_due=by_due,
            is_past=asked.is_past,
            is_wide=len(asked.agencies) > FEW and not asked.is_past,
            is_continued=after is not None,
        )
        given = wanted | {"due_before": asked.before} | (after or {})
        found += [one.view for one in await page(journal, asked, shape, limit=listing.limit + 1, **given)]
    if not by_due:
        return paged(listing, sorted(found, key=_order), lambda view: str(view.id))
    return paged(listing, sorted(found, key=_due_order), lambda view: f"{_due(view).isoformat()} {view.id}")


async def page(journal: Journal, asked: Asked, shape: Shape, *, limit: int, **given: Any) -> list[Seen]:
    """The first tasks of some agencies, as they are or were."""
    served = list(asked.agencies)
    rows = await page_of(shape).rows(journal.database, agencies=served, now=asked.at, limit=limit, **given)
    drawing, found = Drawing(journal, rows, asked.at), []
    for row in rows:
        task, state = task_of(row), drawing.state(row)
        if asked.is_past:
            task, state = task_then(task, asked.at), state_then(state, asked.at)
        found.append(Seen(task, state, await drawing.around_task(row, task), row["agency_id"]))
    return found


def _wanted(listing: Tasks, caller: Caller) -> dict[str, Any]:
    """The filters that are asked for, with what they are given."""
    statuses = chosen("status", listing.status, TaskStatus)
    lists = {
        "statuses": statuses,
        "doers": _ids(listing, "done_by"),
        "definitions": split(listing.definition),
        "periods": split(listing.period),
        "roles": split(listing.candidate_role),
        "assignees": _ids(listing, "assignee"),
        "units": split(listing.unit),
        "instances": _ids(listing, "instance"),
        "official": _official(listing, caller),
        "q": pattern(listing.q),
    }
    plain = {
        "open_or_claimed": statuses is not None and all(TaskStatus(one).is_live for one in statuses),
        "late": listing.overdue is True,
        "in_time": listing.overdue is False,
        "soon": listing.due_soon is True,
        "not_soon": listing.due_soon is False,
        "due_before": listing.due_before is not None,
        "live": listing.due_before is not None and statuses is None,
    }
    return {name: value for name, value in lists.items() if value is not None} | {
        name: True for name, is_wanted in plain.items() if is_wanted
    }


def _official(listing: Tasks, caller: Caller) -> UUID | None:
    if listing.for_ is None:
        return None
    if listing.for_ != "me":
        return _uuid("for", listing.for_)
    if caller.official is None:
        raise RequestInvalid(_ME_MISTAKE)
    return caller.official


def _ids(listing: Tasks, name: str) -> list[UUID] | None:
    named = split(getattr(listing, name))
    return None if named is None else [_uuid(name, one) for one in named]


def _uuid(at: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as wrong:
        mistake = Mistake(
            at=at,
            message_id=f"“{text}” bukan id yang sah.",
            message_en=f"“{text}” is not an id.",
            expected="01a3f0c2-5b7e-7c11-9d55-3d2f6a8e4b10",
        )
        raise RequestInvalid(mistake) from wrong


_ME_MISTAKE = Mistake(
    at="for",
    message_id="Untuk for=me, sebutkan pejabatnya pada header Alur-On-Behalf-Of.",
    message_en="With for=me, name the official in the header Alur-On-Behalf-Of.",
)


def _place(text: str) -> dict[str, Any]:
    return {"after_id": UUID(text)}


def _due_place(text: str) -> dict[str, Any]:
    due_at, id_ = text.split(" ")
    moment = datetime.fromisoformat(due_at)
    if moment.tzinfo is None or not 1900 <= moment.year < 3000:
        raise ValueError(f"{due_at} is no due date")
    return {"after_due": moment, "after_id": UUID(id_)}


def _order(view: TaskView) -> UUID:
    return view.id


def _due_order(view: TaskView) -> tuple[datetime, UUID]:
    return _due(view), view.id


def _due(view: TaskView) -> datetime:
    assert view.due_at is not None  # noqa: S101  it was picked by its due date
    return view.due_at.astimezone(UTC)
