"""Replays: what was missed is counted, queued again no faster than asked for, and each event keeps its id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.clock import now
from app.webhooks.replay import carry_on_replays
from tests.app.webhooks.endpoint import PATH, changed, enabled, happened
from tests.world import Agency, Json, World, refused

SINCE = {"since": "2026-01-01"}


@pytest.fixture(scope="module")
def world(a_world: Callable[[], World]) -> Iterator[World]:
    """A world of its own: whoever carries replays on carries on all there are."""
    made = a_world()
    yield made
    made.close_clients()


def asked(agency: Agency, endpoint: Json, **given: Any) -> Json:
    answered = agency.http.deed(f"{PATH}/{endpoint['id']}/replays", SINCE | given)
    assert answered.status_code in (200, 201), answered.text
    return answered.json()


def seen(agency: Agency, replay: Json) -> Json:
    return agency.http.json(f"{PATH}/{replay['endpoint']}/replays/{replay['id']}")


def carried_on(agency: Agency, after: float, times: int = 1) -> int:
    """Carry all replays on, so many seconds from now, as several workers may at once."""

    async def all_at_once() -> list[int]:
        moment = now() + timedelta(seconds=after)
        return await asyncio.gather(*(carry_on_replays(agency.world.database, moment) for _ in range(times)))

    return sum(agency.world.run(all_at_once()))


def listed(agency: Agency, endpoint: Json, **given: str) -> list[Json]:
    return agency.http.all(f"{PATH}/{endpoint['id']}/deliveries", **given)


def missed(agency: Agency, endpoint: Json, number: int, instance: Json | None = None) -> list[str]:
    """Let events happen while an endpoint is not listening."""
    changed(agency, endpoint, {"status": "disabled", "reason": "Uji"})
    ids = happened(agency, number, instance)
    changed(agency, endpoint, {"status": "enabled"})
    return [str(one) for one in ids]


def over(agency: Agency, endpoint: Json, status: str) -> None:
    ended = "UPDATE deliveries SET status = $2, ended_at = now(), attempts = 8 WHERE endpoint_id = $1"
    agency.world.sql(ended + " AND status = 'waiting'", UUID(endpoint["id"]), status)


def test_a_dry_run_counts_and_does_nothing(agency: Agency) -> None:
    endpoint = enabled(agency, types=["step.completed"])
    happened(agency, 2)
    over(agency, endpoint, "delivered")
    happened(agency, 3)
    over(agency, endpoint, "dead")
    happened(agency, 4)  # these wait, and need no replay
    missed(agency, endpoint, 5)
    happened(agency, 6, type="step.opened")
    assert asked(agency, endpoint, dry_run=True) == {"total": 8}
    assert asked(agency, endpoint, dry_run=True, only_missing=False) == {"total": 10}
    assert asked(agency, endpoint, dry_run=True, until="2026-01-02") == {"total": 0}
    assert agency.http.all(f"{PATH}/{endpoint['id']}/replays") == []
    assert len(listed(agency, endpoint)) == 9


def test_what_was_missed_is_queued_as_fast_as_asked_for_and_seen_to_move(agency: Agency) -> None:
    endpoint = enabled(agency, types=["step.completed"])
    ids = missed(agency, endpoint, 25)
    replay = asked(agency, endpoint, per_minute=60)
    assert (replay["status"], replay["total"], replay["queued"]) == ("running", 25, 0)
    assert carried_on(agency, 0) == 0
    assert carried_on(agency, 10, times=3) == 10
    assert (seen(agency, replay)["queued"], seen(agency, replay)["status"]) == (10, "running")
    assert [one["event"] for one in reversed(listed(agency, endpoint))] == ids[:10]
    assert carried_on(agency, 15) == 5
    assert carried_on(agency, 16) in (0, 1)
    carried_on(agency, 60)
    done = seen(agency, replay)
    assert (done["status"], done["queued"]) == ("done", 25)
    assert [one["event"] for one in reversed(listed(agency, endpoint, status="waiting"))] == ids
    assert carried_on(agency, 1_000) == 0
    assert agency.http.all(f"{PATH}/{endpoint['id']}/replays") == [done]


def test_what_was_not_carried_on_for_long_is_not_made_up_for_at_once(agency: Agency) -> None:
    endpoint = enabled(agency, types=["step.completed"])
    missed(agency, endpoint, 100)
    asked(agency, endpoint, per_minute=30)
    assert carried_on(agency, 86_400) == 30


def test_what_ended_begins_anew_under_the_ids_it_has(agency: Agency) -> None:
    endpoint = enabled(agency, types=["step.completed"])
    happened(agency, 2)
    over(agency, endpoint, "delivered")
    happened(agency, 3)
    over(agency, endpoint, "dead")
    before = listed(agency, endpoint)
    asked(agency, endpoint)
    assert carried_on(agency, 30) == 3
    again = listed(agency, endpoint)
    assert [one["id"] for one in again] == [one["id"] for one in before]
    assert [(one["status"], one["attempts"]) for one in again] == [("waiting", 0)] * 3 + [("delivered", 8)] * 2
    over(agency, endpoint, "delivered")
    asked(agency, endpoint, only_missing=False)
    assert carried_on(agency, 30) == 5


def test_what_is_queued_late_names_the_one_before_it(agency: Agency) -> None:
    endpoint, instance = enabled(agency, types=["step.completed"]), agency.started()
    first = happened(agency, 1, instance)
    gap = missed(agency, endpoint, 3, instance)
    last = happened(agency, 1, instance)
    asked(agency, endpoint)
    assert carried_on(agency, 30) == 3
    chain = {one["event"]: one["previous"] for one in listed(agency, endpoint)}
    a, z = str(first[0]), str(last[0])
    assert chain == {a: None, gap[0]: a, gap[1]: gap[0], gap[2]: gap[1], z: a}


def test_a_cancelled_replay_goes_no_further(agency: Agency) -> None:
    endpoint = enabled(agency, types=["step.completed"])
    missed(agency, endpoint, 10)
    replay = asked(agency, endpoint, per_minute=60)
    carried_on(agency, 3)
    cancel = f"{PATH}/{endpoint['id']}/replays/{replay['id']}/cancel"
    told = agency.http.deed(cancel, None).json()
    assert (told["status"], told["queued"]) == ("cancelled", 3)
    assert seen(agency, replay) == told
    assert carried_on(agency, 60) == 0
    existing = refused(agency.http.deed(cancel, None), 409, "replay-ended")["existing"]
    assert existing["outcome"] == "cancelled"


def test_a_replay_rests_while_its_endpoint_is_disabled(agency: Agency) -> None:
    endpoint = enabled(agency, types=["step.completed"])
    missed(agency, endpoint, 3)
    replay = asked(agency, endpoint)
    changed(agency, endpoint, {"status": "disabled", "reason": "Uji"})
    assert carried_on(agency, 60) == 0
    answered = agency.http.deed(f"{PATH}/{endpoint['id']}/replays", SINCE)
    refused(answered, 409, "endpoint-not-enabled")
    changed(agency, endpoint, {"status": "enabled"})
    assert carried_on(agency, 60) == 3
    assert seen(agency, replay)["status"] == "done"


def test_an_endpoint_is_sent_only_what_it_may_see(agency: Agency, an_agency: Callable[..., Agency]) -> None:
    happened(an_agency(), 3)
    happened(agency, 2)
    endpoint = enabled(agency, definitions=[agency.definition.key], types=["step.*"])
    assert asked(agency, endpoint, dry_run=True) == {"total": 2}
    elsewhere = enabled(agency, candidate_roles=["direktur"])
    assert asked(agency, elsewhere, dry_run=True) == {"total": 0}


def test_a_range_without_anything_in_it_is_refused(agency: Agency) -> None:
    endpoint = enabled(agency)
    path = f"{PATH}/{endpoint['id']}/replays"
    tomorrow = (now() + timedelta(days=2)).isoformat()
    for body in ({"since": "2026-03-02", "until": "2026-03-01"}, {"since": tomorrow}):
        (mistake,) = refused(agency.http.deed(path, body), 422, "request-invalid")["errors"]
        assert mistake["at"] == "since"
    for body in ({}, {"since": "kemarin"}, {"since": "2026-03-01", "per_minute": 0}):
        refused(agency.http.deed(path, body), 422, "request-invalid")


def test_what_happens_after_it_was_asked_for_is_not_replayed(agency: Agency) -> None:
    endpoint = enabled(agency, types=["step.completed"])
    missed(agency, endpoint, 2)
    replay = asked(agency, endpoint, until="2100-01-01")
    assert datetime.fromisoformat(replay["until"]) <= now()
    missed(agency, endpoint, 2)
    assert carried_on(agency, 30) == 2
