"""Calendars and holidays over HTTP: what an agency works by, and how an administrator changes it."""

from __future__ import annotations

from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request, Response

from app.aftermath import Following, followed
from app.bodies import Sent
from app.calendars import queries
from app.calendars.catalog import Calendars
from app.calendars.change_holiday import change_holiday, withdraw_change
from app.calendars.replace import replace
from app.calendars.schemas import (
    CalendarDraft,
    CalendarRow,
    CalendarView,
    HolidayAsked,
    HolidayPage,
    HolidayView,
    VersionView,
    WithdrawAsked,
)
from app.errors import PROBLEM, Problem
from app.http import BODY, CSV, From, Now, Reader, Responses, Stored, located, problems
from app.identity.callers import recognise
from app.intake import StrictRoute
from app.paging import Page, respond
from app.versions import tag_of

routes = APIRouter(tags=["calendars"], route_class=StrictRoute)


async def _calendars(request: Request) -> Calendars:
    return cast(Calendars, request.app.state.journal.calendars)


Compiled = Annotated[Calendars, Depends(_calendars)]
Agency = Annotated[str, Path(pattern=r"^[^\x00]*$", description="The key or id of an agency.")]
Number = Annotated[int, Path(ge=1, le=1_000_000, alias="n")]
Condition = Annotated[str | None, Header(alias="If-Match", description="The ETag of the calendar that was seen.")]

_TAGGED: Responses = {
    200: {
        "headers": {
            "ETag": {
                "description": "Names this version, for If-Match.",
                "required": True,
                "schema": {"type": "string"},
            }
        }
    }
}
_CONDITIONS: Responses = {
    status: {"model": Problem, "content": {PROBLEM: {}}, "description": said}
    for status, said in {
        412: "Sudah ada versi lain · another version came between",
        428: "If-Match belum disertakan · If-Match missing",
    }.items()
}


@routes.get("/v1/calendars", response_model=Page[CalendarRow], responses=CSV | problems(403, 422))
async def list_calendars(
    request: Request,
    database: Stored,
    calendars: Compiled,
    caller: Reader,
    now: Now,
    listing: Annotated[queries.CalendarList, Query()],
) -> Response:
    """List by which calendar each of your agencies works."""
    return respond(request, listing, await queries.current(database, calendars, caller, listing, now), CalendarRow)


@routes.get("/v1/calendars/{agency}", response_model=CalendarView, responses=_TAGGED | problems(403, 404, 422))
async def read_calendar(
    database: Stored, calendars: Compiled, caller: Reader, now: Now, agency: Agency, response: Response
) -> CalendarView:
    """The calendar an agency works by now, whole."""
    view = await queries.version(database, calendars, caller, agency, now)
    response.headers["ETag"] = tag_of(view.version)
    return view


@routes.put(
    "/v1/calendars/{agency}",
    response_model=CalendarView,
    responses=_TAGGED | _CONDITIONS | problems(403, 404, *BODY),
)
async def replace_calendar(
    database: Stored,
    calendars: Compiled,
    follow: Following,
    sender: From,
    now: Now,
    agency: Agency,
    draft: Annotated[CalendarDraft, Body()],
    if_match: Condition = None,
) -> Response:
    """Replace what an agency sets itself: hours, seasons, zone, and when it wants to be told."""
    caller = await recognise(database, sender.credential, "admin")
    agency_id = queries.served(caller, agency)
    version = await replace(database, caller, agency_id, draft.read(), if_match, now)
    view = await queries.version(database, calendars, caller, agency, now, version)
    headers = {"ETag": tag_of(view.version)}
    return followed(Response(view.model_dump_json(), 200, headers, "application/json"), follow, agency_id)


@routes.get(
    "/v1/calendars/{agency}/versions", response_model=Page[VersionView], responses=CSV | problems(403, 404, 422)
)
async def list_calendar_versions(
    request: Request,
    database: Stored,
    calendars: Compiled,
    caller: Reader,
    agency: Agency,
    listing: Annotated[queries.VersionList, Query()],
) -> Response:
    """All calendars an agency has worked by, newest first: since when, by whose deed and why."""
    found = await queries.versions(database, calendars, caller, agency, listing)
    return respond(request, listing, found, VersionView)


@routes.get("/v1/calendars/{agency}/versions/{n}", response_model=CalendarView, responses=problems(403, 404, 422))
async def read_calendar_version(
    database: Stored, calendars: Compiled, caller: Reader, now: Now, agency: Agency, number: Number
) -> CalendarView:
    """One calendar an agency has worked by, whole."""
    return await queries.version(database, calendars, caller, agency, now, number)


@routes.get("/v1/holidays", response_model=HolidayPage, responses=CSV | problems(403, 422))
async def list_holidays(
    request: Request,
    database: Stored,
    calendars: Compiled,
    caller: Reader,
    now: Now,
    listing: Annotated[queries.Holidays, Query()],
) -> Response:
    """List the holidays of the nation and what your agencies change of them, by date."""
    return respond(request, listing, await queries.holidays(database, calendars, caller, listing, now), HolidayView)


@routes.post(
    "/v1/holidays",
    status_code=201,
    response_model=HolidayView,
    responses=located(201, "The change.") | problems(403, 404, *BODY),
)
async def add_holiday_change(database: Stored, follow: Following, sender: From, asked: Sent[HolidayAsked]) -> Response:
    """Add, remove or move a day off for one of your agencies."""
    caller = await recognise(database, sender.credential, "admin")
    agency_id = queries.served(caller, asked.agency)
    answer = await change_holiday(database, caller, agency_id, sender.ask(asked.model_dump_json()), asked)
    return followed(answer.response(), follow, agency_id)


@routes.get("/v1/holidays/{id}", response_model=HolidayView, responses=problems(403, 404, 422))
async def read_holiday_change(database: Stored, calendars: Compiled, caller: Reader, id: UUID) -> HolidayView:
    """One change that an agency of yours made."""
    return await queries.holiday(database, calendars, caller, id)


@routes.post("/v1/holidays/{id}/withdraw", response_model=HolidayView, responses=problems(403, 404, 409, *BODY))
async def withdraw_holiday_change(
    database: Stored, follow: Following, sender: From, id: UUID, asked: Sent[WithdrawAsked]
) -> Response:
    """Withdraw a change of one of your agencies. It stays in the list of withdrawn ones."""
    caller = await recognise(database, sender.credential, "admin")
    agency_id = await queries.agency_of_change(database, caller, id)
    answer = await withdraw_change(database, caller, id, agency_id, sender.ask(asked.model_dump_json()), asked)
    return followed(answer.response(), follow, agency_id)
