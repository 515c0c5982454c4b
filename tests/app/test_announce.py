"""What has become due is announced once, by however many workers, and whether or not one lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from app.calendars.catalog import Calendars
from app.clock import new_id, now
from app.database import Database
from app.definitions.catalog import Catalog
from app.instances.announce import announce, announce_due, look_ahead
from app.instances.journal import Journal
from app.tables import deadline_rules, positions
from tests.world import Agency, Json, World

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def world(a_world: Callable[[], World]) -> Iterator[World]:
    """A world of its own: here time runs ahead."""
    made = a_world()
    yield made
    assert made.proof().findings == ()


@pytest.fixture
def journal(world: World) -> Journal:
    return Journal(world.database, Catalog(world.database), Calendars(world.database))


def a_second_worker(world: World) -> tuple[Database, Journal]:
    database = Database(world.addresses.application)
    return database, Journal(database, Catalog(database), Calendars(database))


def due_of(task: Json) -> datetime:
    return datetime.fromisoformat(task["due_at"])


def told(agency: Agency, task: Json) -> list[str]:
    """What was announced in the task's instance."""
    types = [event["type"] for event in agency.trail({"id": task["instance_id"]})]
    return [one for one in types if one.startswith(("step.due", "step.over", "step.esc", "instance.deadline"))]


def with_a_ladder(agency: Agency, task: Json, *titles: str) -> None:
    """Put positions above the one a task waits on, nearest first."""

    async def put() -> None:
        async with agency.world.database.transaction() as connection:
            above: UUID | None = None
            for title in reversed(titles):
                made = new_id()
                await connection.execute(
                    insert(positions).values(id=made, agency_id=agency.id, title=title, superior_id=above)
                )
                above = made
            theirs = positions.c.agency_id == agency.id, positions.c.title == task["position"]
            await connection.execute(update(positions).where(*theirs).values(superior_id=above))

    agency.world.run(put())


def test_a_step_is_told_late_and_goes_up_the_ladder_once_each(agency: Agency, journal: Journal) -> None:
    task = agency.opened()
    with_a_ladder(agency, task, "Sekretaris Dinas", "Kepala Dinas")
    instance = UUID(task["instance_id"])
    late = due_of(task) + MINUTE
    for moment in (late, late, late + timedelta(days=4), late + timedelta(days=8), late + timedelta(days=30)):
        agency.world.run(announce(journal, instance, moment))
    assert told(agency, task) == ["step.overdue", "step.escalated", "step.escalated"]
    levels = [one["data"] for one in agency.trail({"id": task["instance_id"]}) if one["type"] == "step.escalated"]
    assert [(one["level"], one["superior"]) for one in levels] == [(1, "Sekretaris Dinas"), (2, "Kepala Dinas")]


def test_many_workers_at_once_tell_it_once(agency: Agency, journal: Journal) -> None:
    task = agency.opened()
    workers = [a_second_worker(agency.world) for _ in range(4)]

    async def all_at_once() -> list[bool]:
        instance, late = UUID(task["instance_id"]), due_of(task) + MINUTE
        return await asyncio.gather(*(announce(one, instance, late) for _, one in workers))

    assert sum(agency.world.run(all_at_once())) == 1
    for database, _ in workers:
        agency.world.run(database.close())
    assert told(agency, task) == ["step.overdue"]


def test_what_is_due_is_found_by_itself_and_nothing_else_is(agency: Agency, journal: Journal) -> None:
    world, task = agency.world, agency.opened()
    done = agency.to_the_end("2024")
    late = due_of(task) + MINUTE
    while world.run(announce_due(journal, late, 10)):
        pass
    assert told(agency, task) == ["step.overdue"]
    assert world.run(announce_due(journal, late, 10)) == 0
    assert told(agency, {"instance_id": done["id"]}) == []


def test_the_engine_s_own_announcements_name_nobody(agency: Agency, journal: Journal) -> None:
    task = agency.opened()
    agency.world.run(announce(journal, UUID(task["instance_id"]), due_of(task) + MINUTE))
    event = agency.trail({"id": task["instance_id"]})[-1]
    assert (event["type"], event["actor"], event["client"], event["task_id"]) == (
        "step.overdue",
        None,
        None,
        task["id"],
    )


def a_deadline(agency: Agency, months: int) -> None:
    """The agency's SOP must be through so many months after its year."""
    rule = {
        "name": "LKj",
        "rule": {"kind": "after_period", "months": months},
        "legal_basis": "Perpres 29/2014",
    }

    async def put() -> None:
        async with agency.world.database.transaction() as connection:
            values = {
                "id": new_id(),
                "definition_key": agency.definition.key,
                "rule": rule,
                "verified": False,
                "created_at": now(),
            }
            await connection.execute(insert(deadline_rules).values(values))

    agency.world.run(put())


def test_a_deadline_is_seen_to_be_at_risk_before_any_step_is_late(agency: Agency, journal: Journal) -> None:
    a_deadline(agency, months=2)
    world, year = agency.world, now().year
    task = agency.opened(str(year))
    instance = UUID(task["instance_id"])
    while world.run(look_ahead(journal, now(), 100)):
        pass
    at_risk_at = world.one("SELECT at_risk_at FROM instances WHERE id = $1", instance)
    deadline = datetime.fromisoformat(agency.http.json(f"/v1/instances/{instance}")["deadline"])
    assert now() < at_risk_at < deadline - timedelta(days=30)
    world.run(announce(journal, instance, at_risk_at + MINUTE))
    assert "instance.deadline_at_risk" in told(agency, task)
    world.run(announce(journal, instance, deadline + MINUTE))
    world.run(announce(journal, instance, deadline + 2 * MINUTE))
    assert [one for one in told(agency, task) if one.startswith("instance.")] == [
        "instance.deadline_at_risk",
        "instance.deadline_passed",
    ]


def test_a_deadline_passes_also_while_everything_is_suspended(agency: Agency, journal: Journal) -> None:
    a_deadline(agency, months=2)
    task = agency.opened(str(now().year))
    instance = {"id": task["instance_id"]}
    agency.http.interrupt(instance, "suspend")
    deadline = datetime.fromisoformat(agency.http.json(f"/v1/instances/{instance['id']}")["deadline"])
    agency.world.run(announce(journal, UUID(instance["id"]), deadline + MINUTE))
    assert told(agency, task) == ["instance.deadline_passed"]
