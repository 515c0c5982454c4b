"""A definition as it is given out: the frozen shape itself, with its version and when it was published."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.definition import ProcessDefinition


class DefinitionView(ProcessDefinition):
    """A published version of an SOP."""

    version: int
    published_at: datetime

    @classmethod
    def of(cls, row: Any) -> DefinitionView:
        """The view of a row of `process_definitions`."""
        definition = ProcessDefinition.model_validate_json(row.content)
        parts = {name: getattr(definition, name) for name in ProcessDefinition.model_fields}
        return cls.model_construct(**parts, version=row.version, published_at=row.published_at)
