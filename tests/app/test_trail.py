"""The trail: nobody changes it unseen. Privileges and triggers forbid it; `alur verify` finds what got past them."""

# ruff: noqa: S608 - the statements are written here

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest

from tests.world import Agency, Json, World

APPEND_ONLY = ("audit_events", "audit_personal", "process_definitions")
CHANGES = {
    "audit_events": "UPDATE audit_events SET type = type",
    "audit_personal": "UPDATE audit_personal SET words = words",
    "process_definitions": "UPDATE process_definitions SET title = title",
}


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("deed", ["UPDATE", "DELETE", "TRUNCATE"])
def test_the_application_has_no_right_to_change_it(agency: Agency, table: str, deed: str) -> None:
    agency.started()
    wanted = {"UPDATE": CHANGES[table], "DELETE": f"DELETE FROM {table}", "TRUNCATE": f"TRUNCATE {table}"}
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        agency.world.sql(wanted[deed], role="application")


@pytest.mark.parametrize("statement", ["DELETE FROM instances", "DELETE FROM tasks", "TRUNCATE instances CASCADE"])
def test_the_application_cannot_remove_what_the_trail_is_about(agency: Agency, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        agency.world.sql(statement, role="application")


FORBIDDEN = [
    (table, deed)
    for table in APPEND_ONLY
    for deed in ("UPDATE", "DELETE", "TRUNCATE")
    if (table, deed) != ("audit_personal", "DELETE")  # personal words may be erased, see below
]


@pytest.mark.parametrize(("table", "deed"), FORBIDDEN)
@pytest.mark.parametrize("who", ["owner", "superuser", "replica"])
def test_a_trigger_stops_even_the_owner_and_a_pretended_replica(
    agency: Agency, table: str, deed: str, who: str
) -> None:
    agency.to_the_end()
    wanted = {
        "UPDATE": CHANGES[table],
        "DELETE": f"DELETE FROM {table}",
        "TRUNCATE": f"TRUNCATE {table} CASCADE",
    }
    statement = (
        f"BEGIN; SET session_replication_role = replica; {wanted[deed]}; COMMIT" if who == "replica" else wanted[deed]
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        agency.world.sql(statement, role="owner" if who == "owner" else "superuser")


def test_the_application_may_not_disable_the_triggers(agency: Agency) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="must be owner"):
        agency.world.sql("ALTER TABLE audit_events DISABLE TRIGGER ALL", role="application")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        agency.world.sql("SET session_replication_role = replica", role="application")


# Tampering, in a world of its own: what is broken there stays broken


@pytest.fixture(scope="module")
def apart(a_world: Callable[[], World]) -> World:
    return a_world()


@pytest.fixture
def victim(apart: World) -> Iterator[tuple[Agency, Json]]:
    """A cycle with a return, a comment and personal words in its trail."""
    agency = apart.an_agency()
    task = agency.until("periksa_ketua_tim")
    instance = agency.http.completed(task, "returned")["instance"]
    agency.http.comment(instance, "Mohon dipercepat", by=agency.official())
    assert apart.findings(instance) == []
    yield agency, instance
    apart.close_clients()


def tamper(world: World, table: str, statement: str) -> None:
    """Change a table as a superuser can who takes its triggers and foreign keys away for a moment."""
    again = "".join(f"; ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}" for name in TRIGGERS)
    world.sql(f"SET session_replication_role = replica; ALTER TABLE {table} DISABLE TRIGGER USER; {statement}{again}")


TRIGGERS = ("append_only", "append_only_truncate")
EVENT = "WHERE instance_id = '{id}' AND seq = 4"

TAMPERINGS = {
    "a word in the record": "UPDATE audit_events SET canonical = replace(canonical, '000.8/', '999.9/') " + EVENT,
    "a record that is no JSON": "UPDATE audit_events SET canonical = 'x' " + EVENT,
    "a record that is no object": "UPDATE audit_events SET canonical = '[]' " + EVENT,
    "a record that is JSON but not canonical": "UPDATE audit_events SET canonical = canonical || ' ' " + EVENT,
    "an empty record": "UPDATE audit_events SET canonical = '{{}}' " + EVENT,
    "the type": "UPDATE audit_events SET type = 'step.returned' " + EVENT,
    "the time": "UPDATE audit_events SET at = at - interval '1 day' " + EVENT,
    "the id": "UPDATE audit_events SET id = gen_random_uuid() " + EVENT,
    "the hash": "UPDATE audit_events SET hash = repeat('0', 64) " + EVENT,
    "the link": "UPDATE audit_events SET prev_hash = repeat('0', 64) " + EVENT,
    "the agency": "UPDATE audit_events SET agency_id = (SELECT id FROM agencies WHERE id NOT IN "
    "(SELECT agency_id FROM instances WHERE id = '{id}') LIMIT 1) " + EVENT,
    "an event in the middle removed": "DELETE FROM audit_events " + EVENT,
    "the last event removed": "DELETE FROM audit_personal WHERE event_id = (SELECT id FROM audit_events "
    "WHERE instance_id = '{id}' ORDER BY seq DESC LIMIT 1); "
    "DELETE FROM audit_events WHERE instance_id = '{id}' AND seq = "
    "(SELECT max(seq) FROM audit_events WHERE instance_id = '{id}')",
    "the whole trail removed": "DELETE FROM audit_personal WHERE event_id IN "
    "(SELECT id FROM audit_events WHERE instance_id = '{id}'); UPDATE tasks SET returned_event_id = NULL "
    "WHERE instance_id = '{id}'; DELETE FROM audit_events WHERE instance_id = '{id}'",
    "two hashes swapped": "UPDATE audit_events AS one SET hash = other.hash FROM audit_events AS other "
    "WHERE one.instance_id = '{id}' AND other.instance_id = '{id}' AND one.seq + other.seq = 9 AND one.seq IN (4, 5)",
    "two records swapped": "UPDATE audit_events AS one SET canonical = other.canonical, hash = other.hash "
    "FROM audit_events AS other WHERE one.instance_id = '{id}' AND other.instance_id = '{id}' "
    "AND one.seq + other.seq = 9 AND one.seq IN (4, 5)",
    "a repeated event": "INSERT INTO audit_events SELECT gen_random_uuid(), instance_id, agency_id, "
    "seq + 100, type, at, canonical, prev_hash, hash FROM audit_events " + EVENT,
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_with_the_events_is_found(apart: World, victim: tuple[Agency, Json], what: str) -> None:
    _, instance = victim
    tamper(apart, "audit_events", TAMPERINGS[what].format(id=instance["id"]))
    assert apart.findings(instance), what


def test_a_forger_who_recomputes_the_hash_of_one_record_breaks_the_chain(
    apart: World, victim: tuple[Agency, Json]
) -> None:
    _, instance = victim
    forged = (
        "WITH forged AS (SELECT id, replace(canonical, '000.8/', '999.9/') AS text FROM audit_events {event}) "
        "UPDATE audit_events SET canonical = text, hash = encode(sha256(convert_to(text, 'UTF8')), 'hex') "
        "FROM forged WHERE forged.id = audit_events.id"
    )
    tamper(apart, "audit_events", forged.format(event=EVENT.format(id=instance["id"])))
    assert any("does not follow on" in what for what in apart.findings(instance))


STATES = {
    "the node": "state = jsonb_set(state, '{{root,node}}', '\"tanda_tangan_kadis\"')",
    "a round": "state = jsonb_set(state, '{{rounds,susun_konsep}}', '7')",
    "a document": "state = jsonb_set(state, '{{materials,0,outputs,0,reference}}', '\"999\"')",
    "a state that is none": "state = jsonb_build_object('status', status)",
    "the status": "status = 'suspended', state = jsonb_set(state, '{{status}}', '\"suspended\"')",
    "the start": "started_at = started_at - interval '1 day'",
    "the length": "trail_length = trail_length + 1",
    "the head": "trail_head = repeat('0', 64)",
}


@pytest.mark.parametrize("what", STATES)
def test_tampering_with_the_instance_is_found(apart: World, victim: tuple[Agency, Json], what: str) -> None:
    _, instance = victim
    changed = STATES[what].format()
    apart.sql(f"UPDATE instances SET {changed} WHERE id = '{instance['id']}'; SELECT 1")
    assert apart.findings(instance), what


TASKS = {
    "who did it": "performed_by = gen_random_uuid() WHERE status = 'completed'",
    "the outcome": "outcome = 'lain' WHERE status = 'completed'",
    "when it was closed": "closed_at = closed_at + interval '1 hour' WHERE status = 'completed'",
    "who holds it": "status = 'claimed', assignee_id = gen_random_uuid() WHERE status = 'open'",
    "who may do it": "candidate_roles = ARRAY['pejabat_level_i'] WHERE status = 'open'",
    "the round": "round = round + 10 WHERE status = 'open'",
    "why it came back": "returned_event_id = NULL WHERE status = 'open'",
}


@pytest.mark.parametrize("what", TASKS)
def test_tampering_with_a_task_is_found(apart: World, victim: tuple[Agency, Json], what: str) -> None:
    _, instance = victim
    apart.sql(f"UPDATE tasks SET {TASKS[what]} AND instance_id = '{instance['id']}'; SELECT 1")
    assert apart.findings(instance) == ["the tasks are not those the trail leads to"]


def test_a_task_removed_or_added_is_found(apart: World, victim: tuple[Agency, Json]) -> None:
    _, instance = victim
    apart.sql(f"DELETE FROM tasks WHERE instance_id = '{instance['id']}' AND status = 'completed'; SELECT 1")
    assert apart.findings(instance) == ["the tasks are not those the trail leads to"]


@pytest.mark.parametrize(
    "change",
    ["words = replace(words, 'Mohon', 'Tidak')", "words = 'x'", "words = '{{}}'", "salt = sha256(salt)"],
)
def test_edited_personal_words_are_found(apart: World, victim: tuple[Agency, Json], change: str) -> None:
    _, instance = victim
    last = f"(SELECT id FROM audit_events WHERE instance_id = '{instance['id']}' ORDER BY seq DESC LIMIT 1)"
    tamper(apart, "audit_personal", f"UPDATE audit_personal SET {change.format()} WHERE event_id = {last}")
    assert any("personal words" in what for what in apart.findings(instance))


def test_the_owner_may_erase_personal_words_which_is_counted_and_no_fault(
    apart: World, victim: tuple[Agency, Json]
) -> None:
    agency, instance = victim
    before = apart.proof().erased
    its = f"event_id IN (SELECT id FROM audit_events WHERE instance_id = '{instance['id']}')"
    count = apart.one(f"SELECT count(*) FROM audit_personal WHERE {its}")
    apart.sql(f"DELETE FROM audit_personal WHERE {its}", role="owner")
    assert apart.findings(instance) == []
    assert apart.proof().erased == before + count > before
    trail: list[Any] = agency.trail(instance)
    assert all(event["actor_name"] is event["note"] is event["reason"] is None for event in trail)
    assert agency.waiting(instance)["returned"]["reason"] is None
    assert agency.http.completed(agency.waiting(instance))["task"]["status"] == "completed"
    assert apart.findings(instance) == []


def test_the_proof_counts_what_it_looked_at(apart: World, victim: tuple[Agency, Json]) -> None:
    agency, _ = victim
    before = apart.proof()
    finished = agency.to_the_end("2030")
    after = apart.proof()
    assert after.instances == before.instances + 1
    assert after.events == before.events + len(agency.trail(finished))
