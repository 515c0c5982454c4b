"""Statutory deadlines: those that are shipped, an agency's own, and what they do to what runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest

from app.calendars.catalog import Calendars
from app.calendars.compose import Cause, adopt, composed, nation, standing
from app.clock import now
from app.deadlines.shipped import load_shipped_deadlines, shipped_deadlines
from app.definitions.catalog import Catalog
from app.definitions.shipped import publish_shipped, shipped
from app.demonstration import AGENCIES, seed
from app.identity.issue import issue_key
from app.instances.journal import Journal
from app.instances.lay_anew import lay_anew
from engine.calendar import Change, ChangeKind
from engine.period import require_period
from tests.journeys.course import period_of
from tests.world import Agency, Client, Json, World, refused

JAKARTA = ZoneInfo("Asia/Jakarta")
TWO_MONTHS = {"kind": "after_period", "months": 2}
WHY = {"legal_basis": "SE Sekda Nomor 700/12/2026", "reason": "Diminta lebih awal"}


@pytest.fixture
def laid(world: World) -> Callable[[], int]:
    """Lay everything anew that is behind, with the server or before it."""
    journal = Journal(world.database, Catalog(world.database), Calendars(world.database))
    return lambda: world.run(lay_anew(journal, None, now(), 1_000))


def post(agency: Agency, rule: Json = TWO_MONTHS, /, **asked: Any) -> httpx.Response:
    return agency.http.post("/v1/deadlines", json=WHY | {"definition": agency.definition.key, "rule": rule} | asked)


def set_for(agency: Agency, rule: Json = TWO_MONTHS, /, **asked: Any) -> Json:
    answer = post(agency, rule, **asked)
    assert answer.status_code == 201, answer.text
    return answer.json()


def withdraw(agency: Agency, deadline: Json) -> httpx.Response:
    return agency.http.post(f"/v1/deadlines/{deadline['id']}/withdraw", json=WHY | {"reason": "Keliru"})


def end_of(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.max.time(), JAKARTA)


def deadline_of(agency: Agency, instance: Json) -> datetime | None:
    told = agency.http.json(f"/v1/instances/{instance['id']}")["deadline"]
    return datetime.fromisoformat(told) if told else None


def changes(agency: Agency, instance: Json) -> list[Json]:
    return [one["data"] for one in agency.trail(instance) if one["type"] == "instance.deadline_changed"]


# Those that are shipped


@pytest.fixture(scope="module")
def shipped_world(a_world: Callable[[], World]) -> Iterator[World]:
    """A world with the demonstration's agencies, their SOPs and the deadlines that come along."""
    world = a_world()
    world.run(seed(world.database, now()))
    world.run(publish_shipped(world.database))
    loaded = world.run(load_shipped_deadlines(world.database))
    assert sorted(loaded) == sorted(key for key, _ in shipped_deadlines())
    yield world
    assert world.proof().findings == ()


@pytest.fixture(scope="module")
def clerk(shipped_world: World) -> Iterator[Client]:
    """A client of all the demonstration's agencies."""

    async def issued() -> str:
        served, scopes = [one.key for one in AGENCIES], ["read", "start", "admin"]
        async with shipped_world.database.transaction() as connection:
            return await issue_key(connection, "uji", scopes=scopes, agencies=served, officials="", at=now())

    with Client(shipped_world.url, shipped_world.run(issued())) as client:
        yield client


def test_each_is_of_a_shipped_sop_and_says_whether_its_source_was_read() -> None:
    cycles = {definition.key: definition.cycle for definition in shipped()}
    months, verified = {}, {}
    for key, law in shipped_deadlines():
        assert law.rule.kind == "after_period"
        months[key], verified[key] = law.rule.months, law.verified
        definition = next(one for one in shipped() if one.key == key)
        require_period(cycles[key], period_of(definition))
    assert months == {
        "kalbar-lakip": 2,
        "cirebon-lakip": 2,
        "samarinda-pelaporan-kinerja": 2,
        "kalbar-lkpj": 3,
        "kalbar-lppd": 3,
        "sukabumi-pengukuran-kinerja-lakip": 1,
    }
    assert [key for key, read in verified.items() if read] == ["kalbar-lkpj"]


def test_they_are_loaded_once_and_what_is_withdrawn_stays_so(shipped_world: World) -> None:
    assert shipped_world.run(load_shipped_deadlines(shipped_world.database)) == []
    gone = "UPDATE deadline_rules SET withdrawn_at = now(), withdrawal_reason = 'Diganti' WHERE definition_key = $1"
    shipped_world.sql(gone, "kalbar-lppd")
    assert shipped_world.run(load_shipped_deadlines(shipped_world.database)) == []


