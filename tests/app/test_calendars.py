"""The calendar an agency works by: read, replaced as a whole, and what that does to what is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.calendars.catalog import Calendars
from app.clock import now
from app.database import Database
from app.definitions.catalog import Catalog
from app.instances.journal import Journal
from app.instances.lay_anew import lay_anew
from tests.world import Agency, Client, Faults, Json, World, refused

SIX_DAYS = {
    "name": "Enam hari kerja",
    "shifts": [
        {"days": ["monday", "tuesday", "wednesday", "thursday"], "start": "07:00", "end": "14:00"},
        {"days": ["friday"], "start": "07:00", "end": "11:00"},
        {"days": ["saturday"], "start": "07:00", "end": "13:00"},
    ],
    "legal_basis": "Peraturan Gubernur Nomor 3 Tahun 2026",
}
WHY = {"reason": "Pindah ke enam hari kerja", "legal_basis": "Peraturan Gubernur Nomor 3 Tahun 2026"}


@pytest.fixture
def journal(world: World) -> Journal:
    return Journal(world.database, Catalog(world.database), Calendars(world.database))


@pytest.fixture
def laid(world: World, journal: Journal) -> Callable[[Agency], int]:
    """Lay what runs in an agency anew, with the server or before it; gives how many were left to be laid."""
    return lambda agency: world.run(lay_anew(journal, agency.id, now(), 1_000))


def address(agency: Agency) -> str:
    return f"/v1/calendars/{agency.key}"


def tag(agency: Agency) -> str:
    return agency.http.get(address(agency)).headers["etag"]


def put(agency: Agency, http: Client | None = None, *, seen: str | None = None, **asked: Any) -> httpx.Response:
    """Replace the calendar of an agency, as it stands now unless told what was seen."""
    headers = {"If-Match": seen or tag(agency)}
    return (http or agency.http).put(address(agency), json=WHY | asked, headers=headers)


def replaced(agency: Agency, **asked: Any) -> Json:
    answer = put(agency, **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def due(task: Json) -> datetime:
    return datetime.fromisoformat(task["due_at"])


def events(agency: Agency, task: Json, *types: str) -> list[Json]:
    return [one for one in agency.trail({"id": task["instance_id"]}) if one["type"] in types]


def test_an_agency_that_set_nothing_works_by_the_law(agency: Agency) -> None:
    answer = agency.http.get(address(agency))
    told = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    assert (told["agency"], told["version"], told["own"], told["client"]) == (agency.key, 1, [], None)
    assert (told["zone"], told["due_soon_percent"], told["escalate_after_days"]) == ("Asia/Jakarta", 80, 1)
    (hours,) = told["hours"]
    assert hours["legal_basis"] == "Peraturan Presiden Nomor 21 Tahun 2023, Pasal 3 dan 4"
    assert [(one["start"], one["end"]) for one in hours["shifts"]] == [("07:30", "16:00"), ("07:30", "16:30")]
    assert agency.http.json(f"/v1/calendars/{agency.id}") == told


def test_holidays_that_are_not_loaded_are_owned_up_to(agency: Agency) -> None:
    (caveat,) = agency.http.json(address(agency))["caveats"]
    year = now().year
    assert (caveat["kind"], caveat["first"], caveat["last"]) == ("not_loaded", f"{year}-01-01", f"{year + 1}-12-31")
    assert "belum dimuat" in caveat["message_id"]


def test_a_replaced_calendar_is_the_next_version_with_who_and_why(agency: Agency) -> None:
    before = agency.http.json(address(agency))
    official = agency.official()
    answer = put(agency, agency.client(official=official), hours=[SIX_DAYS], escalate_after_days=None)
    told = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert (told["version"], told["own"], told["escalate_after_days"]) == (2, ["hours"], None)
    assert [one["name"] for one in told["hours"]] == ["Enam hari kerja"]
    assert (told["reason"], told["legal_basis"], told["official"]) == (*WHY.values(), official)
    assert agency.http.json(address(agency)) == told
    newest, oldest = agency.http.all(f"{address(agency)}/versions")
    assert (newest["version"], newest["client"], newest["hash"]) == (2, told["client"], told["hash"])
    assert (oldest["version"], oldest["hash"], oldest["reason"]) == (1, before["hash"], before["reason"])
    assert agency.http.json(f"{address(agency)}/versions/1") == before
    assert agency.http.json(f"{address(agency)}/versions/2") == told
    refused(agency.http.get(f"{address(agency)}/versions/3"), 404, "not-found")


def test_what_is_left_out_is_as_the_law_has_it_again(agency: Agency) -> None:
    law = agency.http.json(address(agency))
    replaced(agency, hours=[SIX_DAYS], due_soon_percent=50)
    back = replaced(agency)
    assert (back["version"], back["own"], back["due_soon_percent"]) == (3, [], 80)
    assert (back["hours"], back["hash"]) == (law["hours"], law["hash"])


def test_who_has_not_seen_what_they_replace_is_refused(agency: Agency) -> None:
    tag(agency)
    answer = agency.http.put(address(agency), json=WHY | {"hours": [SIX_DAYS]})
    assert "If-Match" in refused(answer, 428, "if-match-missing")["detail_en"]
    replaced(agency, hours=[SIX_DAYS])
    assert "versi 2" in refused(put(agency, seen='"1"'), 412, "version-superseded")["detail_id"]
    for never in ('W/"2"', "2", '""', '"1", "3"'):
        refused(put(agency, seen=never), 412, "version-superseded")
    assert put(agency, seen='"9", "2"').status_code == 200
    assert put(agency, seen="*", zone="Asia/Makassar").json()["version"] == 4


def test_a_replacement_that_is_sent_again_is_done_once(agency: Agency) -> None:
    seen = tag(agency)
    first = put(agency, seen=seen, hours=[SIX_DAYS])
    again = put(agency, seen=seen, hours=[SIX_DAYS])
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(agency.http.all(f"{address(agency)}/versions")) == 2


def test_of_those_who_replace_the_same_version_one_is_first(agency: Agency) -> None:
    seen, secret = tag(agency), agency.secret()
    clients = [agency.world.client(secret) for _ in range(6)]

    def one(number: int) -> int:
        return put(agency, clients[number], seen=seen, due_soon_percent=10 + number).status_code

    with ThreadPoolExecutor(len(clients)) as threads:
        assert sorted(threads.map(one, range(len(clients)))) == [200, *[412] * 5]
    assert len(agency.http.all(f"{address(agency)}/versions")) == 2


def test_every_mistake_is_told_at_once(agency: Agency) -> None:
    hours = SIX_DAYS | {
        "shifts": [
            {
                "days": ["monday"],
                "start": "08:00",
                "end": "15:00",
                "breaks": [{"start": "15:30", "end": "16:00"}],
            },
            {"days": ["monday", "senin"], "start": "25:00", "end": "15:00"},
        ]
    }
    season = {"name": "Ramadan", "first": "2026-02-19", "last": "2026-03-20", "legal_basis": "Kepmenag", **_SHIFTS}
    wrong = {
        "hours": [hours],
        "seasons": [season, season | {"first": "2026-03-01"}, season | {"first": "2026-13-01"}],
        "zone": "Asia/Singapore",
        "due_soon_percent": 0,
        "escalate_after_days": "1",
        "reason": " ",
        "alasan": "Salah",
    }
    problem = refused(put(agency, **wrong), 422, "calendar-invalid")
    places = {one["at"] for one in problem["errors"]}
    assert {
        "hours[0].shifts[1].days[1]",
        "hours[0].shifts[1].start",
        "seasons[1]",
        "seasons[2].first",
        "zone",
        "due_soon_percent",
        "escalate_after_days",
        "reason",
        "alasan",
    } <= places
    for mistake in problem["errors"]:
        assert mistake["message_id"] != mistake["message_en"]
    between = refused(put(agency, hours=[hours | {"shifts": hours["shifts"][:1]}]), 422, "calendar-invalid")
    assert [one["at"] for one in between["errors"]] == ["hours[0].shifts[0].breaks[0]"]
    assert tag(agency) == '"1"'


_SHIFTS = {"shifts": [{"days": ["monday"], "start": "08:00", "end": "12:00"}]}


@pytest.mark.parametrize("body", ["[]", "null", '"kalender"', "3", '{"hours": {}}', '{"reason": "\\ud800"}'])
def test_what_is_no_calendar_at_all_is_refused(agency: Agency, body: str) -> None:
    headers = {"If-Match": "*", "Content-Type": "application/json"}
    answer = agency.http.put(address(agency), content=body.encode(), headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


def test_a_calendar_of_another_agency_is_not_there(an_agency: Callable[..., Agency]) -> None:
    mine, theirs = an_agency(), an_agency()
    for path in ("", "/versions", "/versions/1"):
        refused(mine.http.get(f"{address(theirs)}{path}"), 404, "not-found")
    refused(put(theirs, mine.http), 404, "not-found")
    assert [one["agency"] for one in mine.http.all("/v1/calendars")] == [mine.key]
    assert mine.http.all("/v1/calendars", agency=theirs.key) == []
    assert len(theirs.http.all(f"{address(theirs)}/versions")) == 1


def test_only_an_administrator_replaces_a_calendar_and_only_for_own_officials(
    an_agency: Callable[..., Agency],
) -> None:
    mine, theirs = an_agency(), an_agency()
    refused(put(mine, mine.client("read", "act")), 403, "scope-missing")
    refused(mine.client("admin").get(address(mine)), 403, "scope-missing")
    both = mine.client(also=[theirs], official=theirs.official())
    refused(put(mine, both), 403, "official-not-allowed")
    assert tag(mine) == '"1"'


def test_several_agencies_are_listed_a_page_at_a_time_and_for_a_spreadsheet(an_agency: Callable[..., Agency]) -> None:
    first, second = sorted((an_agency(), an_agency()), key=lambda agency: agency.key)
    http = first.client(also=[second])
    replaced(second, zone="Asia/Jayapura")
    listed = http.all("/v1/calendars", limit=1)
    assert [(one["agency"], one["zone"], one["version"]) for one in listed] == [
        (first.key, "Asia/Jakarta", 1),
        (second.key, "Asia/Jayapura", 2),
    ]
    csv = http.get("/v1/calendars", params={"format": "csv"}).text.splitlines()
    assert csv[0].startswith("agency,version,hash,since")
    assert len(csv) == 3


# What a changed calendar does to what is due


def test_open_due_dates_move_with_the_calendar_and_closed_ones_stay(
    agency: Agency, laid: Callable[[Agency], int]
) -> None:
    done = agency.opened()
    task = agency.http.completed(done)["opened"][0]
    closed = agency.http.json(f"/v1/tasks/{done['id']}")
    told = replaced(agency, hours=[_only(_another_day(task))])
    laid(agency)
    moved = agency.http.json(f"/v1/tasks/{task['id']}")
    assert due(moved) != due(task)
    assert agency.http.json(f"/v1/tasks/{done['id']}") == closed
    (changed,) = events(agency, task, "instance.calendar_changed")
    assert (changed["data"]["calendar"], changed["data"]["legal_basis"]) == (told["hash"], WHY["legal_basis"])
    assert (changed["actor"], changed["client"]) == (None, None)
    (event,) = events(agency, task, "step.due_changed")
    assert (event["data"]["was"], event["data"]["due_at"]) == (task["due_at"], moved["due_at"])
    assert (event["data"]["because"], event["data"]["legal_basis"]) == ("calendar", WHY["legal_basis"])
    assert event["data"]["cause"] == changed["id"]
    assert laid(agency) == 0
    assert len(events(agency, task, "step.due_changed")) == 1


def test_the_first_instances_are_laid_anew_without_anybody_asking(agency: Agency) -> None:
    task = agency.opened()
    replaced(agency, hours=[_only(_another_day(task))])
    # the request that follows on the same connection may overtake it
    _wait_until(lambda: due(agency.http.json(f"/v1/tasks/{task['id']}")) != due(task))


def test_a_suspended_instance_follows_when_it_is_resumed(agency: Agency, laid: Callable[[Agency], int]) -> None:
    task = agency.opened()
    instance = {"id": task["instance_id"]}
    agency.http.interrupt(instance, "suspend")
    told = replaced(agency, hours=[_only(_another_day(task))])
    laid(agency)
    assert laid(agency) == 0
    assert agency.http.json(f"/v1/tasks/{task['id']}")["due_at"] == task["due_at"]
    agency.http.interrupt(instance, "resume")
    assert due(agency.http.json(f"/v1/tasks/{task['id']}")) != due(task)
    assert events(agency, task, "step.due_changed")[-1]["data"]["calendar"] == told["hash"]


def test_a_finished_instance_is_left_alone(agency: Agency, laid: Callable[[Agency], int]) -> None:
    instance = agency.to_the_end()
    before = agency.trail(instance)
    replaced(agency, hours=[SIX_DAYS])
    assert laid(agency) == 0
    assert agency.trail(instance) == before


def test_a_share_that_was_wished_counts_for_what_opens_next(agency: Agency) -> None:
    usual, _ = _reminded(agency, "2025")
    replaced(agency, due_soon_percent=100)
    assert _reminded(agency, "2026") == (1.0, True)
    assert usual < 1


def _reminded(agency: Agency, period: str) -> tuple[float, bool]:
    """At which share of the time somebody is reminded of a step that just opened, and whether when it is due."""
    task = agency.opened(period)
    (opened,) = events(agency, task, "step.opened")
    begin, soon = (datetime.fromisoformat(opened[name] if name == "at" else opened["data"][name]) for name in _TIMES)
    return (soon - begin) / (due(task) - begin), soon == due(task)


_TIMES = ("at", "notice_at")


def test_a_worker_takes_what_it_is_given_and_leaves_the_rest(world: World, journal: Journal, agency: Agency) -> None:
    tasks = [agency.opened(str(year)) for year in range(2020, 2025)]
    _behind(agency)
    taken = [world.run(lay_anew(journal, agency.id, now(), limit)) for limit in (2, 2, 2, 2)]
    assert taken == [2, 2, 1, 0]
    assert [len(events(agency, task, "step.due_changed")) for task in tasks] == [0] * 5, "nothing was different"


def test_what_cannot_be_laid_does_not_keep_the_others_waiting(
    world: World, journal: Journal, agency: Agency, faults: Faults
) -> None:
    broken = agency.opened("2024")
    agency.opened("2025")
    _behind(agency)
    rename = "UPDATE instances SET state = replace(state::text, $2, $3)::jsonb WHERE id = $1"
    named = '"root":', '"akar":'
    world.sql(rename, UUID(broken["instance_id"]), *named)
    try:
        assert world.run(lay_anew(journal, agency.id, now(), 10)) == 1
        (told,) = faults.taken()
        assert broken["instance_id"] in told
    finally:
        world.sql(rename, UUID(broken["instance_id"]), *reversed(named))
    assert world.run(lay_anew(journal, agency.id, now(), 10)) == 1


@pytest.mark.parametrize(
    "forged",
    [
        "calendar_hash = repeat('0', 64)",
        "deadline = now()",
        "deadline_notice_at = now()",
        "suspended_at = now()",
        "deadlines = jsonb_build_array(jsonb_build_object('at', now(), 'since', now()))",
        "suspensions = jsonb_build_array(jsonb_build_object('since', now(), 'event', id))",
    ],
)
def test_clocks_that_the_trail_does_not_lead_to_are_found(world: World, agency: Agency, forged: str) -> None:
    instance = agency.started()
    assert world.findings(instance) == []
    column = forged.split(" = ")[0]
    kept = world.one(f"SELECT {column} FROM instances WHERE id = $1", UUID(instance["id"]))  # noqa: S608 - from above
    world.sql(f"UPDATE instances SET {forged} WHERE id = $1", UUID(instance["id"]))  # noqa: S608 - from above
    try:
        assert world.findings(instance) == ["the clocks of the instance are not those the trail leads to"]
    finally:
        back = f"UPDATE instances SET {column} = $2 WHERE id = $1"  # noqa: S608 - from above
        world.sql(back, UUID(instance["id"]), kept)


def test_several_workers_and_officials_at_once_lay_everything_once(world: World, agency: Agency) -> None:
    tasks = [agency.opened(str(year)) for year in range(2018, 2026)]
    seen, day = tag(agency), _another_day(tasks[0])
    databases = [Database(world.addresses.application) for _ in range(3)]

    async def work() -> None:
        journals = [Journal(one, Catalog(one), Calendars(one)) for one in databases]
        await asyncio.gather(*(lay_anew(one, agency.id, now(), 100) for one in journals))
        await asyncio.gather(*(one.close() for one in databases))

    with ThreadPoolExecutor(2) as threads:
        completing = threads.submit(lambda: [agency.http.complete(task).status_code for task in tasks[:4]])
        assert put(agency, agency.client(), seen=seen, hours=[_only(day)]).status_code == 200
        world.run(work())
        assert completing.result() == [200] * 4
    for task in tasks:
        changes = events(agency, task, "instance.calendar_changed")
        assert len(changes) <= 1
        assert len(events(agency, task, "step.due_changed")) <= 1
    assert all(len(events(agency, task, "step.due_changed")) == 1 for task in tasks[4:])


def _behind(agency: Agency) -> None:
    """Make everything that runs in an agency look as if something had changed since."""
    agency.world.sql("UPDATE agencies SET clock_version = clock_version + 1 WHERE id = $1", agency.id)


def _another_day(task: Json) -> str:
    """A day of the week on which a task is not due."""
    days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    return days[(due(task).weekday() + 3) % 7]


def _only(day: str) -> Json:
    return {
        "name": "Satu hari seminggu",
        "shifts": [{"days": [day], "start": "08:00", "end": "12:00"}],
        "legal_basis": "SK Kepala Dinas",
    }


def _wait_until(happened: Callable[[], bool]) -> None:
    """Ask again and again, for as long as a busy machine may take."""
    until = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < until, "it never happened"
