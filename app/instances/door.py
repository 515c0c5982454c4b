"""The journal of this server, as routes ask for it."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from app.instances.journal import Journal


async def _journal(request: Request) -> Journal:
    return cast(Journal, request.app.state.journal)


Door = Annotated[Journal, Depends(_journal)]
