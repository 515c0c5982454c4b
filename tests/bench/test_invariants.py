"""What was promised and does not hold is found."""

# ruff: noqa: S608  statements are made of names and values of our own
from __future__ import annotations

import asyncio
from copy import deepcopy
from dataclasses import dataclass

import pytest

from app.database import Database
from app.settings import Settings
from tests.bench.conftest import Set, carry
from tests.bench.invariants import Checked, check
from tests.bench.load import Promised
from tests.bench.stage import Stage, sql, superuser_of
from tests.world import served


@dataclass
class Ledger:
    """A database after some steps, and what its clients were promised."""

    stage: Stage
    promised: dict[str, Promised]

    @property
    def running(self) -> str:
        """The instance that is not at its end."""
        (instance,) = (name for name, told in self.promised.items() if told.open_task)
        return instance

    def tamper(self, statement: str) -> None:
        """Change what nobody may change, past every trigger."""
        freely = "SET session_replication_role = replica; ALTER TABLE audit_events DISABLE TRIGGER USER"
        sql(superuser_of(self.stage), f"{freely}; {statement}")

    def checked(self) -> Checked:
        async def check_it() -> Checked:
            database = Database(self.stage.addresses.application)
            try:
                return await check(superuser_of(self.stage), database, self.promised)
            finally:
                await database.close()

        return asyncio.run(check_it())

    def findings(self) -> str:
        return "\n".join(self.checked().findings)


@pytest.fixture(scope="module")
def kept(bench: Set) -> Ledger:
    """One finished cycle, sent back once, and one under way."""
    stage, load = bench.copy(), bench.load(1)
    with served(Settings(database_url=stage.addresses.application, port=0)) as url:
        carry(load, url)
        carry(load, url, steps=3)
    return Ledger(stage, load.promised)


@pytest.fixture
def ledger(bench: Set, kept: Ledger) -> Ledger:
    return Ledger(bench.copy(kept.stage), deepcopy(kept.promised))


def test_what_was_done_as_promised_holds(ledger: Ledger) -> None:
    checked = ledger.checked()
    assert checked.findings == ()
    assert (checked.instances, checked.steps) == (2, 15)


def test_a_step_that_is_missing_in_the_trail_is_found(ledger: Ledger) -> None:
    last = f"SELECT max(seq) FROM audit_events WHERE instance_id = '{ledger.running}' AND type = 'step.completed'"
    ledger.tamper(f"DELETE FROM audit_events WHERE instance_id = '{ledger.running}' AND seq = ({last})")
    assert f"{ledger.running}: 3 completions and 0 returns acknowledged, (2, 0) recorded" in ledger.findings()


def test_a_step_that_nobody_was_told_of_is_found(ledger: Ledger) -> None:
    ledger.promised[ledger.running].completed -= 1
    assert "2 completions and 0 returns acknowledged, (3, 0) recorded" in ledger.findings()


def test_a_return_that_was_recorded_as_a_completion_is_found(ledger: Ledger) -> None:
    ledger.tamper("UPDATE audit_events SET type = 'step.completed' WHERE type = 'step.returned'")
    assert "11 completions and 1 returns acknowledged, (12, 0) recorded" in ledger.findings()


def test_an_open_task_that_the_state_does_not_know_is_found(ledger: Ledger) -> None:
    newest = f"SELECT id FROM tasks WHERE instance_id = '{ledger.running}' AND status = 'open'"
    ledger.tamper(f"UPDATE tasks SET id = uuidv7() WHERE id = ({newest})")
    assert "the open tasks are not those of the state" in ledger.findings()
    assert "the open task is not the one its client was told of" in ledger.findings()


def test_an_instance_that_was_promised_and_is_not_there_is_found(ledger: Ledger) -> None:
    nowhere = "00000000-0000-0000-0000-000000000000"
    ledger.promised[nowhere] = Promised()
    assert ledger.findings() == f"{nowhere}: was acknowledged and is not there"


def test_an_instance_that_nobody_was_told_of_is_found(ledger: Ledger) -> None:
    instance = ledger.running
    del ledger.promised[instance]
    assert ledger.findings() == f"{instance}: nobody was told of it"


def test_whatever_the_proof_of_the_trails_says_is_told(ledger: Ledger) -> None:
    ledger.tamper("UPDATE audit_events SET canonical = replace(canonical, 'approved', 'refused')")
    assert any("event" in one for one in ledger.checked().findings)
