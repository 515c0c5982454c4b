"""Taking a task out of the other candidates' hands, and giving it back."""

from __future__ import annotations

from tests.world import Agency, refused


def test_a_claimed_task_is_its_assignee_s_alone(agency: Agency) -> None:
    task = agency.opened()
    first = task["candidates"][0]
    answer = agency.http.claim(task, by=first["official"])
    assert answer.status_code == 200
    claimed = answer.json()
    assert (claimed["status"], claimed["assignee"]) == ("claimed", first["official"])
    assert (claimed["holder"], claimed["position"]) == (first["name"], first["position"])
    assert claimed["candidates"] == [first]
    assert claimed["held_since"] > task["held_since"]
    assert claimed == agency.http.json(f"/v1/tasks/{task['id']}")


def test_a_claim_is_in_the_trail_and_completing_claims_no_second_time(agency: Agency) -> None:
    task = agency.opened()
    official = task["candidates"][1]["official"]
    agency.http.claim(task, by=official)
    done = agency.http.completed(task, by=official)
    claims = [event for event in agency.trail(done["instance"]) if event["type"] == "step.claimed"]
    assert [(one["assignee"], one["actor"], one["task_id"]) for one in claims] == [(official, official, task["id"])]


def test_a_claimed_task_cannot_be_claimed_again_not_even_by_its_assignee(agency: Agency) -> None:
    task = agency.opened()
    first, second = (one["official"] for one in task["candidates"])
    agency.http.claim(task, by=first)
    for official in (first, second):
        existing = refused(agency.http.claim(task, by=official), 409, "task-claimed")["existing"]
        assert existing["by"] == first


def test_only_a_candidate_may_claim(agency: Agency) -> None:
    refused(agency.http.claim(agency.opened(), by=agency.official("pejabat_level_i")), 403, "not-a-candidate")


def test_a_closed_task_cannot_be_claimed_or_given_back(agency: Agency) -> None:
    task = agency.opened()
    official = task["candidates"][0]["official"]
    agency.http.completed(task)
    refused(agency.http.claim(task), 409, "task-closed")
    refused(agency.http.unclaim(task, by=official), 409, "task-closed")


def test_a_task_given_back_is_open_to_all_again(agency: Agency) -> None:
    task = agency.opened()
    first, second = (one["official"] for one in task["candidates"])
    agency.http.claim(task, by=first)
    answer = agency.http.unclaim(task, by=first)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["assignee"]) == ("open", None)
    assert len(answer.json()["candidates"]) == 2
    assert agency.http.claim(task, by=second).status_code == 200
    released = [one for one in agency.trail({"id": task["instance_id"]}) if one["type"] == "step.released"]
    assert [(one["actor"], one["assignee"]) for one in released] == [(first, first)]


def test_only_the_assignee_gives_a_task_back(agency: Agency) -> None:
    task = agency.opened()
    first, second = (one["official"] for one in task["candidates"])
    refused(agency.http.unclaim(task, by=first), 409, "task-not-claimed")
    agency.http.claim(task, by=first)
    refused(agency.http.unclaim(task, by=second), 403, "assignee-mismatch")
    assert agency.waiting({"id": task["instance_id"]})["assignee"] == first


def test_a_claimed_task_stands_in_its_instance_with_its_holder(agency: Agency) -> None:
    task = agency.opened()
    agency.http.claim(task)
    instance = agency.http.json(f"/v1/instances/{task['instance_id']}")
    (waiting,) = instance["open_tasks"]
    assert (waiting["assignee"], waiting["holder"]) == (
        task["candidates"][0]["official"],
        task["candidates"][0]["name"],
    )
    assert f"({waiting['holder']})" in instance["headline"]
