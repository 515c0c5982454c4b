"""What a YAML editor does with a JSON Schema (2020-12), as far as the schema of SOP files needs it.

Written from the specification alone, so that the schema is not checked by what made it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

Json = Any

TYPES: dict[str, Callable[[Json], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}

BOUNDS: dict[str, Callable[[Json, Json], bool]] = {
    "minLength": lambda value, bound: not isinstance(value, str) or len(value) >= bound,
    "maxLength": lambda value, bound: not isinstance(value, str) or len(value) <= bound,
    "pattern": lambda value, bound: not isinstance(value, str) or re.search(bound, value) is not None,
    "minItems": lambda value, bound: not isinstance(value, list) or len(value) >= bound,
    "maxItems": lambda value, bound: not isinstance(value, list) or len(value) <= bound,
    "maxProperties": lambda value, bound: not isinstance(value, dict) or len(value) <= bound,
    "minimum": lambda value, bound: not TYPES["integer"](value) or value >= bound,
    "maximum": lambda value, bound: not TYPES["integer"](value) or value <= bound,
    "exclusiveMinimum": lambda value, bound: not TYPES["integer"](value) or value > bound,
    "type": lambda value, bound: TYPES[bound](value),
    "enum": lambda value, bound: value in bound,
}

STRUCTURE = {"properties", "required", "additionalProperties", "items", "anyOf", "$ref"}
SAID = {"$schema", "$defs", "title", "description"}
"""Keywords that refuse nothing."""


def refusals(schema: Json, value: Json, root: Json | None = None, at: str = "") -> Iterator[str]:
    """Where a value breaks a schema, as `path: keyword`. A keyword nobody knows fails the test."""
    root = schema if root is None else root
    assert set(schema) <= {*BOUNDS, *STRUCTURE, *SAID}, f"unknown keywords: {set(schema)}"
    yield from (f"{at}: {name}" for name, fits in BOUNDS.items() if name in schema and not fits(value, schema[name]))
    if "$ref" in schema:
        yield from refusals(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root, at)
    if "anyOf" in schema and all(any(refusals(one, value, root, at)) for one in schema["anyOf"]):
        told = [list(refusals(one, value, root, at)) for one in schema["anyOf"]]
        yield from max(told, key=lambda one: max(found.count(".") + found.count("[") for found in one))
    if isinstance(value, dict):
        yield from _of_object(schema, value, root, at)
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from refusals(schema.get("items", {}), one, root, f"{at}[{index}]")


def _of_object(schema: Json, value: Json, root: Json, at: str) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    yield from (f"{at}.{name}: required" for name in schema.get("required", ()) if name not in value)
    for name, one in value.items():
        if name in known:
            yield from refusals(known[name], one, root, f"{at}.{name}")
        elif others is False:
            yield f"{at}.{name}: unknown"
        else:
            yield from refusals(others, one, root, f"{at}.{name}")


class _Core(yaml.SafeLoader):
    """YAML 1.2 with its core schema, as editors read it: dates, `010` and `on` are text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML's own way


_Core.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Core.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Core.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Core.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def as_an_editor_reads(text: str) -> Json:
    """The value of a YAML text."""
    loader = _Core(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
