"""An endpoint with the request and the answer of a completion that does nothing: what HTTP and validation alone cost.

`python -m tests.bench.empty model FILE` answers with the answer in FILE as a model that FastAPI serialises,
`python -m tests.bench.empty response FILE` with its text as it stands.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import uvicorn
from fastapi import APIRouter, FastAPI, Response

from app.serve import bound, url_of
from app.settings import Settings
from app.tasks.schemas import CompleteAsked, Completed


def answering_with_a_model(text: str) -> APIRouter:
    routes, answer = APIRouter(tags=["tasks"]), Completed.model_validate_json(text)

    @routes.post("/v1/tasks/{id}/complete", response_model=Completed)
    async def complete_task(id: UUID, asked: CompleteAsked) -> Completed:
        return answer

    return routes


def answering_with_a_response(text: str) -> APIRouter:
    routes = APIRouter(tags=["tasks"])

    @routes.post("/v1/tasks/{id}/complete", response_model=Completed)
    async def complete_task(id: UUID, asked: CompleteAsked) -> Response:
        return Response(text, media_type="application/json")

    return routes


FORMS: dict[str, Callable[[str], APIRouter]] = {
    "model": answering_with_a_model,
    "response": answering_with_a_response,
}


def main(form: str, file: str) -> None:
    """Serve one form on a free port, and say where."""
    app, listener = FastAPI(), bound(Settings(port=0))
    app.include_router(FORMS[form](Path(file).read_text()))
    listener.listen()  # whoever connects before the server accepts just waits
    print(url_of(listener), flush=True)
    config = uvicorn.Config(app, access_log=False, log_level="warning", server_header=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