@pytest.mark.parametrize(
    ("sop", "period", "day", "words"),
    [
        ("kalbar-lakip", "2026", "2027-02-28", "perlu verifikasi"),
        ("cirebon-lakip", "2027", "2028-02-29", "perlu verifikasi"),
        ("kalbar-lkpj", "2026", "2027-03-31", "Pasal 18 ayat (1)"),
        ("sukabumi-pengukuran-kinerja-lakip", "2026-Q4", "2027-01-31", "perlu verifikasi"),
    ],
)
def test_an_instance_has_the_deadline_of_its_sop(clerk: Client, sop: str, period: str, day: str, words: str) -> None:
    (told,) = clerk.all("/v1/deadlines", definition=sop, period=period)
    assert (told["agency"], told["falls"]["on"], told["in_force"], told["original"]) == (None, day, True, None)
    assert words in told["falls"]["message_id"]
    assert ("perlu verifikasi" in told["falls"]["message_id"]) is not told["verified"]
    instance = clerk.start(sop, period=period)
    assert instance.status_code == 201, instance.text
    falls = datetime.fromisoformat(told["falls"]["at"])
    assert datetime.fromisoformat(instance.json()["deadline"]) == falls
    assert (falls.time(), falls.date().isoformat()) == (datetime.max.time(), day)


def test_an_sop_without_one_has_no_deadline(clerk: Client) -> None:
    assert clerk.all("/v1/deadlines", definition="kalbar-rka-dpa") == []
    assert clerk.start("kalbar-rka-dpa", period="2026").json()["deadline"] is None


def test_everybody_s_deadline_is_overridden_and_not_withdrawn(clerk: Client) -> None:
    (everybody_s,) = clerk.all("/v1/deadlines", definition="samarinda-pelaporan-kinerja", period="2025")
    refused(clerk.post(f"/v1/deadlines/{everybody_s['id']}/withdraw", json=WHY), 409, "deadline-shared")
    body = WHY | {"definition": "samarinda-pelaporan-kinerja", "rule": {"kind": "after_period", "months": 1}}
    own = clerk.post("/v1/deadlines", json=body).json()
    assert (own["agency"], own["period"], own["falls"]) == ("dkukmp-samarinda", None, None)
    assert (own["original"]["id"], own["original"]["verified"]) == (everybody_s["id"], False)
    assert own["original"]["legal_basis"] == everybody_s["legal_basis"]
    body |= {"period": "2025", "rule": {"kind": "fixed_date", "month": 2, "day": 15, "years_after": 1}}
    once = clerk.post("/v1/deadlines", json=body).json()
    assert (once["original"]["id"], once["falls"]["on"]) == (own["id"], "2026-02-15")
    assert once["original"]["falls"]["on"] == "2026-01-31"
    assert (
        clerk.start("samarinda-pelaporan-kinerja", period="2025").json()["deadline"].startswith("2026-02-15T15:59:59")
    )
    listed = clerk.all("/v1/deadlines", definition="samarinda-pelaporan-kinerja", period="2025")
    assert [one["id"] for one in listed] == [everybody_s["id"], own["id"], once["id"]]
    assert all(one["in_force"] for one in listed), "each where nothing more particular is"
    elsewhere = clerk.all("/v1/deadlines", agency="dkukm-cirebon", definition="samarinda-pelaporan-kinerja")
    assert [one["id"] for one in elsewhere] == [everybody_s["id"]]


# An agency's own


def test_a_deadline_that_is_set_is_found_again_with_who_when_and_why(agency: Agency) -> None:
    official = agency.official()
    body = WHY | {"definition": agency.definition.key, "rule": TWO_MONTHS, "name": "LKj", "verified": False}
    answer = agency.http.deed("/v1/deadlines", body, by=official)
    told = answer.json()
    assert answer.status_code == 201, answer.text
    assert (told["agency"], told["period"], told["name"]) == (agency.key, None, "LKj")
    assert (told["rule"]["months"], told["roll"], told["verified"]) == (2, "none", False)
    assert (told["legal_basis"], told["reason"], told["official"]) == (*WHY.values(), official)
    assert (told["in_force"], told["original"], told["withdrawn"], told["falls"]) == (True, None, None, None)
    assert answer.headers["location"] == f"/v1/deadlines/{told['id']}"
    assert agency.http.json(answer.headers["location"]) == told
    assert agency.http.all("/v1/deadlines", definition=agency.definition.key) == [told]
    (of_a_year,) = agency.http.all("/v1/deadlines", agency=agency.key, period="2026")
    assert of_a_year["falls"]["on"] == "2027-02-28"
    unread = f"LKj: paling lambat Minggu 28 Februari 2027 ({WHY['legal_basis']}; perlu verifikasi)."
    assert of_a_year["falls"]["message_id"] == unread


