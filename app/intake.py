"""How a request is read before a route sees it: JSON once and strictly, and nothing named twice.

Whatever is ambiguous is refused, for a client that says two things must not have one of them chosen in silence:
repeated keys in a body, repeated parameters, repeated headers that name somebody or something.
A mistake is told only to a caller whose key is known.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import islice
from typing import Any, cast

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.database import Database
from app.errors import IdentityMissing, MediaTypeUnsupported, RequestInvalid
from app.identity.callers import key_is_valid
from app.identity.credentials import hash_of
from app.tables import api_keys
from engine.errors import Refused
from engine.mistakes import Path, model_inside

JSON = "application/json"

ONCE = frozenset({b"authorization", b"alur-on-behalf-of", b"idempotency-key", b"content-type"})
"""Headers of which a request has one or none."""

MOST_REPEATED = 101
"""Repeated keys that are looked for; more are told than anybody reads."""

MISTAKEN = (RequestValidationError, RequestInvalid, MediaTypeUnsupported, HTTPException)
"""What is wrong with a request whoever sent it."""


class StrictRoute(APIRoute):
    """A route whose request is read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer, takes_json, known = super().get_route_handler(), self.body_field is not None, _parameters(self)

        async def strict(plain: Request) -> Response:
            request = StrictRequest(plain.scope, plain.receive)
            try:
                _require_plain(request, known)
                if takes_json:
                    await _require_json(request)
                return await answer(request)
            except MISTAKEN as mistaken:
                await _require_known(request)
                if isinstance(mistaken.__cause__, (Refused, RequestValidationError, ClientDisconnect)):
                    raise mistaken.__cause__ from None  # FastAPI took what stopped the reading for broken JSON
                raise

        return strict


class StrictRequest(Request):
    """A request whose JSON is UTF-8 and holds no key twice and no NaN. Costs a plain one no second look."""

    async def json(self) -> Any:
        text = (await self.body()).decode().removeprefix("\ufeff")
        try:
            return _READER.decode(text)
        except _Repeated:
            raise RequestValidationError([*islice(_repeated(text), MOST_REPEATED)]) from None


class _Repeated(Exception):
    """A key stands twice in the same object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise _Repeated
    return read


def _not_json(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


_READER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_not_json)


class _Pairs(tuple[tuple[str, Any], ...]):
    """An object with every pair it has, also the repeated ones."""


def _repeated(text: str) -> Iterator[dict[str, Any]]:
    """Where keys are repeated, as FastAPI lists mistakes. The text is read again, and never by recursion."""
    waiting: deque[tuple[Any, Path]] = deque([(json.loads(text, object_pairs_hook=_Pairs), ("body",))])
    while waiting:
        value, at = waiting.popleft()
        seen = set()
        for step, part in value if isinstance(value, _Pairs) else enumerate(value) if isinstance(value, list) else ():
            if step in seen:
                yield _mistake((*at, _sayable(step)), "Kunci ini", "This key")
            seen.add(step)
            waiting.append((part, (*at, step)))


def _sayable(step: str | int) -> str | int:
    """A key that an answer can hold: half a surrogate pair is no character."""
    return step.encode(errors="replace").decode() if isinstance(step, str) else step


def _parameters(route: APIRoute) -> frozenset[str] | None:
    """The query parameters a route takes, null for a list, which refuses others itself."""
    taken = route.dependant.query_params
    if any(model_inside(one.field_info.annotation) for one in taken):
        return None
    return frozenset(one.alias for one in taken)


def _require_plain(request: Request, known: frozenset[str] | None) -> None:
    """Refuse a header or parameter that is named twice, and a misspelt parameter."""
    headers = [name for name, _ in request.scope["headers"] if name in ONCE]
    parameters = [name for name, _ in request.query_params.multi_items()] if request.scope["query_string"] else []
    twice = [name.decode().title() for name in _doubled(headers)] + _doubled(parameters)
    mistakes = [_mistake(("request", name), "Isian ini", "This parameter") for name in twice]
    if known is not None:
        misspelt = sorted(set(parameters) - known)
        mistakes += [{"type": "extra_forbidden", "loc": ("query", name)} for name in misspelt]
    if mistakes:
        raise RequestValidationError(mistakes)


def _doubled(names: Sequence[Any]) -> list[Any]:
    return sorted(name for name, times in Counter(names).items() if times > 1) if len(set(names)) != len(names) else []


def _mistake(at: Path, subject_id: str, subject_en: str) -> dict[str, Any]:
    told = {
        "message_id": f"{subject_id} disebut lebih dari sekali, sehingga tidak jelas mana yang dimaksud. Sisakan satu.",
        "message_en": f"{subject_en} stands more than once, so it is not clear which one is meant. Leave one.",
    }
    return {"type": "repeated", "loc": at, "msg": told["message_en"], "input": None, "ctx": told}


async def _require_json(request: Request) -> None:
    """Refuse a body of another kind. Where there is no body, what is missing in it says more."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON and (kind or await request.body()):
        raise MediaTypeUnsupported(offered=JSON)


async def _require_known(request: Request) -> None:
    """A well-formed key may still be nobody's, and to nobody nothing is told."""
    database = cast(Database, request.app.state.database)
    key = request.headers.get("authorization", "").partition(" ")[2].strip()
    async with database.reading() as connection:
        known = (await connection.execute(_KNOWN, {"secret_hash": hash_of(key)})).one_or_none()
    if known is None:
        raise IdentityMissing


_KNOWN = select(api_keys.c.id).where(key_is_valid())
