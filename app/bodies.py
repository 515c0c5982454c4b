"""Bodies that are values of the engine: strict as these are, and read as the JSON they come in.

JSON has no dates and no tuples, so what a strict value takes depends on the form in which it comes.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

Sent_ = TypeVar("Sent_", bound=BaseModel)


class _AsJson:
    """Reads a value that was JSON as JSON again."""

    def __get_pydantic_core_schema__(self, source: type[BaseModel], handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any) -> BaseModel:
            # surrogates stay escaped, so that pydantic tells of them instead of the encoder failing
            return source.model_validate_json(json.dumps(value))

        from_python = core_schema.no_info_plain_validator_function(read)
        return core_schema.json_or_python_schema(json_schema=handler(source), python_schema=from_python)


Sent = Annotated[Sent_, _AsJson()]
"""A strict value as a client sends it: `asked: Sent[DeadlineAsked]`."""