def test_what_runs_takes_another_deadline_and_the_trail_keeps_the_old_one(
    agency: Agency, laid: Callable[[], int]
) -> None:
    ended, running = agency.to_the_end("2024"), agency.started("2025")
    assert deadline_of(agency, running) is None
    first = set_for(agency)
    laid()
    assert deadline_of(agency, running) == end_of("2026-02-28")
    set_for(agency, {"kind": "after_period", "months": 1, "day": 15}, period="2025", legal_basis="SK Bupati 9/2026")
    laid()
    assert deadline_of(agency, running) == end_of("2026-01-15")
    second = changes(agency, running)[-1]
    assert datetime.fromisoformat(second["was"]) == end_of("2026-02-28")
    assert (datetime.fromisoformat(second["deadline"]), second["deadline_basis"]) == (
        end_of("2026-01-15"),
        "SK Bupati 9/2026",
    )
    assert deadline_of(agency, ended) is None
    assert changes(agency, ended) == []
    other = agency.started("2026")
    assert deadline_of(agency, other) == end_of("2027-02-28")
    assert withdraw(agency, first).status_code == 200
    laid()
    assert deadline_of(agency, other) is None
    assert deadline_of(agency, running) == end_of("2026-01-15")
    assert laid() == 0


def test_a_withdrawn_deadline_stays_to_be_seen_and_what_held_before_holds_again(
    agency: Agency, laid: Callable[[], int]
) -> None:
    running, lasting = agency.started("2025"), set_for(agency)
    once = set_for(agency, {"kind": "after_period", "months": 1}, period="2025")
    assert once["original"]["id"] == lasting["id"]
    answer = withdraw(agency, once)
    assert answer.status_code == 200, answer.text
    gone = answer.json()
    assert (gone["in_force"], gone["withdrawn"]["reason"]) == (False, "Keliru")
    assert gone["withdrawn"]["legal_basis"] == WHY["legal_basis"]
    laid()
    assert deadline_of(agency, running) == end_of("2026-02-28")
    assert agency.http.all("/v1/deadlines", agency=agency.key) == [lasting]
    ids = [one["id"] for one in agency.http.all("/v1/deadlines", agency=agency.key, withdrawn="true")]
    assert ids == [lasting["id"], once["id"]]
    problem = refused(withdraw(agency, once), 409, "already-withdrawn")
    assert problem["existing"]["id"] == once["id"]


def test_the_younger_of_two_for_the_same_counts(agency: Agency) -> None:
    older = set_for(agency)
    younger = set_for(agency, {"kind": "after_period", "months": 3})
    assert younger["original"]["id"] == older["id"]
    listed = {one["id"]: one["in_force"] for one in agency.http.all("/v1/deadlines", agency=agency.key, limit=1)}
    assert listed == {older["id"]: False, younger["id"]: True}
    assert deadline_of(agency, agency.started("2025")) == end_of("2026-03-31")


def test_a_deadline_rolls_only_where_it_is_told_to_and_follows_the_calendar(
    agency: Agency, laid: Callable[[], int]
) -> None:
    set_for(agency, roll="next")
    running = agency.started("2026")
    assert deadline_of(agency, running) == end_of("2027-03-01"), "28 February 2027 is a Sunday"
    day_off = {"agency": agency.key, "kind": "add", "date": "2027-03-01", "name": "Hari jadi"} | WHY
    assert agency.http.post("/v1/holidays", json=day_off).status_code == 201
    laid()
    assert deadline_of(agency, running) == end_of("2027-03-02")
    assert [one["was"] is not None for one in changes(agency, running)] == [True]
    (told,) = agency.http.all("/v1/deadlines", agency=agency.key, period="2026")
    assert (told["falls"]["named"], told["falls"]["on"]) == ("2027-02-28", "2027-03-02")
    assert "berpindah" in told["falls"]["message_id"]
    assert [one["kind"] for one in told["falls"]["caveats"]] == ["not_loaded"]


