"""The JSON Schema of the YAML form, so that an editor completes its Indonesian keys and marks mistakes while typing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from engine import definition
from engine.definition import Part, ProcessDefinition

Json = dict[str, Any]


def editor_schema() -> Json:
    """JSON Schema (2020-12) of an SOP in YAML: keys are the aliases, groups of the sheet are objects of their own."""
    english = ProcessDefinition.model_json_schema(by_alias=False, mode="validation")
    parts = {name: _in_sop_words(shape, _model(name)) for name, shape in english.pop("$defs").items()}
    root = _in_sop_words(english, ProcessDefinition)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "SOP",
        **{name: value for name, value in root.items() if name != "title"},
        "$defs": parts,
    }


def _model(name: str) -> type[BaseModel] | None:
    found = getattr(definition, name, None)
    return found if isinstance(found, type) and issubclass(found, Part) else None


def _in_sop_words(shape: Json, model: type[BaseModel] | None) -> Json:
    """The shape of one model with its keys translated; enumerations stay as they are: values are never translated."""
    if model is None:
        return shape
    told: Json = {"type": "object", "additionalProperties": False, "properties": {}, "required": []}
    if model.__doc__:
        told["description"] = model.__doc__.split("\n")[0]
    for name, field in model.model_fields.items():
        *groups, key = str(field.validation_alias or name).split(".")
        place = told
        for group in groups:
            empty: Json = {"type": "object", "additionalProperties": False, "properties": {}}
            place = place["properties"].setdefault(group, empty)
        required = field.is_required()
        bare = _without_english(shape["properties"][name])
        place["properties"][key] = bare if required else _or_empty(bare)
        if required and not groups:
            told["required"].append(key)
    return told


def _or_empty(shape: Json) -> Json:
    """A key without a value says what leaving it out says."""
    if any(option.get("type") == "null" for option in shape.get("anyOf", ())):
        return shape
    return {"anyOf": [shape, {"type": "null"}]}


def _without_english(shape: Any) -> Any:
    """The shape without titles and defaults, which speak of the English names."""
    if isinstance(shape, dict):
        return {name: _without_english(value) for name, value in shape.items() if name not in ("title", "default")}
    return [_without_english(one) for one in shape] if isinstance(shape, list) else shape
