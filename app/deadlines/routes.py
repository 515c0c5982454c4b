"""Statutory deadlines over HTTP: which ones there are, and how an administrator sets an agency's own."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.aftermath import Following, followed
from app.bodies import Sent
from app.calendars.routes import Compiled
from app.calendars.schemas import WithdrawAsked
from app.deadlines import queries
from app.deadlines.schemas import DeadlineAsked, DeadlineView
from app.deadlines.set_deadline import agency_of, agency_of_deadline, set_deadline, withdraw_deadline
from app.http import BODY, CSV, From, Reader, Stored, located, problems
from app.identity.callers import recognise
from app.intake import StrictRoute
from app.paging import Page, respond

routes = APIRouter(prefix="/v1/deadlines", tags=["deadlines"], route_class=StrictRoute)


@routes.get("", response_model=Page[DeadlineView], responses=CSV | problems(403, 422))
async def list_deadlines(
    request: Request,
    database: Stored,
    calendars: Compiled,
    caller: Reader,
    listing: Annotated[queries.Deadlines, Query()],
) -> Response:
    """List the statutory deadlines of your SOPs and agencies; with a period, the day each falls on."""
    return respond(request, listing, await queries.listed(database, calendars, caller, listing), DeadlineView)


@routes.post(
    "",
    status_code=201,
    response_model=DeadlineView,
    responses=located(201, "The deadline.") | problems(403, 404, *BODY),
)
async def add_deadline(
    database: Stored, calendars: Compiled, follow: Following, sender: From, asked: Sent[DeadlineAsked]
) -> Response:
    """Set a deadline for one of your agencies, always or in one period. What held before stays visible."""
    caller = await recognise(database, sender.credential, "admin")
    agency_id = await agency_of(database, caller, asked)
    answer = await set_deadline(database, calendars, caller, agency_id, sender.ask(asked.model_dump_json()), asked)
    return followed(answer.response(), follow, agency_id)


@routes.get("/{id}", response_model=DeadlineView, responses=problems(403, 404, 422))
async def read_deadline(database: Stored, calendars: Compiled, caller: Reader, id: UUID) -> DeadlineView:
    """Look up one deadline."""
    return await queries.one(database, calendars, caller, id)


@routes.post("/{id}/withdraw", response_model=DeadlineView, responses=problems(403, 404, 409, *BODY))
async def withdraw_one_deadline(
    database: Stored, calendars: Compiled, follow: Following, sender: From, id: UUID, asked: Sent[WithdrawAsked]
) -> Response:
    """Withdraw a deadline of one of your agencies; what held before holds again."""
    caller = await recognise(database, sender.credential, "admin")
    agency_id = await agency_of_deadline(database, caller, id)
    ask = sender.ask(asked.model_dump_json())
    answer = await withdraw_deadline(database, calendars, caller, id, agency_id, ask, asked)
    return followed(answer.response(), follow, agency_id)
