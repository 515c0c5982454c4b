"""Cancelling, suspending and resuming an instance, and remarks for its trail."""

from __future__ import annotations

import pytest

from tests.world import Agency, refused


def test_a_cancelled_instance_is_over_and_so_are_its_tasks(agency: Agency) -> None:
    task = agency.opened()
    instance = {"id": task["instance_id"]}
    answer = agency.http.interrupt(instance, "cancel", "Salah tahun")
    assert answer.status_code == 200
    cancelled = answer.json()
    assert (cancelled["status"], cancelled["open_tasks"]) == ("cancelled", [])
    assert cancelled["ended_at"]
    assert cancelled["headline"].startswith("Dibatalkan ")
    assert cancelled | {"plan": None} == agency.http.json(f"/v1/instances/{instance['id']}")
    assert agency.http.json(f"/v1/tasks/{task['id']}")["status"] == "cancelled"
    last = agency.trail(instance)[-1]
    assert (last["type"], last["reason"], last["data"]["tasks"]) == ("instance.cancelled", "Salah tahun", [task["id"]])


@pytest.mark.parametrize("deed", ["cancel", "suspend", "resume"])
def test_what_is_over_stays_as_it_is(agency: Agency, deed: str) -> None:
    instance = agency.started()
    agency.http.interrupt(instance, "cancel")
    problem = refused(agency.http.interrupt(instance, deed), 409, "instance-ended")
    assert "dibatalkan" in problem["detail_id"]


def test_nothing_moves_in_a_suspended_instance_until_it_is_resumed(agency: Agency) -> None:
    task = agency.opened()
    instance = {"id": task["instance_id"]}
    suspended = agency.http.interrupt(instance, "suspend", "Menunggu anggaran")
    assert suspended.status_code == 200
    assert suspended.json()["status"] == "suspended"
    assert suspended.json()["headline"].startswith("Ditangguhkan sejak ")
    refused(agency.http.complete(task), 409, "instance-suspended")
    refused(agency.http.claim(task), 409, "instance-suspended")
    refused(agency.http.interrupt(instance, "suspend"), 409, "instance-suspended")
    resumed = agency.http.interrupt(instance, "resume", "Anggaran turun")
    assert (resumed.status_code, resumed.json()["status"]) == (200, "running")
    assert agency.http.complete(task).status_code == 200
    told = [(one["type"], one["reason"]) for one in agency.trail(instance) if one["type"].startswith("instance.")]
    assert told[1:] == [("instance.suspended", "Menunggu anggaran"), ("instance.resumed", "Anggaran turun")]


def test_a_suspended_instance_can_be_cancelled_and_its_period_is_free_again(agency: Agency) -> None:
    instance = agency.started()
    agency.http.interrupt(instance, "suspend")
    refused(agency.http.start(agency.definition.key, period="2025"), 409, "duplicate-instance")
    assert agency.http.interrupt(instance, "cancel").json()["status"] == "cancelled"
    assert agency.started()["status"] == "running"


def test_only_a_suspended_instance_is_resumed(agency: Agency) -> None:
    refused(agency.http.interrupt(agency.started(), "resume"), 409, "instance-not-suspended")


@pytest.mark.parametrize("deed", ["cancel", "suspend", "resume"])
def test_every_interruption_needs_a_reason(agency: Agency, deed: str) -> None:
    instance = agency.started()
    for body in ({}, {"reason": ""}, {"reason": " \n"}, {"reason": None}, {"reason": 7}):
        problem = refused(agency.http.deed(f"/v1/instances/{instance['id']}/{deed}", body), 422, "request-invalid")
        assert problem["errors"][0]["at"] == "reason"


def test_an_interruption_is_the_official_s_who_is_named_and_else_the_client_s(agency: Agency) -> None:
    instance = agency.started()
    agency.http.interrupt(instance, "suspend", by=agency.official("pejabat_level_ii"))
    agency.http.interrupt(instance, "resume")
    suspended, resumed = agency.trail(instance)[-2:]
    assert suspended["actor"] == agency.official("pejabat_level_ii")
    assert suspended["actor_name"] == "Pejabat pejabat_level_ii 1"
    assert (resumed["actor"], resumed["client"]) == (None, suspended["client"])


def test_a_comment_is_added_to_the_trail_and_moves_nothing(agency: Agency) -> None:
    instance = agency.started()
    answer = agency.http.comment(instance, "Mohon dipercepat.\nTerima kasih.", by=agency.official())
    assert answer.status_code == 201
    remark = answer.json()
    event = agency.trail(instance)[-1]
    assert (event["type"], event["note"]) == ("instance.commented", remark["text"])
    assert (event["id"], event["seq"], event["actor"]) == (remark["id"], remark["seq"], remark["actor"])
    assert agency.http.json(f"/v1/instances/{instance['id']}") == instance | {"plan": None}


def test_comments_are_taken_while_suspended_and_after_the_end(agency: Agency) -> None:
    instance = agency.started()
    agency.http.interrupt(instance, "suspend")
    assert agency.http.comment(instance).status_code == 201
    agency.http.interrupt(instance, "cancel")
    assert agency.http.comment(instance).status_code == 201
    refused(agency.http.comment(instance, "  "), 422, "request-invalid")
    refused(agency.http.comment(instance, "x" * 4_001), 422, "request-invalid")
    assert [one["type"] for one in agency.trail(instance)].count("instance.commented") == 2


def test_instances_can_be_found_by_what_they_are(agency: Agency) -> None:
    running, cancelled = agency.started("2024"), agency.started("2025")
    agency.http.interrupt(cancelled, "cancel")
    for wanted, found in (
        ({}, [cancelled, running]),
        ({"order": "oldest"}, [running, cancelled]),
        ({"status": "running"}, [running]),
        ({"status": "running,cancelled", "period": "2025"}, [cancelled]),
        ({"definition": agency.definition.key, "agency": str(agency.id)}, [cancelled, running]),
        ({"definition": "lain"}, []),
        ({"agency": "lain"}, []),
        ({"candidate_role": "ketua_tim_kerja"}, [running]),
        ({"overdue": "true"}, []),
    ):
        ids = [one["id"] for one in agency.http.all("/v1/instances", **wanted)]
        assert ids == [one["id"] for one in found], wanted
