"""The JSON Schema for editors: it accepts what the reader accepts and marks what the reader would refuse."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from engine.definition import Activity, Cycle, NodeKind, Part, ProcessDefinition, RouteKind, TimeUnit
from engine.schema import editor_schema
from tests.json_schema import as_an_editor_reads, refusals

SCHEMA = editor_schema()

SOP = """
kunci: contoh
judul: Contoh
instansi: dinas-contoh
siklus: [yearly]
identitas:
  nomor:
  tanggal_pembuatan: {tercetak: 31-8-2023, tanggal: 2023-08-31}
peran:
  - {id: pelaksana, nama: Pelaksana}
pihak:
  - {id: bkad, nama: BKAD}
simpul:
  - {id: tunggu, jenis: wait, pihak: bkad, alur: [{hasil: dijawab, jenis: forward, ke: null}]}
kegiatan:
  - id: kerjakan
    nomor: 1
    uraian: Mengerjakan
    jenis: execution
    pelaksana: [pelaksana]
    mutu_baku:
      kelengkapan: [Bahan]
      waktu: {tercetak: 1 hari, jumlah: 1, satuan: workdays}
      output: Hasil
    sub_langkah:
      - {nomor: a, uraian: mengetik, jenis: action}
    alur:
      - {hasil: completed, jenis: forward, ke: tunggu}
