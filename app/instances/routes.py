"""Instances over HTTP: start, look up, cancel, suspend, resume, comment."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.audit import queries as audit
from app.audit.schemas import AuditEvent
from app.http import BODY, CSV, From, Now, Reader, located, problems
from app.instances import queries
from app.instances.answer import answer
from app.instances.comment import comment
from app.instances.door import Door
from app.instances.interrupt import cancel, resume, suspend
from app.instances.schemas import (
    AnswerAsked,
    CommentAsked,
    CommentView,
    InstanceDetail,
    InstanceView,
    ReasonAsked,
    StartAsked,
)
from app.instances.start import start
from app.intake import StrictRoute
from app.paging import Page, respond

routes = APIRouter(prefix="/v1/instances", tags=["instances"], route_class=StrictRoute)


@routes.post(
    "",
    status_code=201,
    response_model=InstanceView,
    responses=located(201, "The instance.") | problems(403, 404, 409, *BODY),
)
async def start_instance(door: Door, sender: From, asked: StartAsked) -> Response:
    """Start a cycle of an SOP."""
    return (await start(door, sender.ask(asked.model_dump_json()), asked)).response()


@routes.get("", response_model=Page[InstanceView], responses=CSV | problems(403, 422))
async def list_instances(
    request: Request, door: Door, caller: Reader, now: Now, listing: Annotated[queries.Instances, Query()]
) -> Response:
    """List the instances of your agencies."""
    return respond(request, listing, await queries.listed(door, caller, listing, now), InstanceView)


@routes.get("/{id}", response_model=InstanceDetail, responses=problems(403, 404, 422))
async def read_instance(door: Door, caller: Reader, now: Now, id: UUID) -> InstanceDetail:
    """Look up one instance, with what its deadline asks of the steps that are left."""
    return await queries.one(door, caller, id, now)


@routes.get("/{id}/audit", response_model=Page[AuditEvent], responses=CSV | problems(403, 404, 422))
async def read_trail(
    request: Request, door: Door, caller: Reader, id: UUID, listing: Annotated[audit.Trail, Query()]
) -> Response:
    """Read the trail of an instance, from its first event."""
    return respond(request, listing, await audit.trail(door.database, caller, id, listing), AuditEvent)


@routes.post("/{id}/cancel", response_model=InstanceView, responses=problems(403, 404, 409, *BODY))
async def cancel_instance(door: Door, sender: From, id: UUID, asked: ReasonAsked) -> Response:
    """End an instance before its end."""
    return (await cancel(door, sender.ask(asked.model_dump_json()), id, asked.reason)).response()


@routes.post("/{id}/suspend", response_model=InstanceView, responses=problems(403, 404, 409, *BODY))
async def suspend_instance(door: Door, sender: From, id: UUID, asked: ReasonAsked) -> Response:
    """Stop everything in an instance until it is resumed."""
    return (await suspend(door, sender.ask(asked.model_dump_json()), id, asked.reason)).response()


@routes.post("/{id}/answers", response_model=InstanceView, responses=problems(403, 404, 409, *BODY))
async def answer_for_party(door: Door, sender: From, id: UUID, asked: AnswerAsked) -> Response:
    """Record the answer of a party the instance waits for."""
    return (await answer(door, sender.ask(asked.model_dump_json()), id, asked)).response()


@routes.post("/{id}/resume", response_model=InstanceView, responses=problems(403, 404, 409, *BODY))
async def resume_instance(door: Door, sender: From, id: UUID, asked: ReasonAsked) -> Response:
    """Let a suspended instance go on."""
    return (await resume(door, sender.ask(asked.model_dump_json()), id, asked.reason)).response()


@routes.post(
    "/{id}/comments",
    status_code=201,
    response_model=CommentView,
    responses=located(201, "The trail in which the remark stands.") | problems(403, 404, 409, *BODY),
)
async def comment_on_instance(door: Door, sender: From, id: UUID, asked: CommentAsked) -> Response:
    """Add a remark to the trail."""
    return (await comment(door, sender.ask(asked.model_dump_json()), id, asked.text)).response()
