"""What follows when calendars or deadlines changed, as routes ask for it; the wiring says what it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Request
from starlette.background import BackgroundTask
from starlette.responses import Response

Follow = Callable[[UUID], Awaitable[None]]
"""What is done with an agency whose calendar or deadlines changed."""


async def _follow(request: Request) -> Follow:
    return cast(Follow, request.app.state.follow)


Following = Annotated[Follow, Depends(_follow)]


def followed(response: Response, follow: Follow, agency_id: UUID) -> Response:
    """The response, after which the agency is followed up. Its sender does not wait for that."""
    response.background = BackgroundTask(follow, agency_id)
    return response
