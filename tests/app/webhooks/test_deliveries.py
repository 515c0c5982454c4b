"""Deliveries over REST: listed, looked at with every attempt, and sent again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.clock import new_id, now
from tests.app.webhooks.endpoint import PATH, changed, enabled, happened
from tests.world import Agency, Json, refused


def listed(agency: Agency, endpoint: Json, **given: str | int) -> list[Json]:
    return agency.http.all(f"{PATH}/{endpoint['id']}/deliveries", **given)


def ended(agency: Agency, delivery: Json, status: str) -> None:
    """Let a delivery have come to its end."""
    over = "UPDATE deliveries SET status = $2, ended_at = now(), attempts = 8, is_retry = true WHERE id = $1"
    agency.world.sql(over, UUID(delivery["id"]), status)


def attempted(agency: Agency, delivery: Json, number: int, status: int | None, error: str | None = None) -> None:
    agency.world.sql(
        "INSERT INTO attempts (id, delivery_id, number, at, milliseconds, status_code, error, head) "
        "VALUES ($1, $2, $3::int, $4::timestamptz + interval '1 minute' * $3::int, 12, $5, $6, 'HTTP/1.1 500')",
        new_id(),
        UUID(delivery["id"]),
        number,
        now(),
        status,
        error,
    )


def test_deliveries_are_listed_the_latest_first_by_page_and_by_status_and_type(agency: Agency) -> None:
    endpoint = enabled(agency)
    first, second, third = happened(agency, 3)
    (other,) = happened(agency, 1, type="step.opened")
    all_of_them = listed(agency, endpoint, limit=1)
    assert [one["event"] for one in all_of_them] == [str(one) for one in (other, third, second, first)]
    assert {one["status"] for one in all_of_them} == {"waiting"}
    assert all_of_them[0]["endpoint"] == endpoint["id"]
    assert (all_of_them[0]["attempts"], all_of_them[0]["last"], all_of_them[0]["ended_at"]) == (0, None, None)
    ended(agency, all_of_them[1], "dead")
    assert [one["event"] for one in listed(agency, endpoint, status="dead,delivered")] == [str(third)]
    assert [one["event"] for one in listed(agency, endpoint, type="step.opened")] == [str(other)]
    wrong = agency.http.get(f"{PATH}/{endpoint['id']}/deliveries", params={"status": "mati"})
    refused(wrong, 422, "request-invalid")


def test_a_day_is_that_day_in_the_agency_s_zone(an_agency: Callable[..., Agency]) -> None:
    agency = an_agency(timezone="Asia/Jayapura")
    endpoint = enabled(agency)
    happened(agency, 2)
    at = [datetime(2026, 3, 30, 15, 30, tzinfo=UTC), datetime(2026, 3, 31, 14, 59, tzinfo=UTC)]  # the same day there
    for one, moment in zip(reversed(listed(agency, endpoint)), at, strict=True):
        moved = "ALTER TABLE messages DISABLE TRIGGER append_only; UPDATE messages SET at = '{}' WHERE id = '{}'; "
        moved += "ALTER TABLE messages ENABLE ALWAYS TRIGGER append_only"
        agency.world.sql(moved.format(moment.isoformat(), one["event"]), role="owner")
    for since, until, number in (
        ("2026-03-31", "2026-03-31", 2),
        ("2026-03-31T23:00:00+09:00", "2026-03-31", 1),
        ("2026-03-30", "2026-03-30", 0),
        ("2026-04-01", "2026-04-30", 0),
        ("2026-03-30T15:30:00Z", "2026-03-31T14:59:00Z", 1),
    ):
        assert len(listed(agency, endpoint, since=since, until=until)) == number, (since, until)


def test_a_delivery_tells_every_attempt_and_the_exact_event(agency: Agency) -> None:
    endpoint, instance = enabled(agency), agency.started()
    agency.http.json(f"/v1/instances/{instance['id']}")
    happened(agency, 2, instance)
    delivery, before = listed(agency, endpoint, type="step.completed")
    attempted(agency, delivery, 1, None, "timeout: TimeoutError")
    attempted(agency, delivery, 2, 500)
    told = agency.http.json(f"/v1/deliveries/{delivery['id']}")
    assert [(one["number"], one["status_code"], one["error"]) for one in told["tries"]] == [
        (2, 500, None),
        (1, None, "timeout: TimeoutError"),
    ]
    assert told["last"] == told["tries"][0]
    assert listed(agency, endpoint, type="step.completed")[0]["last"] == told["last"]
    answered = agency.http.get(f"/v1/deliveries/{delivery['id']}/body")
    assert answered.headers["content-type"] == "application/cloudevents+json"
    event = answered.json()
    assert (event["id"], event["type"], event["previous"]) == (delivery["event"], "step.completed", before["event"])
    assert event["source"] == f"/v1/agencies/{agency.key}"
    assert event["sequence"] == "0000001001"
    assert answered.content == json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def test_the_personal_words_are_in_the_event_only_where_they_were_granted(agency: Agency) -> None:
    plain, personal = enabled(agency), enabled(agency, personal=True)
    completed = agency.http.completed(agency.opened())
    assert completed
    happened(agency, 0)
    for endpoint, is_there in ((plain, False), (personal, True)):
        (delivery,) = listed(agency, endpoint, type="step.completed")
        event = agency.http.json(f"/v1/deliveries/{delivery['id']}/body")
        assert ("personal" in event["data"]) == is_there


def test_deliveries_are_a_spreadsheet_too(agency: Agency) -> None:
    endpoint = enabled(agency)
    happened(agency, 2)
    path = f"{PATH}/{endpoint['id']}/deliveries"
    rows = list(csv.DictReader(io.StringIO(agency.http.get(path, params={"format": "csv"}).text)))
    assert [row["id"] for row in rows] == [one["id"] for one in listed(agency, endpoint)]
    assert agency.http.get(path, params={"format": "csv", "status": "dead"}).text.splitlines()[0].startswith("id,")


@pytest.mark.parametrize("status", ["delivered", "dead", "cancelled"])
def test_what_has_ended_is_sent_again_under_the_same_id(agency: Agency, status: str) -> None:
    endpoint = enabled(agency)
    happened(agency, 1)
    (delivery,) = listed(agency, endpoint)
    ended(agency, delivery, status)
    answered = agency.http.deed(f"/v1/deliveries/{delivery['id']}/resend", None)
    assert answered.status_code == 200, answered.text
    again = answered.json()
    assert (again["id"], again["event"], again["status"]) == (delivery["id"], delivery["event"], "waiting")
    assert (again["attempts"], again["ended_at"]) == (8, None)
    assert datetime.fromisoformat(again["due_at"]) <= now()
    assert listed(agency, endpoint) == [again]


def test_what_waits_for_its_next_attempt_is_made_due_now(agency: Agency) -> None:
    endpoint = enabled(agency)
    happened(agency, 1)
    (delivery,) = listed(agency, endpoint)
    agency.world.sql(
        "UPDATE deliveries SET due_at = $2 WHERE id = $1", UUID(delivery["id"]), now() + timedelta(hours=5)
    )
    again = agency.http.deed(f"/v1/deliveries/{delivery['id']}/resend", None).json()
    assert datetime.fromisoformat(again["due_at"]) <= now()


def test_nothing_is_sent_again_while_it_is_under_way_or_its_endpoint_is_not_enabled(agency: Agency) -> None:
    endpoint = enabled(agency)
    happened(agency, 1)
    (delivery,) = listed(agency, endpoint)
    path, id_ = f"/v1/deliveries/{delivery['id']}/resend", UUID(delivery["id"])
    agency.world.sql("UPDATE deliveries SET status = 'in_flight', lease = $1 WHERE id = $1", id_)
    refused(agency.http.deed(path, None), 409, "delivery-under-way")
    agency.world.sql("UPDATE deliveries SET status = 'dead', lease = NULL, ended_at = now() WHERE id = $1", id_)
    changed(agency, endpoint, {"status": "disabled", "reason": "Uji"})
    assert "disabled" in refused(agency.http.deed(path, None), 409, "endpoint-not-enabled")["detail_en"]
    assert listed(agency, endpoint)[0]["status"] == "dead"


def test_deliveries_of_a_removed_endpoint_are_not_there(agency: Agency) -> None:
    endpoint = enabled(agency)
    happened(agency, 1)
    (delivery,) = listed(agency, endpoint)
    agency.http.delete(f"{PATH}/{endpoint['id']}")
    for path in (f"/v1/deliveries/{delivery['id']}", f"/v1/deliveries/{delivery['id']}/body"):
        refused(agency.http.get(path), 404, "not-found")
    refused(agency.http.deed(f"/v1/deliveries/{delivery['id']}/resend", None), 404, "not-found")


def test_what_waits_of_an_agency_that_is_named_no_more_is_neither_sent_nor_shown(
    an_agency: Callable[..., Agency],
) -> None:
    mine, theirs = an_agency(), an_agency()
    both = mine.client(also=[theirs])
    asked = {"url": "http://127.0.0.1:9/", "types": ["*"], "agencies": [mine.key, theirs.key]}
    endpoint = both.post(PATH, json=asked).json()
    mine.world.sql(
        "UPDATE webhook_endpoints SET status = 'enabled', verified_at = now() WHERE id = $1 RETURNING 1",
        UUID(endpoint["id"]),
    )
    happened(mine, 1)
    (of_theirs,) = happened(theirs, 1)
    narrowed = both.patch(f"{PATH}/{endpoint['id']}", json={"agencies": [mine.key]}, headers={"If-Match": "*"})
    assert narrowed.status_code == 200, narrowed.text
    (cancelled,) = mine.world.sql("SELECT id, status FROM deliveries WHERE message_id = $1", of_theirs)
    assert cancelled["status"] == "cancelled"
    assert [one["status"] for one in mine.http.all(f"{PATH}/{endpoint['id']}/deliveries")] == ["waiting"]
    for of_one in ("", "/attempts", "/body"):
        answer = mine.http.get(f"/v1/deliveries/{cancelled['id']}{of_one}")
        assert answer.status_code == 404, answer.text
    mine.world.close_clients()
