"""Reports over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.definitions.routes import Key
from app.http import CSV, Now, Reader, problems
from app.instances.door import Door
from app.intake import StrictRoute
from app.paging import Page, respond
from app.reports.monitoring import MonitoringLine, MonitoringRow, monitoring
from app.reports.obligations import Obligation, Obligations, ObligationsReport, obligations
from app.reports.overdue import Overdue, OverdueLine, OverdueReport, overdue
from app.reports.performance import Performance, PerformanceLine, PerformanceReport, performance
from app.reports.stalled import Stalled, StalledItem, stalled

routes = APIRouter(tags=["reports"], route_class=StrictRoute)


@routes.get("/v1/reports/overdue", response_model=OverdueReport, responses=CSV | problems(403, 422))
async def report_overdue(
    request: Request, door: Door, caller: Reader, now: Now, listing: Annotated[Overdue, Query()]
) -> Response:
    """Count what is late, by agency, unit, SOP, role or official, with the oldest of each."""
    report = await overdue(door, caller, listing, now)
    return respond(request, listing, report, OverdueLine, [OverdueLine.of(one) for one in report.items])


@routes.get("/v1/reports/obligations", response_model=ObligationsReport, responses=CSV | problems(403, 422))
async def report_obligations(
    request: Request, door: Door, caller: Reader, now: Now, listing: Annotated[Obligations, Query()]
) -> Response:
    """Tell what your agencies owe for a period: not started, running, completed, late."""
    return respond(request, listing, await obligations(door, caller, listing, now), Obligation)


@routes.get("/v1/reports/stalled", response_model=Page[StalledItem], responses=CSV | problems(403, 422))
async def report_stalled(
    request: Request, door: Door, caller: Reader, now: Now, listing: Annotated[Stalled, Query()]
) -> Response:
    """Tell what stands still: paused steps, suspended cycles, parties and material that are waited for."""
    return respond(request, listing, await stalled(door, caller, listing, now), StalledItem)


@routes.get(
    "/v1/definitions/{key}/performance", response_model=PerformanceReport, responses=CSV | problems(403, 404, 422)
)
async def report_performance(
    request: Request, door: Door, caller: Reader, now: Now, key: Key, listing: Annotated[Performance, Query()]
) -> Response:
    """Tell how long the steps of an SOP really took beside their norms, by round and by who held them."""
    report = await performance(door, caller, key, listing, now)
    lines = [line for step in report.items for line in PerformanceLine.of_step(step)]
    return respond(request, listing, report, PerformanceLine, lines)


@routes.get(
    "/v1/definitions/{key}/performance/monitoring",
    response_model=Page[MonitoringRow],
    responses=CSV | problems(403, 404, 422),
)
async def report_monitoring(
    request: Request, door: Door, caller: Reader, now: Now, key: Key, listing: Annotated[Performance, Query()]
) -> Response:
    """The six-monthly monitoring table of PermenPANRB 35/2012, filled with figures; as CSV in the form's columns."""
    table = monitoring(await performance(door, caller, key, listing, now))
    return respond(request, listing, table, MonitoringLine, [MonitoringLine.of(row) for row in table.items])