"""


def sop() -> Any:
    return as_an_editor_reads(SOP)


def test_a_whole_sop_is_accepted() -> None:
    assert list(refusals(SCHEMA, sop())) == []


def test_keys_are_those_of_the_sheet_and_groups_are_objects() -> None:
    activity = SCHEMA["$defs"]["Activity"]
    assert set(activity["properties"]["mutu_baku"]["properties"]) == {"kelengkapan", "waktu", "output"}
    assert activity["properties"]["mutu_baku"]["additionalProperties"] is False
    for name, shape in _objects():
        assert shape["additionalProperties"] is False, name
        english = {"activities", "roles", "candidate_roles", "routes", "outcome", "time_limit", "inferred", "units"}
        assert not english & set(shape["properties"]), name


def test_every_field_of_a_definition_has_its_key() -> None:
    for name, shape in _objects():
        model = ProcessDefinition if name == "SOP" else _parts()[name]
        keys = {str(field.validation_alias or one).split(".")[0] for one, field in model.model_fields.items()}
        assert set(shape["properties"]) == keys


def test_what_must_be_there_is_required() -> None:
    assert set(SCHEMA["required"]) == {"kunci", "judul", "instansi", "peran", "siklus", "kegiatan"}
    required = {"id", "nomor", "uraian", "jenis", "pelaksana", "alur"}
    assert set(SCHEMA["$defs"]["Activity"]["required"]) == required
    assert set(SCHEMA["$defs"]["Route"]["required"]) == {"hasil", "jenis", "ke"}


@pytest.mark.parametrize(
    ("name", "values"), [("Cycle", Cycle), ("RouteKind", RouteKind), ("TimeUnit", TimeUnit), ("NodeKind", NodeKind)]
)
def test_values_are_never_translated(name: str, values: Any) -> None:
    assert SCHEMA["$defs"][name]["enum"] == [str(one) for one in values]


def test_every_reference_leads_somewhere_and_nothing_is_left_over() -> None:
    named = {one.removeprefix("#/$defs/") for one in _values_of("$ref", SCHEMA)}
    assert named == set(SCHEMA["$defs"])


def test_no_english_titles_or_defaults_remain() -> None:
    enumerations = {name for name, shape in SCHEMA["$defs"].items() if "enum" in shape}
    assert set(_values_of("title", SCHEMA)) == {"SOP"} | enumerations
    assert list(_values_of("default", SCHEMA)) == []


def test_each_object_is_described_in_one_line() -> None:
    for name, shape in _objects():
        assert shape["description"].strip(), name
        assert "\n" not in shape["description"]


def test_a_key_without_a_value_says_what_leaving_it_out_says() -> None:
    bare = sop()
    bare["simpul"] = bare["pihak"] = bare["identitas"] = bare["kegiatan"][0]["mutu_baku"]["waktu"] = None
    bare["kegiatan"][0]["sub_langkah"] = None
    assert list(refusals(SCHEMA, bare)) == []


MISSPELT = {
    "at the top": (("kegiatn",), ".kegiatn: unknown"),
    "in the identity block": (("identitas", "nomer"), ".identitas.nomer: unknown"),
    "in a row": (("kegiatan", 0, "pelaksna"), ".kegiatan[0].pelaksna: unknown"),
    "in a group of a row": (("kegiatan", 0, "mutu_baku", "wkatu"), ".kegiatan[0].mutu_baku.wkatu: unknown"),
    "in a time limit": (("kegiatan", 0, "mutu_baku", "waktu", "unit"), ".kegiatan[0].mutu_baku.waktu.unit: unknown"),
    "in a route": (("kegiatan", 0, "alur", 0, "menuju"), ".kegiatan[0].alur[0].menuju: unknown"),
    "in a node": (("simpul", 0, "cabng"), ".simpul[0].cabng: unknown"),
    "in English": (("kegiatan", 0, "candidate_roles"), ".kegiatan[0].candidate_roles: unknown"),
}


@pytest.mark.parametrize("where", MISSPELT)
def test_a_misspelt_key_is_refused(where: str) -> None:
    path, refusal = MISSPELT[where]
    assert list(refusals(SCHEMA, _with(path, "x"))) == [refusal]


WRONG = {
    "a cycle": (("siklus", 0), "tahunan"),
    "a kind of activity": (("kegiatan", 0, "jenis"), "keputusan"),
    "a kind of route": (("kegiatan", 0, "alur", 0, "jenis"), "maju"),
    "a unit of time": (("kegiatan", 0, "mutu_baku", "waktu", "satuan"), "hari"),
    "a kind of node": (("simpul", 0, "jenis"), "paralel"),
    "a kind of sub-step": (("kegiatan", 0, "sub_langkah", 0, "jenis"), "kegiatan"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_choice_is_refused(what: str) -> None:
    path, value = WRONG[what]
    (refusal,) = refusals(SCHEMA, _with(path, value))
    assert refusal.endswith(": enum")


MISSING = [
    ("kunci",),
    ("kegiatan",),
    ("kegiatan", 0, "uraian"),
    ("kegiatan", 0, "alur"),
    ("kegiatan", 0, "alur", 0, "ke"),
    ("kegiatan", 0, "mutu_baku", "waktu", "satuan"),
    ("simpul", 0, "jenis"),
    ("pihak", 0, "nama"),
]


@pytest.mark.parametrize("path", MISSING, ids=str)
def test_a_missing_key_is_refused(path: tuple[Any, ...]) -> None:
    (refusal,) = refusals(SCHEMA, _without(path))
    assert refusal.endswith(f".{path[-1]}: required")


@pytest.mark.parametrize(
    ("path", "value", "keyword"),
    [
        (("kegiatan", 0, "nomor"), 0, "minimum"),
        (("kegiatan", 0, "nomor"), "1", "type"),
        (("kegiatan", 0, "id"), "Kerjakan", "pattern"),
        (("kegiatan", 0, "uraian"), "", "minLength"),
        (("kegiatan", 0, "pelaksana"), [], "minItems"),
        (("kegiatan", 0, "pelaksana"), "pelaksana", "type"),
        (("kegiatan", 0, "mutu_baku", "waktu", "jumlah"), 0, "exclusiveMinimum"),
        (("kunci",), "Kalbar LAKIP", "pattern"),
        (("kegiatan",), [], "minItems"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused(path: tuple[Any, ...], value: Any, keyword: str) -> None:
    told = {refusal.rpartition(": ")[2] for refusal in refusals(SCHEMA, _with(path, value))}
    assert keyword in told


def _objects() -> Iterator[tuple[str, Any]]:
    yield "SOP", SCHEMA
    yield from ((name, shape) for name, shape in SCHEMA["$defs"].items() if "enum" not in shape)


def _parts() -> dict[str, type[Part]]:
    return {part.__name__: part for part in Part.__subclasses__()} | {"Activity": Activity}


def _values_of(keyword: str, shape: Any) -> Iterator[Any]:
    """Every value of a keyword, as far as it is none of the keys of the sheet."""
    if isinstance(shape, list):
        for one in shape:
            yield from _values_of(keyword, one)
    elif isinstance(shape, dict):
        for name, value in shape.items():
            if name == keyword and isinstance(value, str):
                yield value
            else:
                yield from _values_of(keyword, value)


def _with(path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(sop())
    _group(changed, path)[path[-1]] = value
    return changed


def _without(path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(sop())
    del _group(changed, path)[path[-1]]
    return changed


def _group(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        value = value[step]
    return value
