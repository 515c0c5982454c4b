"""Starting a cycle over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.definition import Cycle, ProcessDefinition
from tests.world import Agency, World, kalbar_lakip, refused


def cycling(*cycle: Cycle) -> ProcessDefinition:
    return kalbar_lakip().model_copy(update={"cycle": cycle})


def test_a_start_answers_201_with_the_instance_and_where_it_is(agency: Agency) -> None:
    answer = agency.http.start(agency.definition.key, period="2025", title="LAKIP Uji", data={"pagu": 12.5})
    assert answer.status_code == 201
    instance = answer.json()
    assert answer.headers["location"] == f"/v1/instances/{instance['id']}"
    assert agency.http.json(answer.headers["location"]) == instance | {"plan": None}
    assert (instance["definition"], instance["version"]) == (agency.definition.key, 1)
    assert (instance["agency"], instance["period"]) == (agency.key, "2025")
    assert (instance["title"], instance["data"]) == ("LAKIP Uji", {"pagu": 12.5})
    assert (instance["status"], instance["deadline"], instance["overdue"]) == ("running", None, False)
    (task,) = instance["open_tasks"]
    assert (task["activity"], task["overdue"], task["assignee"]) == ("susun_sk_tim", False, None)
    assert task["due_at"] > instance["started_at"]


def test_a_start_without_a_title_is_named_after_sop_and_period(agency: Agency) -> None:
    assert agency.started("2024")["title"] == f"{agency.definition.title} 2024"


def test_a_task_with_several_candidates_names_no_single_holder(agency: Agency) -> None:
    task = agency.opened()
    assert len(task["candidates"]) == 2
    assert (task["position"], task["holder"]) == ("Jabatan ketua_tim_kerja", None)


@pytest.mark.parametrize(
    ("cycle", "period"),
    [
        (Cycle.YEARLY, "2026"),
        (Cycle.SEMESTER, "2026-S1"),
        (Cycle.QUARTERLY, "2026-Q4"),
        (Cycle.MONTHLY, "2026-03"),
        (Cycle.FIVE_YEARLY, "2025-2029"),
        (Cycle.ON_DEMAND, None),
    ],
)
def test_each_cycle_takes_its_own_form_of_period_and_no_other(
    an_agency: Callable[..., Agency], cycle: Cycle, period: str | None
) -> None:
    agency = an_agency(cycling(cycle))
    assert agency.started(period)["period"] == period
    for wrong in ("2026-13", "2026-S3", "26", "2025-2028", " 2026", ""):
        assert agency.http.start(agency.definition.key, period=wrong).status_code == 422
    problem = refused(agency.http.start(agency.definition.key, period="besok"), 422, "period-mismatch")
    assert problem["errors"][0]["at"] == "period"


def test_a_period_left_out_is_refused_where_the_sop_has_a_cycle(agency: Agency) -> None:
    refused(agency.http.start(agency.definition.key), 422, "period-mismatch")


def test_an_sop_with_two_cycles_takes_both_forms(an_agency: Callable[..., Agency]) -> None:
    agency = an_agency(cycling(Cycle.YEARLY, Cycle.QUARTERLY))
    assert {agency.started(period)["period"] for period in ("2026", "2026-Q1")} == {"2026", "2026-Q1"}


def test_a_second_cycle_for_the_period_is_refused_and_names_the_first(agency: Agency) -> None:
    first = agency.started()
    existing = refused(agency.http.start(agency.definition.key, period="2025"), 409, "duplicate-instance")["existing"]
    assert (existing["id"], existing["outcome"]) == (first["id"], "running")
    (event, *_) = agency.trail(first)
    assert existing["by"] == event["client"]
    assert existing["at"].replace("+00:00", "Z") == first["started_at"]


def test_a_finished_cycle_blocks_a_second_one_too(agency: Agency) -> None:
    first = agency.to_the_end()
    problem = refused(agency.http.start(agency.definition.key, period="2025"), 409, "duplicate-instance")
    assert (problem["existing"]["id"], problem["existing"]["outcome"]) == (first["id"], "completed")


def test_a_second_cycle_with_a_reason_is_started_and_the_trail_says_why(agency: Agency) -> None:
    first = agency.started()
    second = agency.started(duplicate={"reason": "Revisi atas temuan Inspektorat"})
    assert second["id"] != first["id"]
    (event, *_) = agency.trail(second)
    assert (event["reason"], event["data"]["duplicate_of"]) == ("Revisi atas temuan Inspektorat", first["id"])
    refused(agency.http.start(agency.definition.key, period="2025"), 409, "duplicate-instance")
    refused(agency.http.start(agency.definition.key, period="2025", duplicate={"reason": " "}), 422, "request-invalid")


def test_a_cancelled_cycle_does_not_block(agency: Agency) -> None:
    assert agency.http.interrupt(agency.started(), "cancel").status_code == 200
    assert agency.started()["status"] == "running"


def test_a_duplicate_still_blocks_when_the_first_was_cancelled(agency: Agency) -> None:
    first = agency.started()
    second = agency.started(duplicate={"reason": "Revisi"})
    assert agency.http.interrupt(first, "cancel").status_code == 200
    problem = refused(agency.http.start(agency.definition.key, period="2025"), 409, "duplicate-instance")
    assert problem["existing"]["id"] == second["id"]


def test_without_a_period_any_number_may_run(an_agency: Callable[..., Agency]) -> None:
    agency = an_agency(cycling(Cycle.ON_DEMAND))
    assert agency.started(None)["id"] != agency.started(None)["id"]


def test_a_reference_is_unique_within_its_client(agency: Agency) -> None:
    reference = {"system": "e-sakip", "id": "L/1", "letter_number": "000.8/1", "letter_date": "2026-01-02"}
    first = agency.started("2024", reference=reference)
    assert first["reference"] == reference
    again = agency.http.start(agency.definition.key, period="2025", reference=reference)
    assert refused(again, 409, "reference-taken")["existing"]["id"] == first["id"]
    elsewhere = {**reference, "system": "sipd"}
    assert agency.http.start(agency.definition.key, period="2025", reference=elsewhere).status_code == 201
    other = agency.client().start(agency.definition.key, period="2026", reference=reference)
    assert other.status_code == 201


def test_references_and_letters_can_be_searched(agency: Agency) -> None:
    wanted = agency.started("2024", reference={"system": "e-sakip", "id": "L/77", "letter_number": "000.8/123_4"})
    agency.started("2025", title="Seratus 100% lain")
    for words in ("L/77", "l/77", "123_4"):
        assert [one["id"] for one in agency.http.all("/v1/instances", q=words)] == [wanted["id"]]
    assert agency.http.all("/v1/instances", q="00_") == []
    assert len(agency.http.all("/v1/instances", q="100%")) == 1


@pytest.mark.parametrize(
    "wanted",
    [
        {"definition": "tidak-ada", "period": "2025"},
        {"period": "2025", "version": 99},
        {"period": "2025", "agency": "tidak-ada"},
    ],
)
def test_what_does_not_exist_is_not_found(agency: Agency, wanted: dict[str, Any]) -> None:
    refused(agency.http.start(**({"definition": agency.definition.key} | wanted)), 404, "not-found")


def test_the_sop_and_the_agency_of_others_are_not_found(an_agency: Callable[..., Agency]) -> None:
    mine, theirs = an_agency(), an_agency()
    refused(mine.http.start(theirs.definition.key, period="2025"), 404, "not-found")
    for named in (theirs.key, str(theirs.id)):
        refused(mine.http.start(mine.definition.key, period="2025", agency=named), 404, "not-found")
    assert theirs.http.all("/v1/instances") == []


def test_a_client_of_two_agencies_may_start_the_sop_of_one_for_the_other(an_agency: Callable[..., Agency]) -> None:
    lender, borrower = an_agency(), an_agency()
    http = lender.client(also=[borrower])
    for named, period in ((borrower.key, "2024"), (str(borrower.id).upper(), "2025")):
        instance = http.start(lender.definition.key, period=period, agency=named)
        assert (instance.status_code, instance.json()["agency"]) == (201, borrower.key)
        refused(lender.http.get(f"/v1/instances/{instance.json()['id']}"), 404, "not-found")
        assert borrower.http.get(f"/v1/instances/{instance.json()['id']}").status_code == 200


def test_a_start_pins_the_newest_version_unless_one_is_named(agency: Agency) -> None:
    changed = agency.definition.model_copy(update={"title": "SOP yang baru"})
    published = agency.http.post("/v1/definitions", json=changed.model_dump(mode="json"))
    assert published.status_code == 201
    assert agency.started("2024")["version"] == 2
    assert agency.started("2025", version=1)["version"] == 1


def test_a_start_by_an_official_is_their_deed_and_otherwise_the_client_s_own(agency: Agency) -> None:
    named = agency.http.start(agency.definition.key, period="2024", by=agency.official()).json()
    unnamed = agency.started("2025")
    (by_official, *_), (by_client, *_) = agency.trail(named), agency.trail(unnamed)
    assert (by_official["actor"], by_official["actor_name"]) == (agency.official(), "Pejabat ketua_tim_kerja 1")
    assert by_client["actor"] is None
    assert by_official["client"] == by_client["client"] is not None


def test_a_role_that_nobody_holds_still_opens_its_task(agency: Agency, world: World) -> None:
    world.sql("UPDATE holders SET valid_until = now() WHERE agency_id = $1", agency.id)
    task = agency.opened()
    assert (task["candidates"], task["position"], task["holder"]) == ([], "Jabatan ketua_tim_kerja", None)
