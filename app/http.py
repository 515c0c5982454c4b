"""What routes have at hand: the database, the caller, the moment, and how problems are documented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from app.clock import now
from app.database import Database
from app.errors import PROBLEM, Problem
from app.idempotency import Ask, RetryHeader, retry_header
from app.identity.callers import Caller, recognise
from app.identity.credentials import Credential, credential


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request, and under which retry key; the body joins in `ask`."""

    credential: Credential
    retry: RetryHeader

    def ask(self, content: str) -> Ask:
        return Ask(self.credential, self.retry.over(content, self.credential.official), now())


# One dependency does what many could: each more that FastAPI solves costs a step dearly. `docs` tells the headers.


async def _database(request: Request) -> Database:
    return cast(Database, request.app.state.database)


async def _sender(request: Request) -> Sender:
    return Sender(credential(request.headers), retry_header(request))


async def _reader(request: Request) -> Caller:
    return await recognise(request.app.state.database, credential(request.headers), "read")


async def _moment() -> datetime:
    return now()


Stored = Annotated[Database, Depends(_database)]
From = Annotated[Sender, Depends(_sender)]
Reader = Annotated[Caller, Depends(_reader)]
Now = Annotated[datetime, Depends(_moment)]

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """The problems a route may answer with, for the OpenAPI document."""
    return {
        status: {"model": Problem, "content": {PROBLEM: {}}, "description": _SAID[status]} | _BESIDE.get(status, {})
        for status in sorted({401, 503, *statuses})
    }


def located(status: int, place: str) -> Responses:
    """That an answer names the place of what it is about."""
    return {status: {"headers": {"Location": _header(place, required=True)}}}


def _header(told: str, *, required: bool) -> dict[str, Any]:
    return {"description": told, "required": required, "schema": {"type": "string"}}


BODY = (413, 415, 422)
"""How a body may be wrong whatever the route."""

CSV: Responses = {
    200: {
        "content": {"text/csv": {"schema": {"type": "string"}}},
        "headers": {"Link": _header("The page after this one of a CSV, where there is one.", required=False)},
    }
}
"""That a list also answers as CSV."""

_BESIDE: dict[int, dict[str, Any]] = {
    401: {"headers": {"WWW-Authenticate": _header("How to prove who asks.", required=True)}},
    503: {"headers": {"Retry-After": _header("Seconds after which to try again.", required=True)}},
}
"""What stands in the headers of a problem."""

_SAID = {
    400: "Pejabat belum disebutkan · official not named",
    401: "Identitas tidak dikenal · identity missing",
    403: "Tidak berwenang · not allowed",
    404: "Tidak ditemukan · not found",
    409: "Bertentangan dengan keadaan · conflicts with what is",
    413: "Isi terlalu besar · body too large",
    415: "Jenis isi tidak didukung · media type unsupported",
    422: "Permintaan keliru · request invalid",
    503: "Coba lagi · try again",
}
