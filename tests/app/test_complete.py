"""Completing a step over HTTP: what it needs, what it opens, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.factories import a_definition, an_activity, forward
from tests.world import Agency, World, completion, refused

SHA = "0" * 64


def test_a_completed_task_opens_the_next_one_whole(agency: Agency) -> None:
    task = agency.opened()
    done = agency.http.completed(task)
    assert (done["task"]["status"], done["task"]["outcome"]) == ("completed", "completed")
    assert done["task"]["performed_by"] == task["candidates"][0]["official"]
    (opened,) = done["opened"]
    assert (done["task"]["candidates"], done["task"]["materials"]) == ([], [])
    assert opened["materials"][0]["reference"] == "000.8/1"
    assert opened == agency.http.json(f"/v1/tasks/{opened['id']}")
    assert done["instance"] | {"plan": None} == agency.http.json(f"/v1/instances/{task['instance_id']}")


def test_an_execution_needs_no_outcome_and_a_decision_does(agency: Agency) -> None:
    task = agency.opened()
    outputs = [{"name": "SK Tim", "reference": "1"}]
    unnamed = agency.http.deed(f"/v1/tasks/{task['id']}/complete", {"outputs": outputs}, by=agency.official())
    assert unnamed.status_code == 200
    decision = agency.until("periksa_ketua_tim", "2026")
    for outcome in (None, "completed", "a" * 60):
        body = {"outcome": outcome, "outputs": outputs}
        answer = agency.http.deed(f"/v1/tasks/{decision['id']}/complete", body, by=agency.official())
        (mistake,) = refused(answer, 422, "outcome-unknown")["errors"]
        assert (mistake["at"], mistake["expected"]) == ("outcome", "approved, returned")


@pytest.mark.parametrize(
    ("outputs", "slug"),
    [
        ([], "output-missing"),
        ([{"name": "SK"}], "output-missing"),
        ([{"name": "SK", "reference": "1", "missing_reason": "belum"}], "output-missing"),
        ([{"name": "SK", "reference": "1"}, {"name": "Lain", "reference": "2"}], "output-unexpected"),
        ([{"name": " ", "reference": "1"}], "request-invalid"),
        ([{"name": "SK", "url": "http://a.go.id/1"}], "request-invalid"),
        ([{"name": "SK", "url": "javascript:alert(1)"}], "request-invalid"),
        ([{"name": "SK", "sha256": "abc"}], "request-invalid"),
        ([{"name": "SK", "reference": "1", "letter_date": "2026-02-30"}], "request-invalid"),
        ([{"name": "SK", "reference": "1", "warna": "biru"}], "request-invalid"),
    ],
)
def test_a_forward_outcome_needs_one_entry_for_each_printed_output(
    agency: Agency, outputs: list[dict[str, str]], slug: str
) -> None:
    task = agency.opened()
    refused(agency.http.complete(task, outputs=outputs), 422, slug)
    assert agency.waiting({"id": task["instance_id"]})["status"] == "open"


@pytest.mark.parametrize(
    "entry",
    [
        {"reference": "000.8/1"},
        {"url": "https://a.go.id/1"},
        {"sha256": SHA},
        {"reference": "000.8/1", "url": "https://a.go.id/1", "sha256": SHA, "letter_date": "2026-02-28"},
        {"missing_reason": "Masih dijilid."},
    ],
)
def test_a_document_is_a_link_a_reference_a_hash_or_why_it_is_missing(agency: Agency, entry: dict[str, str]) -> None:
    done = agency.http.completed(agency.opened(), outputs=[{"name": "SK Tim", **entry}])
    (ended,) = [event for event in agency.trail(done["instance"]) if event["type"] == "step.completed"]
    assert ended["outputs"] == [{"name": "SK Tim", **entry}]


def test_attachments_and_a_note_are_recorded_beside_the_outputs(agency: Agency) -> None:
    attached = [{"name": "Notula", "reference": "N/1"}]
    done = agency.http.completed(agency.opened(), attachments=attached, note="Rapat kedua")
    (ended,) = [event for event in agency.trail(done["instance"]) if event["type"] == "step.completed"]
    assert (ended["data"]["attachments"], ended["note"]) == (attached, "Rapat kedua")


def test_a_return_needs_a_reason_and_takes_no_outputs(agency: Agency) -> None:
    task = agency.until("periksa_ketua_tim")
    for reason in (None, "", "  "):
        assert agency.http.complete(task, "returned", reason=reason).status_code == 422
    refused(agency.http.complete(task, "returned", reason=None), 422, "reason-missing")
    output = [{"name": "Konsep", "reference": "1"}]
    refused(agency.http.complete(task, "returned", outputs=output), 422, "output-unexpected")
    done = agency.http.completed(task, "returned", attachments=output)
    assert [one["activity"] for one in done["opened"]] == ["susun_konsep"]


def test_all_that_is_wrong_with_the_papers_is_said_at_once(agency: Agency) -> None:
    task = agency.until("periksa_ketua_tim")
    wrong = {"outputs": [{"name": "Konsep"}], "attachments": [{"name": "Lampiran"}], "reason": None}
    problem = refused(agency.http.complete(task, "returned", **wrong), 422, "output-missing")
    assert {one["at"] for one in problem["errors"]} == {"outputs[0]", "attachments[0]", "reason"}


def test_only_a_holder_of_the_role_may_complete(agency: Agency) -> None:
    task = agency.opened()
    stranger = agency.official("pejabat_level_i")
    problem = refused(agency.http.complete(task, by=stranger), 403, "not-a-candidate")
    assert "Ketua Tim Kerja" in problem["detail_en"]


def test_who_no_longer_holds_the_position_may_not_complete(agency: Agency, world: World) -> None:
    task = agency.opened()
    first, second = (one["official"] for one in task["candidates"])
    world.sql("UPDATE holders SET valid_until = now() WHERE official_id = $1::text::uuid", first)
    assert [one["official"] for one in agency.waiting({"id": task["instance_id"]})["candidates"]] == [second]
    refused(agency.http.complete(task, by=first), 403, "not-a-candidate")
    assert agency.http.complete(task, by=second).status_code == 200


def test_a_role_bound_for_another_sop_only_gives_no_right(agency: Agency, world: World) -> None:
    task = agency.opened()
    world.sql("UPDATE role_bindings SET definition_key = 'sop-lain' WHERE agency_id = $1", agency.id)
    refused(agency.http.complete(task), 403, "not-a-candidate")
    world.sql("UPDATE role_bindings SET definition_key = $2 WHERE agency_id = $1", agency.id, agency.definition.key)
    assert agency.http.complete(task).status_code == 200


def test_a_task_claimed_by_another_is_refused_and_names_the_holder(agency: Agency) -> None:
    task = agency.opened()
    first, second = (one["official"] for one in task["candidates"])
    claimed = agency.http.claim(task, by=first).json()
    existing = refused(agency.http.complete(task, by=second), 409, "task-claimed")["existing"]
    assert (existing["id"], existing["outcome"], existing["by"]) == (task["id"], "claimed", first)
    assert existing["at"].replace("+00:00", "Z") == claimed["held_since"]
    assert agency.http.complete(task, by=first).status_code == 200


def test_a_closed_task_is_refused_and_tells_how_it_ended(agency: Agency) -> None:
    task = agency.opened()
    done = agency.http.completed(task)
    problem = refused(agency.http.complete(task), 409, "task-closed")
    existing = problem["existing"]
    assert (existing["id"], existing["outcome"]) == (task["id"], "completed")
    assert existing["by"] == task["candidates"][0]["official"]
    assert existing["at"].replace("+00:00", "Z") == done["task"]["closed_at"]
    assert "selesai" in problem["detail_id"]
    assert len([one for one in agency.trail(done["instance"]) if one["type"] == "step.completed"]) == 1


def test_a_task_of_an_ended_instance_is_closed(agency: Agency) -> None:
    task = agency.opened()
    agency.http.interrupt({"id": task["instance_id"]}, "cancel")
    problem = refused(agency.http.complete(task), 409, "task-closed")
    assert problem["existing"]["outcome"] == "cancelled"
    assert "dibatalkan" in problem["detail_id"]


def test_a_sheet_that_prints_no_output_wants_none(an_agency: Callable[..., Agency]) -> None:
    first = an_activity("satu", forward("dua"), number=1)
    agency = an_agency(a_definition(first, an_activity("dua", number=2)))
    task = agency.opened()
    assert task["expected_outputs"] == []
    refused(agency.http.complete(task, outputs=[{"name": "X", "reference": "1"}]), 422, "output-unexpected")
    assert agency.to_the_end("2026")["status"] == "completed"


def test_the_last_step_ends_the_instance(an_agency: Callable[..., Agency]) -> None:
    agency = an_agency(a_definition(an_activity("satu")))
    done = agency.http.completed(agency.opened())
    assert (done["opened"], done["instance"]["status"]) == ([], "completed")
    assert done["instance"]["ended_at"] == done["task"]["closed_at"]
    assert done["instance"]["progress"] == {"done": 1, "total": 1}
    assert agency.trail(done["instance"])[-1]["type"] == "instance.completed"


def test_the_inbox_of_an_official_holds_what_they_may_do_now(agency: Agency) -> None:
    task = agency.opened()
    first, second = (one["official"] for one in task["candidates"])
    other = agency.official("pejabat_level_ii")

    def inbox(official: str) -> list[Any]:
        mine = agency.http.json("/v1/tasks?for=me", headers={"Alur-On-Behalf-Of": official})["items"]
        assert mine == agency.http.all("/v1/tasks", **{"for": official})
        return [one["id"] for one in mine]

    assert (inbox(first), inbox(second), inbox(other)) == ([task["id"]], [task["id"]], [])
    agency.http.claim(task, by=first)
    assert (inbox(first), inbox(second)) == ([task["id"]], [])
    following = agency.http.completed(task, by=first)["opened"][0]
    assert (inbox(first), inbox(other)) == ([], [following["id"]])


def test_tasks_can_be_found_by_what_they_are(agency: Agency) -> None:
    task = agency.opened()
    following = agency.http.completed(task)["opened"][0]
    performer = task["candidates"][0]["official"]
    for wanted, found in (
        ({"status": "completed"}, [task]),
        ({"status": "open,completed"}, [task, following]),
        ({"done_by": performer}, [task]),
        ({"candidate_role": "pejabat_level_ii"}, [following]),
        ({"instance": task["instance_id"], "definition": agency.definition.key}, [task, following]),
        ({"period": "1999"}, []),
        ({"agency": agency.key, "q": "lakip"}, [task, following]),
        ({"overdue": "true"}, []),
    ):
        assert [one["id"] for one in agency.http.all("/v1/tasks", **wanted)] == [one["id"] for one in found], wanted


def test_an_instance_lists_its_closed_tasks_too(agency: Agency) -> None:
    instance = agency.to_the_end()
    told = agency.http.all(f"/v1/instances/{instance['id']}/tasks")
    assert [one["number"] for one in told] == list(range(1, 11))
    assert {one["status"] for one in told} == {"completed"}


def test_what_was_completed_says_the_reason_only_to_those_who_may_see_it(an_agency: Callable[..., Agency]) -> None:
    mine, theirs = an_agency(), an_agency()
    task = mine.until("periksa_ketua_tim")
    refused(
        theirs.http.deed(f"/v1/tasks/{task['id']}/complete", completion(task), by=theirs.official()), 404, "not-found"
    )
