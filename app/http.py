"""What routes have at hand: the database, the caller, the moment, and how problems are documented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from app.clock import now
from app.database import Database
from app.errors import PROBLEM, Problem, RequestInvalid
from app.idempotency import Ask, RetryHeader, retry_header
from app.identity.callers import Caller, recognise
from app.identity.credentials import Credential, credential
from engine.errors import Mistake


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request, and under which retry key; the body joins in `ask`."""

    credential: Credential
    retry: RetryHeader

    def ask(self, content: str) -> Ask:
        return Ask(self.credential, self.retry.over(content, self.credential.official), now())


async def _database(request: Request) -> Database:
    return cast(Database, request.app.state.database)


async def _sender(
    request: Request,
    credential: Annotated[Credential, Depends(credential)],
    retry: Annotated[RetryHeader, Depends(retry_header)],
) -> Sender:
    misspelt = sorted(set(request.query_params) - {one.alias for one in _query_of(request)})
    if misspelt:
        raise RequestInvalid(*(_unknown_parameter(name) for name in misspelt))
    return Sender(credential, retry)


def _query_of(request: Request) -> list[Any]:
    """The query parameters of the route that was asked."""
    found: list[Any] = getattr(request.scope.get("route"), "dependant").query_params  # noqa: B009  Starlette's type knows none
    return found


def _unknown_parameter(name: str) -> Mistake:
    return Mistake(
        at=name,
        message_id=f"Isian “{name}” tidak dikenal. Perbaiki atau hapus isian ini.",
        message_en=f"The parameter “{name}” is not known. Correct or remove it.",
    )


async def _reader(
    database: Annotated[Database, Depends(_database)], credential: Annotated[Credential, Depends(credential)]
) -> Caller:
    return await recognise(database, credential, "read")


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
        status: {"model": Problem, "content": {PROBLEM: {}}, "description": _SAID[status]}
        for status in sorted({401, 503, *statuses})
    }


CSV: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
"""That a list also answers as CSV."""

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
