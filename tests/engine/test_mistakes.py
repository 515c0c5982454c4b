"""What pydantic finds is said in both languages, with what would be right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AnyHttpUrl, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core._pydantic_core import list_all_errors

from engine.definition import ProcessDefinition
from engine.errors import Mistake
from engine.mistakes import PATTERNS, Location, closest, from_validation, rendered
from engine.state import Output as Document


class Colour(StrEnum):
    MERAH = "merah"
    PUTIH = "putih"


class Output(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=2, max_length=5)
    url: AnyHttpUrl | None = None


class Completion(BaseModel):
    """A body with one field for each kind of mistake."""

    model_config = ConfigDict(extra="forbid", strict=True)

    outcome: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = "completed"
    outputs: list[Output] = Field(default=[], max_length=2)
    colour: Colour = Colour.MERAH
    kind: Literal["forward", "return"] = "forward"
    round: int = Field(default=1, gt=0, le=9)
    share: float = Field(default=1, ge=0, lt=2)
    urgent: bool = False
    id: UUID | None = None
    performed_at: AwareDatetime | None = None
    day: date | None = None
    words: tuple[str, ...] = Field(default=(), min_length=0)
    facts: dict[str, str] = {}
    either: int | bool = 0

    @field_validator("outcome")
    @classmethod
    def not_taken(cls, outcome: str) -> str:
        if outcome == "taken":
            raise ValueError("this outcome is taken")
        if outcome == "ours":
            raise PydanticCustomError("ours", "Say it otherwise.", {"message_id": "Tulis dengan cara lain."})
        return outcome


def mistakes(model: type[BaseModel], body: Any) -> tuple[Mistake, ...]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(body if isinstance(body, bytes) else json.dumps(body))
    return from_validation(caught.value.errors(), model=model)


def the_only(body: Any) -> Mistake:
    found = mistakes(Completion, body)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("body", "at", "says", "expected"),
    [
        ({"outputs": [{}]}, "outputs[0].name", "wajib ada", "name"),
        ({"outpts": []}, "outpts", 'Maksud Anda "outputs"?', "outputs"),
        ({"outputs": [{"name": "ab", "ulr": ""}]}, "outputs[0].ulr", 'Maksud Anda "url"?', "url"),
        ({"outputs": {}}, "outputs", "daftar", "[..., ...]"),
        ({"outputs": [3]}, "outputs[0]", "pasangan kunci dan nilai", "kunci: nilai"),
        ({"outputs": [{"name": "ab"}] * 3}, "outputs", "paling banyak 2", "<= 2"),
        ({"outputs": [{"name": "a"}]}, "outputs[0].name", "paling sedikit 2 karakter", ">= 2"),
        ({"outputs": [{"name": "abcdef"}]}, "outputs[0].name", "paling banyak 5 karakter", "<= 5"),
        ({"outputs": [{"name": 12}]}, "outputs[0].name", "Apit dengan tanda kutip", '"12"'),
        ({"outputs": [{"name": True}]}, "outputs[0].name", "Apit dengan tanda kutip", '"true"'),
        ({"outputs": [{"name": None}]}, "outputs[0].name", "harus berupa teks", '"..."'),
        ({"outputs": [{"name": "ab", "url": "nota"}]}, "outputs[0].url", "Alamat", "https://contoh.go.id/alamat"),
        ({"outputs": [{"name": "ab", "url": "ftp://a"}]}, "outputs[0].url", "diawali", "'http' or 'https'"),
        ({"outcome": "Selesai"}, "outcome", "huruf kecil", "ketua_tim_kerja"),
        ({"outcome": "taken"}, "outcome", "this outcome is taken", None),
        ({"outcome": "ours"}, "outcome", "Tulis dengan cara lain.", None),
        ({"colour": "mera"}, "colour", 'Maksud Anda "merah"?', "merah, putih"),
        ({"colour": []}, "colour", "Pilih salah satu: merah, putih", "merah, putih"),
        ({"kind": "foward"}, "kind", 'Maksud Anda "forward"?', "forward, return"),
        ({"round": "3"}, "round", "Hapus tanda kutipnya", "3"),
        ({"round": "tiga"}, "round", "bilangan bulat", "1"),
        ({"round": 1.5}, "round", "bilangan bulat", "1"),
        ({"round": 0}, "round", "lebih dari 0", "> 0"),
        ({"round": 10}, "round", "paling banyak 9", "<= 9"),
        ({"share": -1}, "share", "paling sedikit 0", ">= 0.0"),
        ({"share": 2}, "share", "kurang dari 2", "< 2.0"),
        ({"share": "x"}, "share", "bilangan", "1.5"),
        ({"urgent": "ya"}, "urgent", "true atau false", "true, false"),
        ({"id": "12"}, "id", "UUID", "01960000-0000-7000-8000-000000000000"),
        ({"performed_at": "2026-03-02T08:00:00"}, "performed_at", "WIB +07:00", "2026-03-02T08:00:00+07:00"),
        ({"performed_at": "kemarin"}, "performed_at", "WIB +07:00", "2026-03-02T08:00:00+07:00"),
        ({"day": "2 Maret"}, "day", "tahun-bulan-hari", "2026-03-02"),
        ({"facts": {"a": 1}}, "facts.a", "Apit dengan tanda kutip", '"1"'),
        ({"facts": []}, "facts", "pasangan kunci dan nilai", "kunci: nilai"),
        (b"{", "", "JSON ini tidak dapat dibaca", None),
    ],
)
def test_says_what_is_wrong_where_and_what_would_be_right(body: Any, at: str, says: str, expected: str | None) -> None:
    found = the_only(body)

    assert (found.at, found.expected) == (at, expected)
    assert says in found.message_id


def test_reports_every_mistake_of_a_body() -> None:
    found = mistakes(Completion, {"outcome": 1, "round": 0, "outputs": [{"nama": "x"}], "extra": 1})

    assert [one.at for one in found] == ["outcome", "outputs[0].name", "outputs[0].nama", "round", "extra"]


def test_does_not_call_a_list_too_short_whose_items_are_wrong() -> None:
    class Team(BaseModel):
        members: tuple[Output, ...] = Field(min_length=1)

    assert [found.at for found in mistakes(Team, {"members": [3]})] == ["members[0]"]
    assert [found.at for found in mistakes(Team, {"members": []})] == ["members"]


def test_a_document_names_its_own_places() -> None:
    with pytest.raises(ValidationError) as caught:
        Completion.model_validate({"round": 0})
    (found,) = from_validation(caught.value.errors(), lambda path: Location(f"putaran di {path[0]}", 7, 3))

    assert (found.at, found.line, found.column) == ("putaran di round", 7, 3)


def test_finds_the_right_key_below_what_fastapi_puts_in_front() -> None:
    error = {"type": "extra_forbidden", "loc": ("body", "outputs", 0, "nmae"), "msg": "", "input": 1}

    (found,) = from_validation([error], model=Completion)

    assert (found.at, found.expected) == ("body.outputs[0].nmae", "name")


@pytest.mark.parametrize("kind", list_all_errors(), ids=lambda kind: kind["type"])
def test_every_type_of_error_has_a_sentence_in_both_languages(kind: dict[str, Any]) -> None:
    error = {
        "type": kind["type"],
        "loc": ("field",),
        "msg": kind["message_template_python"],
        "ctx": kind.get("example_context") or {},
        "input": object(),
    }
    if kind["type"] == "too_short":
        error["input"] = ()

    (found,) = from_validation([error])

    assert found.message_id.endswith((".", "?", ": ", "}", "None")) or "Alasan teknis" in found.message_id
    assert found.message_id != found.message_en


@pytest.mark.parametrize("kind", list_all_errors(), ids=lambda kind: kind["type"])
def test_an_error_without_its_facts_breaks_no_sentence(kind: dict[str, Any]) -> None:
    (found,) = from_validation([{"type": kind["type"], "loc": (), "msg": "as pydantic says it"}])

    assert found.message_id
    assert found.message_en


def test_an_unheard_of_error_is_passed_on_truthfully() -> None:
    (found,) = from_validation([{"type": "brand_new", "loc": ("a",), "msg": "It is too blue"}])

    assert found.message_en == "This value is not accepted: It is too blue"
    assert "It is too blue" in found.message_id


def test_every_pattern_of_a_definition_is_said_in_words() -> None:
    used = {*patterns(ProcessDefinition.model_json_schema()), *patterns(Document.model_json_schema())}
    assert used <= set(PATTERNS)


def patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for inside in schema.values():
            yield from patterns(inside)
    elif isinstance(schema, list):
        for inside in schema:
            yield from patterns(inside)


def test_a_long_value_does_not_flood_the_sentence() -> None:
    found = the_only({"colour": "x" * 10_000})

    assert len(found.message_id) < 200


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("activities", 3, "routes", 0, "to"), "activities[3].routes[0].to"),
        ((2,), "[2]"),
        (("a", "b"), "a.b"),
    ],
)
def test_renders_a_path_as_people_read_it(path: tuple[str | int, ...], text: str) -> None:
    assert rendered(path) == text


def test_the_closest_word_is_found_and_a_far_one_is_not() -> None:
    known = ("uraian", "pelaksana", "pendamping", "mutu_baku")

    assert closest("pelaksna", known) == "pelaksana"
    assert closest("xyz", known) is None
    assert closest("", known) is None
    assert closest("uraian" * 100, known) is None
