"""A whole Kalbar LAKIP cycle over HTTP, sent back once at the Sekretaris, from the first step to the archive."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from app.clock import new_id, now
from app.definitions.publish import publish
from app.demonstration import KALBAR, seed
from app.identity.issue import agency_id, issue_key
from tests.world import Client, Json, World, completion, kalbar_lakip

REASON = "Capaian triwulan IV belum sesuai dengan data bidang."
EVENT = {
    "id", "instance_id", "seq", "type", "at", "definition", "version", "activity", "task_id", "round", "unit", "scope",
    "outcome", "from", "to", "performed_at", "actor", "role", "client", "capacity", "acting_for", "mandate", "position",
    "recorded_by", "assignee", "reason", "note", "outputs", "evidence", "data", "hash", "prev_hash",
}  # fmt: skip
"""Every field of an audit event in the contract."""

ROWS = [
    "susun_sk_tim",
    "disposisikan_pengumpulan",
    "kumpulkan_bahan",
    "susun_konsep",
    "periksa_ketua_tim",
    "paraf_sekretaris",
    "tanda_tangan_kadis",
    "serahkan_ke_ketua_tim",
    "tugaskan_pengiriman",
    "dokumentasikan_dan_kirim",
]
DEEDS = [*ROWS[:6], *ROWS[4:]]
"""The Sekretaris sends the draft back to the Ketua Tim once."""


@dataclass
class Journey:
    """What the journey left: every answer of a completed step, the tasks as they were found, the trail."""

    http: Client
    instance: Json
    steps: list[Json]
    found: list[Json]
    trail: list[Json]
    opening: list[Json]


async def _key(world: World) -> str:
    await seed(world.database, now())
    async with world.database.transaction() as connection:
        agency = await agency_id(connection, KALBAR.key)
        await publish(connection, kalbar_lakip(), agency, client=None, now=now(), new_id=new_id)
        return await issue_key(
            connection, "e-SAKIP", scopes=["read", "start", "act"], agencies=[KALBAR.key], officials="all", at=now()
        )


@pytest.fixture(scope="module")
def journey(world: World) -> Iterator[Journey]:
    with Client(world.url, world.run(_key(world))) as http:
        started = http.start("kalbar-lakip", period="2025", reference={"system": "e-sakip", "id": "LAKIP/2025/1"})
        assert started.status_code == 201
        instance = started.json()
        opening = http.all(f"/v1/instances/{instance['id']}/tasks")
        waiting, steps, found = opening, [], []
        while waiting:
            task = http.json(f"/v1/tasks/{waiting[0]['id']}")
            found.append(task)
            steps.append(http.completed(task, **_told(task)))
            waiting = steps[-1]["opened"]
        trail = http.all(f"/v1/instances/{instance['id']}/audit", limit=7)
        yield Journey(http, instance, steps, found, trail, opening)


def _told(task: Json) -> Json:
    """The Sekretaris sends the first draft back; the last document is still missing; the draft is linked and hashed."""
    if task["activity"] == "paraf_sekretaris" and task["round"] == 1:
        return completion(task, "returned") | {"reason": REASON, "outputs": []}
    if task["activity"] == "susun_konsep":
        draft = {
            "name": "Konsep LAKIP",
            "url": "https://dokumen.contoh.go.id/lakip/2025/konsep.docx",
            "sha256": hashlib.sha256(b"konsep").hexdigest(),
            "letter_date": "2026-01-20",
        }
        return {"outputs": [draft], "note": "Disusun dalam rapat persiapan."}
    if task["number"] == 10:
        return {"outputs": [{"name": task["expected_outputs"][0], "missing_reason": "Arsip fisik masih dijilid."}]}
    return {}


def test_the_cycle_begins_at_the_first_row(journey: Journey) -> None:
    (task,) = journey.opening
    assert (task["activity"], task["number"], task["round"], task["status"]) == ("susun_sk_tim", 1, 1, "open")
    assert task["name"] == "Menyusun SK Tim Penyusunan LAKIP"
    assert (task["position"], task["holder"]) == ("Ketua Tim Kerja", "Cahyo Utama Contoh")
    assert task["due_at"] > task["opened_at"]
    assert journey.instance["headline"].startswith("Langkah 1 dari 10 pada Ketua Tim Kerja (Cahyo Utama Contoh) sejak ")
    assert " WIB" in journey.instance["headline"]
    assert journey.instance["title"].endswith("Penyusunan LAKIP 2025")
    assert journey.instance["reference"]["id"] == "LAKIP/2025/1"
    assert journey.instance["progress"] == {"done": 0, "total": 10}


def test_every_row_is_done_in_the_printed_order_and_two_of_them_twice(journey: Journey) -> None:
    assert [task["activity"] for task in journey.found] == DEEDS
    rounds = {(task["activity"], task["round"]) for task in journey.found}
    assert {activity for activity, round in rounds if round == 2} == {"periksa_ketua_tim", "paraf_sekretaris"}


def test_the_reopened_task_tells_who_sent_it_back_and_why(journey: Journey) -> None:
    again = next(task for task in journey.found if task["activity"] == "periksa_ketua_tim" and task["round"] == 2)
    back = again["returned"]
    assert (back["reason"], back["from"], back["by_name"]) == (REASON, "paraf_sekretaris", "Bernadeta Sari Contoh")
    assert datetime.fromisoformat(back["at"]) == datetime.fromisoformat(_events(journey, "step.returned")[0]["at"])
    assert all(task["returned"] is None for task in journey.found if task is not again)


def test_the_answer_to_the_return_already_tells_the_reason(journey: Journey) -> None:
    (step,) = [one for one in journey.steps if one["task"]["outcome"] == "returned"]
    (opened,) = step["opened"]
    assert opened["returned"]["reason"] == REASON
    assert opened["round"] == 2


def test_the_reviewer_sees_the_draft_and_never_an_older_one(journey: Journey) -> None:
    review = next(task for task in journey.found if task["activity"] == "paraf_sekretaris" and task["round"] == 1)
    (draft,) = [one for one in review["materials"] if one["activity"] == "susun_konsep"]
    assert draft["url"] == "https://dokumen.contoh.go.id/lakip/2025/konsep.docx"
    assert draft["sha256"] == hashlib.sha256(b"konsep").hexdigest()
    assert draft["by_name"] == "Dewi Lestari Contoh"
    signing = next(task for task in journey.found if task["activity"] == "tanda_tangan_kadis")
    checked = [one["round"] for one in signing["materials"] if one["activity"] == "periksa_ketua_tim"]
    assert checked == [2]


def test_headline_progress_and_open_tasks_follow_the_work(journey: Journey) -> None:
    done = [step["instance"]["progress"]["done"] for step in journey.steps]
    assert done == [1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 10]
    for step, following in zip(journey.steps, journey.found[1:], strict=False):
        (waiting,) = step["instance"]["open_tasks"]
        assert (waiting["id"], waiting["activity"]) == (following["id"], following["activity"])
        assert f"Langkah {following['number']} dari 10 pada " in step["instance"]["headline"]
        assert (", putaran 2" in step["instance"]["headline"]) == (following["round"] == 2)
    end = journey.http.json(f"/v1/instances/{journey.instance['id']}")
    assert (end["status"], end["open_tasks"]) == ("completed", [])
    assert end["headline"].startswith("Selesai ")
    assert end["ended_at"] == journey.steps[-1]["instance"]["ended_at"]


def test_what_a_read_tells_is_what_the_deed_answered(journey: Journey) -> None:
    told = journey.http.json(f"/v1/instances/{journey.instance['id']}")
    assert told == journey.steps[-1]["instance"] | {"plan": None}
    for step in journey.steps:
        read = journey.http.json(f"/v1/tasks/{step['task']['id']}")
        changing = {"materials", "position", "holder"}
        assert _without(read, changing) == _without(step["task"], changing)
    for step, found in zip(journey.steps, journey.found[1:], strict=False):
        assert step["opened"] == [found]


def test_the_trail_tells_every_field_of_the_contract_in_ascending_order(journey: Journey) -> None:
    assert [event["seq"] for event in journey.trail] == list(range(1, len(journey.trail) + 1))
    for event in journey.trail:
        assert set(event) >= EVENT
    assert sorted(event["at"] for event in journey.trail) == [event["at"] for event in journey.trail]


def test_the_trail_chains_from_the_first_event(journey: Journey) -> None:
    head = "0" * 64
    for event in journey.trail:
        assert event["prev_hash"] == head
        assert hashlib.sha256(event["canonical"].encode()).hexdigest() == event["hash"]
        head = event["hash"]


def test_the_trail_tells_each_thing_once(journey: Journey) -> None:
    step = ["step.opened", "step.claimed", "step.completed"]
    back = ["step.opened", "step.claimed", "step.returned"]
    expected = ["instance.started", *step * 5, *back, *step * 6, "instance.completed"]
    assert [event["type"] for event in journey.trail] == expected


def test_each_step_names_who_did_it_in_which_position_and_through_which_client(journey: Journey) -> None:
    ended = [event for event in journey.trail if event["type"] in ("step.completed", "step.returned")]
    assert [event["activity"] for event in ended] == DEEDS
    for event, task in zip(ended, journey.found, strict=True):
        (candidate, *_) = task["candidates"]
        assert (event["actor"], event["actor_name"]) == (candidate["official"], candidate["name"])
        assert (event["position"], event["capacity"]) == (candidate["position"], "definitif")
        assert [event["role"]] == task["candidate_roles"]
        assert (event["task_id"], event["round"]) == (task["id"], task["round"])
        assert event["from"] == event["activity"]
    assert [event["to"] for event in ended] == [*DEEDS[1:], None]
    assert len({event["client"] for event in ended}) == 1


def test_a_task_that_nobody_had_claimed_is_claimed_by_who_completes_it(journey: Journey) -> None:
    claims = _events(journey, "step.claimed")
    assert [event["activity"] for event in claims] == DEEDS
    assert all(event["assignee"] == event["actor"] for event in claims)


def test_the_client_itself_starts_and_the_engine_opens(journey: Journey) -> None:
    begun, opened = journey.trail[0], _events(journey, "step.opened")
    assert (begun["type"], begun["actor"]) == ("instance.started", None)
    assert begun["client"]
    assert all((event["actor"], event["client"]) == (None, None) for event in opened)


def test_every_printed_output_is_recorded_or_said_to_be_missing(journey: Journey) -> None:
    for event, task in zip(_events(journey, "step.completed"), _forward(journey), strict=True):
        assert len(event["outputs"]) == len(task["expected_outputs"]) == 1
    (returned,) = _events(journey, "step.returned")
    assert (returned["outputs"], returned["reason"]) == ([], REASON)
    last = _events(journey, "step.completed")[-1]["outputs"]
    assert last == [{"name": "LAKIP Dinas Koperasi UKM dan Arsip", "missing_reason": "Arsip fisik masih dijilid."}]
    draft = next(event for event in _events(journey, "step.completed") if event["activity"] == "susun_konsep")
    assert draft["note"] == "Disusun dalam rapat persiapan."
    assert draft["outputs"][0]["letter_date"] == "2026-01-20"


def test_personal_words_stand_beside_the_sealed_record_never_in_it(journey: Journey) -> None:
    for event in journey.trail:
        for words in (event["actor_name"], event["reason"], event["note"]):
            assert words is None or words not in event["canonical"]


def test_the_whole_journey_can_be_proved(journey: Journey, world: World) -> None:
    assert world.findings(journey.instance) == []


def _events(journey: Journey, type: str) -> list[Any]:
    return [event for event in journey.trail if event["type"] == type]


def _forward(journey: Journey) -> list[Json]:
    pairs = zip(journey.steps, journey.found, strict=True)
    return [task for step, task in pairs if step["task"]["outcome"] != "returned"]


def _without(told: Json, names: set[str]) -> Json:
    return {name: value for name, value in told.items() if name not in names}