def test_a_step_that_ends_meanwhile_does_not_keep_a_rolled_deadline_from_moving(
    agency: Agency, laid: Callable[[], int]
) -> None:
    set_for(agency, roll="next")
    task = agency.opened("2026")
    agency.world.run(_a_day_off(agency, date(2027, 3, 1)))
    # the step ends before anybody comes to lay the instance anew: it takes the calendar, not the deadline
    agency.http.completed(task)
    assert deadline_of(agency, {"id": task["instance_id"]}) == end_of("2027-03-01")
    laid()
    assert deadline_of(agency, {"id": task["instance_id"]}) == end_of("2027-03-02")


async def _a_day_off(agency: Agency, day: date) -> None:
    """Put a day off into an agency's calendar without a server that would see to what follows."""
    async with agency.world.database.transaction() as connection:
        found, common = await standing(connection, agency.id, now()), await nation(connection)
        change = Change(kind=ChangeKind.ADD, date=day, name="Hari jadi", legal_basis="Perda")
        calendar = composed(common, found.zone, found.own, [change])
        await adopt(connection, found, calendar, Cause("Hari jadi", "Perda"), now())


def test_a_deadline_after_an_event_is_known_once_the_event_is(agency: Agency, laid: Callable[[], int]) -> None:
    rule = {"kind": "after_event", "workdays": 3, "event": "Perda APBD ditetapkan"}
    set_for(agency, rule)
    running = agency.started("2026")
    assert deadline_of(agency, running) is None
    told = set_for(agency, rule, period="2026", event_on="2026-11-26")
    assert told["falls"]["on"] == "2026-12-01", "Friday, Monday, Tuesday"
    laid()
    assert deadline_of(agency, running) == end_of("2026-12-01")
    other = agency.started("2027")
    assert deadline_of(agency, other) is None


@pytest.mark.parametrize(
    ("asked", "slug", "place"),
    [
        ({"period": "2026-Q1"}, "period-mismatch", "period"),
        ({"event_on": "2026-11-26"}, "request-invalid", "event_on"),
        ({"rule": {"kind": "fixed_date", "month": 13, "day": 1, "years_after": 1}}, "request-invalid", "rule"),
        ({"rule": {"kind": "fixed_date", "month": 2, "day": 30, "years_after": 1}}, "request-invalid", "rule"),
        ({"rule": {"kind": "lunar"}}, "request-invalid", "rule"),
        ({"roll": "backward"}, "request-invalid", "roll"),
        ({"legal_basis": ""}, "request-invalid", "legal_basis"),
        ({"alasan": "x"}, "request-invalid", "alasan"),
        ({"name": "\0"}, "request-invalid", "name"),
    ],
)
def test_a_deadline_that_cannot_be_is_refused(agency: Agency, asked: Json, slug: str, place: str) -> None:
    problem = refused(post(agency, **asked), 422, slug)
    assert any(one["at"].startswith(place) for one in problem["errors"]), problem["errors"]
    assert agency.http.all("/v1/deadlines", agency=agency.key) == []


@pytest.mark.parametrize("period", ["2026-13", "26", "2026-Q5", "1826", "9999", "tahun ini"])
def test_a_period_that_is_none_is_refused(agency: Agency, period: str) -> None:
    set_for(agency)
    problem = refused(agency.http.get("/v1/deadlines", params={"period": period}), 422, "request-invalid")
    assert [one["at"] for one in problem["errors"]] == ["period"]


def test_a_deadline_that_is_sent_again_is_set_once(agency: Agency) -> None:
    body = WHY | {"definition": agency.definition.key, "rule": TWO_MONTHS}
    first = agency.http.deed("/v1/deadlines", body, key="lkj")
    assert agency.http.deed("/v1/deadlines", body, key="lkj").json() == first.json()
    refused(agency.http.deed("/v1/deadlines", body | {"period": "2026"}, key="lkj"), 422, "idempotency-key-reused")
    path = f"/v1/deadlines/{first.json()['id']}/withdraw"
    gone = agency.http.deed(path, WHY, key="cabut")
    assert agency.http.deed(path, WHY, key="cabut").json() == gone.json()
    assert len(agency.http.all("/v1/deadlines", agency=agency.key, withdrawn="true")) == 1


def test_deadlines_of_another_agency_are_not_there(an_agency: Callable[..., Agency]) -> None:
    mine, theirs = an_agency(), an_agency()
    one = set_for(theirs)
    refused(mine.http.get(f"/v1/deadlines/{one['id']}"), 404, "not-found")
    refused(withdraw(mine, one), 404, "not-found")
    refused(post(mine, TWO_MONTHS, definition=theirs.definition.key), 404, "not-found")
    refused(post(mine, agency=theirs.key), 404, "not-found")
    assert mine.http.all("/v1/deadlines") == []
    assert mine.http.all("/v1/deadlines", agency=theirs.key) == []
    refused(mine.client("read").post("/v1/deadlines", json={"definition": "x"}), 422, "request-invalid")
    body = WHY | {"definition": mine.definition.key, "rule": TWO_MONTHS}
    refused(mine.client("read").post("/v1/deadlines", json=body), 403, "scope-missing")
    both = mine.client(also=[theirs], official=theirs.official())
    refused(both.post("/v1/deadlines", json=body), 403, "official-not-allowed")
    assert theirs.http.json(f"/v1/deadlines/{one['id']}")["in_force"]


