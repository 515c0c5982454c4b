"""Tasks over HTTP: the inbox, one task, and the deeds on it. A step is completed in `complete.py`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.http import BODY, CSV, From, Now, Reader, problems
from app.instances import queries as instances
from app.instances.door import Door
from app.intake import StrictRoute
from app.paging import Page, respond
from app.tasks import queries
from app.tasks.claim import claim, unclaim
from app.tasks.complete import complete
from app.tasks.deliver import deliver
from app.tasks.due_date import DueDateView, due_date
from app.tasks.pause import go_on, pause
from app.tasks.schemas import CompleteAsked, Completed, DeliveryAsked, PauseAsked, ResumeTaskAsked, TaskView, UndoAsked
from app.tasks.undo import undo

routes = APIRouter(tags=["tasks"], route_class=StrictRoute)


@routes.post("/v1/tasks/{id}/complete", response_model=Completed, responses=problems(400, 403, 404, 409, *BODY))
async def complete_task(door: Door, sender: From, id: UUID, asked: CompleteAsked) -> Response:
    """Complete a task with an outcome, and open what follows."""
    return (await complete(door, sender.ask(asked.model_dump_json()), id, asked)).response()


@routes.get("/v1/tasks", response_model=Page[TaskView], responses=CSV | problems(403, 422))
async def list_tasks(
    request: Request, door: Door, caller: Reader, now: Now, listing: Annotated[queries.Tasks, Query()]
) -> Response:
    """List tasks; `for=me` is the inbox of the official named."""
    return respond(request, listing, await queries.listed(door, caller, listing, now), TaskView)


@routes.get("/v1/instances/{id}/tasks", response_model=Page[TaskView], responses=CSV | problems(403, 404, 422))
async def list_tasks_of_instance(
    request: Request, door: Door, caller: Reader, now: Now, id: UUID, listing: Annotated[queries.Tasks, Query()]
) -> Response:
    """List every task of an instance, closed ones too."""
    await instances.one(door, caller, id, now)
    mine = listing.model_copy(update={"instance": str(id)})
    return respond(request, mine, await queries.listed(door, caller, mine, now), TaskView)


@routes.get("/v1/tasks/{id}", response_model=TaskView, responses=problems(403, 404, 422))
async def read_task(door: Door, caller: Reader, now: Now, id: UUID) -> TaskView:
    """Look up one task."""
    return await queries.one(door, caller, id, now)


@routes.get("/v1/tasks/{id}/due-date", response_model=DueDateView, responses=problems(403, 404, 422))
async def explain_due_date(door: Door, caller: Reader, now: Now, id: UUID) -> DueDateView:
    """Why a task is due when it is: spans that counted, days that were skipped, what stopped its clock."""
    return await due_date(door, caller, id, now)


@routes.post("/v1/tasks/{id}/claim", response_model=TaskView, responses=problems(400, 403, 404, 409, 422))
async def claim_task(door: Door, sender: From, id: UUID) -> Response:
    """Take an open task."""
    return (await claim(door, sender.ask(""), id)).response()


@routes.post("/v1/tasks/{id}/unclaim", response_model=TaskView, responses=problems(400, 403, 404, 409, 422))
async def unclaim_task(door: Door, sender: From, id: UUID) -> Response:
    """Give a claimed task back to the other candidates."""
    return (await unclaim(door, sender.ask(""), id)).response()


@routes.post("/v1/tasks/{id}/undo", response_model=Completed, responses=problems(400, 403, 404, 409, *BODY))
async def undo_task(door: Door, sender: From, id: UUID, asked: UndoAsked) -> Response:
    """Take a mistaken completion or return back, while nothing it opened has been acted on."""
    return (await undo(door, sender.ask(asked.model_dump_json()), id, asked.reason)).response()


@routes.post("/v1/tasks/{id}/pause", response_model=TaskView, responses=problems(400, 403, 404, 409, *BODY))
async def pause_task(door: Door, sender: From, id: UUID, asked: PauseAsked) -> Response:
    """Stop the clock of a task, with a reason: files are incomplete, or somebody outside is awaited."""
    return (await pause(door, sender.ask(asked.model_dump_json()), id, asked.reason)).response()


@routes.post("/v1/tasks/{id}/resume", response_model=TaskView, responses=problems(400, 403, 404, 409, *BODY))
async def resume_task(door: Door, sender: From, id: UUID, asked: ResumeTaskAsked) -> Response:
    """Let the clock of a paused task run again; its due date moves on by the working time it stood still."""
    return (await go_on(door, sender.ask(asked.model_dump_json()), id, asked.reason)).response()


@routes.post("/v1/tasks/{id}/deliveries", response_model=TaskView, responses=problems(400, 403, 404, 409, *BODY))
async def deliver_to_task(door: Door, sender: From, id: UUID, asked: DeliveryAsked) -> Response:
    """Note that a unit or party handed in what the step waits for."""
    return (await deliver(door, sender.ask(asked.model_dump_json()), id, asked)).response()
