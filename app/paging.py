"""Lists: pages by cursor, as JSON or CSV."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from app.errors import RequestInvalid
from engine.errors import Mistake

LARGEST_PAGE = 200
Item = TypeVar("Item", bound=BaseModel)
Place = TypeVar("Place")


class Page(BaseModel, Generic[Item]):
    """One page of a list; `next` is the cursor of the one after it, null on the last."""

    items: list[Item]
    next: str | None


_NUL_TOLD = {
    "message_id": "Isian ini memuat karakter NUL, yang tidak tersimpan di mana pun. Hapus karakter itu.",
    "message_en": "This holds the character NUL, which is stored nowhere. Remove it.",
}


class Listing(BaseModel):
    """The query parameters every list takes. Unknown ones are refused, so that a misspelt filter never hides rows."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[
        int,
        Field(ge=1, description="Items a page; more than 200 gives 200."),
        AfterValidator(lambda wanted: min(wanted, LARGEST_PAGE)),
    ] = 50
    cursor: str | None = Field(default=None, description="`next` of the page before.")
    format: Literal["json", "csv"] | None = Field(default=None, description="`csv` for a spreadsheet.")

    @field_validator("*", mode="before")
    @classmethod
    def _without_nul(cls, value: Any) -> Any:
        if isinstance(value, str) and "\0" in value:
            raise PydanticCustomError("nul", _NUL_TOLD["message_en"], _NUL_TOLD)
        return value

    def after(self, read: Callable[[str], Place]) -> Place | None:
        """Where the page before ended. Raises RequestInvalid for a cursor of another list or of other filters."""
        if self.cursor is None:
            return None
        try:
            filters, place = json.loads(base64.urlsafe_b64decode(self.cursor.encode()))
            if filters == self._filters() and isinstance(place, str) and "\0" not in place:
                return read(place)
        except (binascii.Error, ValueError, TypeError, AttributeError, RecursionError):
            pass
        raise RequestInvalid(_CURSOR_MISTAKE)

    def cursor_at(self, last: str) -> str:
        """The cursor of the page that begins after `last`."""
        return base64.urlsafe_b64encode(json.dumps([self._filters(), last]).encode()).decode()

    def _filters(self) -> str:
        filters = self.model_dump(mode="json", exclude={"limit", "cursor", "format"}, exclude_none=True)
        return f"{type(self).__name__}:{json.dumps(filters, sort_keys=True)}"


_CURSOR_MISTAKE = Mistake(
    at="cursor",
    message_id="Cursor ini bukan milik daftar dengan saringan ini; mulai lagi tanpa cursor.",
    message_en="This cursor does not belong to this list with these filters; start again without a cursor.",
)


def paged(listing: Listing, found: Sequence[Item], place: Callable[[Item], str]) -> Page[Item]:
    """The page made of what was found, which is one more than a page where there is another."""
    items = list(found[: listing.limit])
    more = len(found) > listing.limit
    return Page(items=items, next=listing.cursor_at(place(items[-1])) if more else None)


def respond(
    request: Request,
    listing: Listing,
    page: Page[Any],
    shape: type[BaseModel],
    lines: Sequence[BaseModel] | None = None,
) -> Response:
    """The page as JSON, or as CSV where that was asked for; the cursor of a CSV page stands in a Link header.

    `shape` is what the items are, or `lines` if the spreadsheet has others; an empty CSV names its columns, too.
    """
    if listing.format == "csv" or (listing.format is None and _prefers_csv(request.headers.get("accept", ""))):
        headers = {"Content-Disposition": "attachment; filename=alur.csv"}
        if page.next:
            # relative: the client's own Host header is no part of the address
            following = request.url.include_query_params(cursor=page.next)
            headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
        rows = page.items if lines is None else lines
        return Response(_csv(rows, shape), headers=headers, media_type="text/csv; charset=utf-8")
    return Response(page.model_dump_json(), media_type="application/json")


def ordinal(text: str) -> int:
    """A place in a list that is counted. Raises ValueError for what PostgreSQL could not count to."""
    place = int(text)
    if not 0 <= place < 2**31:
        raise ValueError(f"{place} is no place in a list")
    return place


def split(value: str | None) -> list[str] | None:
    """The parts of a comma list, null where there is none."""
    return [part.strip() for part in (value or "").split(",") if part.strip()] or None


def chosen(at: str, value: str | None, allowed: type[StrEnum]) -> list[str] | None:
    """The parts of a comma list of known words, null where there is none. Raises RequestInvalid for any other."""
    wanted = split(value)
    unknown = [one for one in wanted or () if one not in set(allowed)]
    if unknown:
        words = " | ".join(allowed)
        told = [
            Mistake(
                at=at,
                message_id=f"“{one}” bukan salah satu pilihan.",
                message_en=f"“{one}” is not one of the choices.",
                expected=words,
            )
            for one in unknown
        ]
        raise RequestInvalid(*told)
    return wanted


def _prefers_csv(accept: str) -> bool:
    kinds = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    return "text/csv" in kinds and "application/json" not in kinds


def _csv(items: Sequence[BaseModel], shape: type[BaseModel]) -> str:
    """One row an item, one column a field. Nested values are JSON; a cell that a spreadsheet would run is quoted."""
    written = io.StringIO()
    names = [field.serialization_alias or name for name, field in shape.model_fields.items()]
    writer = csv.writer(written)
    writer.writerow(names)
    for row in (item.model_dump(mode="json", by_alias=True) for item in items):
        writer.writerow([_cell(row[name]) for name in names])
    return written.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
