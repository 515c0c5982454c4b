"""Publishing SOPs over HTTP, and their versions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from engine.definition import ProcessDefinition
from tests.world import Agency, Client, Json, refused

YAML = """\
kunci: {key}
judul: {title}
instansi: {agency}
peran:
  - {{id: staf, nama: Staf}}
siklus: [yearly]
kegiatan:
  - id: susun
    nomor: 1
    uraian: Menyusun laporan
    jenis: execution
    pelaksana: [staf]
    mutu_baku: {{waktu: {{tercetak: 3 Hari, jumlah: 3, satuan: workdays}}, output: Laporan}}
    alur:
      - {{hasil: completed, jenis: forward, ke: null}}
"""


def sheet(agency: Agency, title: str = "SOP Baru", key: str | None = None) -> str:
    return YAML.format(key=key or f"baru-{agency.key}", title=title, agency=agency.key)


def publish(http: Client, text: str, kind: str = "application/yaml", **params: Any) -> httpx.Response:
    return http.post("/v1/definitions", content=text.encode(), headers={"Content-Type": kind}, params=params)


def changed(agency: Agency, **update: Any) -> Json:
    return agency.definition.model_copy(update=update).model_dump(mode="json")


@pytest.mark.parametrize(
    "kind", ["application/yaml", "application/x-yaml", "text/yaml", "Application/YAML; charset=utf-8"]
)
def test_an_sop_in_yaml_is_published_and_told_in_english_keys(agency: Agency, kind: str) -> None:
    answer = publish(agency.http, sheet(agency), kind)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["key"], told["version"], told["agency"]) == (f"baru-{agency.key}", 1, agency.key)
    (activity,) = told["activities"]
    assert activity["name"] == "Menyusun laporan"
    assert activity["time_limit"] == {"text": "3 Hari", "amount": 3, "unit": "workdays"}
    assert activity["routes"] == [{"outcome": "completed", "kind": "forward", "to": None}]
    assert answer.headers["location"] == f"/v1/definitions/{told['key']}/versions/1"
    assert agency.http.json(answer.headers["location"]) == told
    assert agency.http.json(f"/v1/definitions/{told['key']}") == told


def test_what_is_answered_can_be_sent_back_unchanged(agency: Agency) -> None:
    told = agency.http.json(f"/v1/definitions/{agency.definition.key}")
    again = agency.http.post("/v1/definitions", json=told)
    assert (again.status_code, again.json()) == (200, told)


def test_yaml_and_json_of_one_sop_are_the_same_version(agency: Agency) -> None:
    first = publish(agency.http, sheet(agency)).json()
    shape = {name: value for name, value in first.items() if name in ProcessDefinition.model_fields}
    again = agency.http.post("/v1/definitions", json=shape)
    assert (again.status_code, again.json()["version"]) == (200, 1)
    reordered = "# sama\n" + sheet(agency).replace("kegiatan:", "\n\nkegiatan:")
    assert publish(agency.http, reordered).status_code == 200
    assert len(agency.http.all(f"/v1/definitions/{first['key']}/versions")) == 1


def test_changed_content_is_the_next_version_and_the_old_ones_stay(agency: Agency) -> None:
    key = agency.definition.key
    for number, title in enumerate(("Judul 2", "Judul 3"), start=2):
        answer = agency.http.post("/v1/definitions", json=changed(agency, title=title))
        assert (answer.status_code, answer.json()["version"]) == (201, number)
    versions = agency.http.all(f"/v1/definitions/{key}/versions")
    assert [one["version"] for one in versions] == [3, 2, 1]
    assert [one["title"] for one in versions] == ["Judul 3", "Judul 2", agency.definition.title]
    assert agency.http.json(f"/v1/definitions/{key}")["version"] == 3
    assert agency.http.json(f"/v1/definitions/{key}/versions/1")["title"] == agency.definition.title
    listed = [one for one in agency.http.all("/v1/definitions") if one["key"] == key]
    assert [one["version"] for one in listed] == [3]


def test_going_back_to_old_content_is_a_version_of_its_own(agency: Agency) -> None:
    agency.http.post("/v1/definitions", json=changed(agency, title="Lain"))
    back = agency.http.post("/v1/definitions", json=changed(agency))
    assert (back.status_code, back.json()["version"]) == (201, 3)


def test_a_running_instance_stays_on_its_version(agency: Agency) -> None:
    task = agency.opened()
    first, second, *rest = agency.definition.activities
    renamed = first.model_copy(update={"output": "Dokumen lain"})
    agency.http.post("/v1/definitions", json=changed(agency, activities=(renamed, second, *rest)))
    assert agency.http.json(f"/v1/tasks/{task['id']}")["expected_outputs"] == [first.output]
    done = agency.http.completed(task)
    assert (done["task"]["version"], done["instance"]["version"], done["opened"][0]["version"]) == (1, 1, 1)
    assert {event["version"] for event in agency.trail(done["instance"])} == {1}
    newer = agency.started("2030")
    assert (newer["version"], agency.waiting(newer)["expected_outputs"]) == (2, ["Dokumen lain"])


def test_every_mistake_is_told_with_its_line_and_column(agency: Agency) -> None:
    wrong = sheet(agency).replace("ke: null", "ke: susum").replace("nomor: 1", "nomor: satu")
    problem = refused(publish(agency.http, wrong), 422, "definition-invalid")
    assert len(problem["errors"]) >= 1
    for mistake in problem["errors"]:
        assert isinstance(mistake["line"], int)
        assert isinstance(mistake["column"], int)
        assert mistake["message_id"] != mistake["message_en"]
    (number,) = [one for one in problem["errors"] if one["at"] == "kegiatan[0].nomor"]
    assert number["line"] == 9
    refused(agency.http.get(f"/v1/definitions/baru-{agency.key}"), 404, "not-found")


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe\x00", b"\x00", "kunci: é".encode("utf-16"), b"- " * 50_000, b"&a [*a]"]
)
@pytest.mark.parametrize("kind", ["application/yaml", "application/json"])
def test_what_is_no_sop_at_all_is_refused(agency: Agency, body: bytes, kind: str) -> None:
    answer = agency.http.post("/v1/definitions", content=body, headers={"Content-Type": kind})
    assert refused(answer, 422, "definition-invalid")["errors"]


def test_a_byte_order_mark_is_no_fault(agency: Agency) -> None:
    answer = publish(agency.http, "\ufeff" + sheet(agency))
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("kind", ["application/bpmn+xml", "text/plain", "", "multipart/form-data; boundary=x"])
def test_another_kind_of_body_is_refused_and_told_which_are_taken(agency: Agency, kind: str) -> None:
    problem = refused(publish(agency.http, sheet(agency), kind), 415, "media-type-unsupported")
    assert "application/yaml" in problem["detail_en"]


def test_only_saying_whether_it_is_right_publishes_nothing(agency: Agency) -> None:
    good = publish(agency.http, sheet(agency), validate_only="true")
    assert good.status_code == 200, good.text
    refused(agency.http.get(f"/v1/definitions/baru-{agency.key}"), 404, "not-found")
    wrong = sheet(agency).replace("ke: null", "ke: susum")
    refused(publish(agency.http, wrong, validate_only="true"), 422, "definition-invalid")
    assert publish(agency.http, sheet(agency)).json()["version"] == 1


def test_a_key_of_another_agency_is_refused(an_agency: Callable[..., Agency]) -> None:
    mine, theirs = an_agency(), an_agency()
    problem = refused(publish(mine.http, sheet(mine, key=theirs.definition.key)), 409, "definition-of-another-agency")
    assert theirs.definition.key in problem["detail_en"]
    assert len(theirs.http.all(f"/v1/definitions/{theirs.definition.key}/versions")) == 1


def test_an_sop_for_an_agency_that_the_key_does_not_serve_is_refused(an_agency: Callable[..., Agency]) -> None:
    mine, theirs = an_agency(), an_agency()
    (mistake,) = refused(publish(mine.http, sheet(theirs)), 422, "definition-invalid")["errors"]
    assert mistake["at"] == "agency"
    refused(theirs.http.get(f"/v1/definitions/baru-{theirs.key}"), 404, "not-found")


def test_who_publishes_at_once_gets_versions_in_a_row(agency: Agency) -> None:
    secret = agency.secret()
    clients = [agency.world.client(secret) for _ in range(6)]

    def one(number: int) -> int:
        answer = clients[number].post("/v1/definitions", json=changed(agency, title=f"Judul {number}"))
        version: int = answer.json()["version"]
        return version

    with ThreadPoolExecutor(len(clients)) as threads:
        assert sorted(threads.map(one, range(len(clients)))) == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999", "1.5"])
def test_a_version_that_cannot_be_is_a_problem(agency: Agency, number: str) -> None:
    answer = agency.http.get(f"/v1/definitions/{agency.definition.key}/versions/{number}")
    (mistake,) = refused(answer, 422, "request-invalid")["errors"]
    assert mistake["at"] == "n"


def test_a_version_that_is_not_there_is_not_found(agency: Agency) -> None:
    refused(agency.http.get(f"/v1/definitions/{agency.definition.key}/versions/2"), 404, "not-found")


def test_sops_are_found_by_words_of_their_title(agency: Agency) -> None:
    publish(agency.http, sheet(agency, title="Evaluasi 100% Anggaran"))
    assert [one["key"] for one in agency.http.all("/v1/definitions", q="100%")] == [f"baru-{agency.key}"]
    assert agency.http.all("/v1/definitions", q="tidak ada") == []
    assert len(agency.http.all("/v1/definitions", agency=agency.key)) == 2