def test_an_sop_that_another_agency_runs_has_that_agency_s_deadline(an_agency: Callable[..., Agency]) -> None:
    owner, runs_it = an_agency(), an_agency()
    http = owner.client(also=[runs_it])
    body = WHY | {"definition": owner.definition.key, "rule": TWO_MONTHS, "agency": runs_it.key}
    assert http.post("/v1/deadlines", json=body).json()["agency"] == runs_it.key
    theirs = http.start(owner.definition.key, period="2025", agency=runs_it.key)
    assert datetime.fromisoformat(theirs.json()["deadline"]) == end_of("2026-02-28")
    assert http.start(owner.definition.key, period="2025").json()["deadline"] is None


def test_what_was_set_is_never_rewritten_in_the_database(world: World, agency: Agency) -> None:
    one = UUID(set_for(agency)["id"])
    for statement in (
        "UPDATE deadline_rules SET rule = '{}' WHERE id = $1",
        "DELETE FROM deadline_rules WHERE id = $1",
    ):
        with pytest.raises(Exception, match="append-only"):
            world.sql(statement, one, role="owner")


def test_a_withdrawal_names_its_reason(world: World, agency: Agency) -> None:
    one = UUID(set_for(agency)["id"])
    with pytest.raises(Exception, match="withdrawn_for_a_reason"):
        world.sql("UPDATE deadline_rules SET withdrawn_at = now() WHERE id = $1", one)


def test_a_deadline_that_a_clock_behind_reads_is_found_anyway(
    world: World, agency: Agency, laid: Callable[[], int]
) -> None:
    """An instance that started while the deadline was being set has read the old law and the old count of changes."""
    running = agency.started("2025")
    set_for(agency)
    laid()
    world.sql("UPDATE instances SET clock_version = clock_version - 1 WHERE id = $1", UUID(running["id"]))
    before = agency.trail(running)
    assert laid() == 1
    assert agency.trail(running) == before
    assert laid() == 0


# What a deadline asks of the steps that are left


def test_an_instance_shows_when_each_step_that_is_left_must_begin(agency: Agency) -> None:
    year = now().year
    set_for(agency, {"kind": "after_period", "months": 8})
    task = agency.opened(str(year))
    told = agency.http.json(f"/v1/instances/{task['instance_id']}")
    plan = told["plan"]
    numbers = [step["number"] for step in plan["steps"]]
    assert numbers == sorted(numbers)
    assert [numbers[0], len(numbers)] == [1, told["progress"]["total"]]
    starts = [datetime.fromisoformat(step["latest_start"]) for step in plan["steps"]]
    assert starts == sorted(starts)
    assert datetime.fromisoformat(plan["latest_start"]) == starts[0] < datetime.fromisoformat(told["deadline"])
    assert plan["slack_minutes"] > 0
    assert not plan["will_miss"]
    agency.http.completed(task)
    left = agency.http.json(f"/v1/instances/{task['instance_id']}")["plan"]
    assert [step["number"] for step in left["steps"]] == numbers[1:]


def test_that_a_deadline_will_be_missed_is_seen_before_any_step_is_late(agency: Agency) -> None:
    day = (now().astimezone(JAKARTA) + timedelta(days=1)).date()
    rule = {"kind": "fixed_date", "month": day.month, "day": day.day, "years_after": 0}
    set_for(agency, rule)
    task = agency.opened(str(day.year))
    told = agency.http.json(f"/v1/instances/{task['instance_id']}")
    assert (told["overdue"], told["plan"]["will_miss"]) == (False, True)
    assert told["plan"]["slack_minutes"] < 0


def test_what_is_over_or_has_no_deadline_has_no_plan(agency: Agency) -> None:
    free = agency.opened("2019")
    assert agency.http.json(f"/v1/instances/{free['instance_id']}")["plan"] is None
    set_for(agency, {"kind": "after_period", "months": 8})
    ended = agency.to_the_end("2020")
    assert agency.http.json(f"/v1/instances/{ended['id']}")["plan"] is None
