"""What strangers tried, each answered with a reason and never with a 500."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.definitions.shipped import FOLDER
from engine.errors import DefinitionRejected
from engine.reader import read_yaml
from tests.world import Agency, Json, World, completion, refused


def started_in_the_middle(agency: Agency, *scopes: str, done: Json = (), key: str | None = None) -> object:
    asked = {
        "definition": agency.definition.key,
        "period": "2031",
        "start_at": {"activity": "susun_konsep", "reason": "Sudah berjalan di atas kertas.", "done": list(done)},
    }
    return agency.world.client(agency.secret(*scopes)).post("/v1/instances", json=asked)


def test_only_a_key_that_may_record_begins_in_the_middle(agency: Agency) -> None:
    refused(started_in_the_middle(agency, "start", "act", "read"), 403, "scope-missing")
    assert started_in_the_middle(agency, "start", "record").status_code == 201


def test_what_was_done_outside_was_done_by_officials_of_the_agency(
    agency: Agency, an_agency: Callable[..., Agency]
) -> None:
    stranger = an_agency().official()
    done = [{"activity": "susun_sk_tim", "performed_by": stranger}]
    refused(started_in_the_middle(agency, "start", "record", done=done), 403, "official-not-allowed")
    own = [{"activity": "susun_sk_tim", "performed_by": agency.official()}]
    assert started_in_the_middle(agency, "start", "record", done=own).status_code == 201


def test_what_lies_ahead_cannot_have_been_done(agency: Agency) -> None:
    done = [{"activity": "paraf_sekretaris"}]
    refused(started_in_the_middle(agency, "start", "record", done=done), 422, "start-not-possible")


def test_an_sop_of_another_agency_is_as_unknown_as_one_that_does_not_exist(
    agency: Agency, an_agency: Callable[..., Agency]
) -> None:
    stranger = an_agency()
    answers = [stranger.http.start(key, period="2031") for key in (agency.definition.key, "tidak-ada")]
    told = [refused(answer, 404, "not-found")["errors"] for answer in answers]
    assert [one["at"] for (one,) in told] == ["definition", "definition"]
    assert "None" not in answers[0].text


def test_a_misspelt_parameter_of_a_deed_is_refused_and_nothing_is_done(agency: Agency) -> None:
    changed = agency.definition.model_copy(update={"title": "Judul lain"})
    path = "/v1/definitions?validate_onli=true"
    problem = refused(agency.http.post(path, json=changed.model_dump(mode="json")), 422, "request-invalid")
    assert [one["at"] for one in problem["errors"]] == ["validate_onli"]
    assert agency.http.json(f"/v1/definitions/{agency.definition.key}")["version"] == 1


@pytest.mark.parametrize("number", [1e300, 1e23, -1e17])
def test_a_number_that_json_does_not_hold_exactly_is_refused(agency: Agency, number: float) -> None:
    refused(agency.http.start(agency.definition.key, period="2031", data={"a": number}), 422, "request-invalid")


def test_numbers_that_are_kept_can_be_proved(world: World, agency: Agency) -> None:
    numbers = {"a": 1e15, "b": -0.0, "c": 1.5e-300, "d": 2**53, "e": [1.0, 0.1]}
    instance = agency.started(period="2031", data=numbers)
    assert world.findings(instance) == []
    assert agency.http.json(f"/v1/instances/{instance['id']}")["data"] == numbers


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_out_of_our_time_is_a_mistake(agency: Agency, moment: str) -> None:
    task = agency.opened()
    body = completion(task) | {"performed_at": moment, "reason": "Kertas"}
    problem = refused(
        agency.http.deed(f"/v1/tasks/{task['id']}/complete", body, by=agency.official()), 422, "request-invalid"
    )
    assert [one["at"] for one in problem["errors"]] == ["performed_at"]


def test_work_done_before_the_task_opened_is_told_as_such(agency: Agency) -> None:
    task = agency.opened()
    body = completion(task) | {"performed_at": "2001-01-01T00:00:00Z", "reason": "Kertas"}
    answer = agency.http.deed(f"/v1/tasks/{task['id']}/complete", body, by=agency.official())
    refused(answer, 422, "performed-at-impossible")


@pytest.mark.parametrize("path", ["/v1/tasks?status=opne", "/v1/instances?status=opne"])
def test_a_status_that_does_not_exist_hides_no_rows(agency: Agency, path: str) -> None:
    problem = refused(agency.http.get(path), 422, "request-invalid")
    assert [(one["at"], "running" in one["expected"] or "open" in one["expected"]) for one in problem["errors"]] == [
        ("status", True)
    ]


def test_the_printed_address_leads_to_the_api(agency: Agency) -> None:
    assert agency.http.get("/", follow_redirects=True).url.path == "/docs"


def test_the_page_of_the_api_needs_nothing_from_elsewhere(agency: Agency) -> None:
    page = agency.http.get("/docs").text
    assert "https://" not in page
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
        assert f"docs/{name}" in page
        assert agency.http.get(f"/docs/{name}").status_code == 200
    refused(agency.http.get("/docs/lain.js"), 404, "not-found")


def test_a_date_that_is_not_in_the_calendar_is_found(agency: Agency) -> None:
    text = "kunci: a\nidentitas:\n  tanggal_pembuatan: {tercetak: 31-13-2023, tanggal: 2023-13-31}\n"
    with pytest.raises(DefinitionRejected) as rejected:
        read_yaml(text, "uji.yaml")
    places = [(one.at, one.line) for one in rejected.value.mistakes]
    assert ("identitas.tanggal_pembuatan.tanggal", 3) in places


def test_a_return_that_leads_on_and_so_skips_approval_is_refused() -> None:
    text = (FOLDER / "kalbar-lakip.yaml").read_text()
    turned = text.replace(
        "{hasil: returned, jenis: return, ke: susun_konsep}", "{hasil: returned, jenis: return, ke: paraf_sekretaris}"
    )
    assert turned != text
    with pytest.raises(DefinitionRejected) as rejected:
        read_yaml(turned, "kalbar-lakip.yaml")
    (mistake,) = rejected.value.mistakes
    assert (mistake.at, "kegiatan 5" in mistake.message_id) == ("kegiatan[4].alur[1].ke", True)
