"""Beginning a cycle of an SOP."""

from datetime import date, datetime
from uuid import UUID

import pytest
from pydantic import ValidationError

from engine import decide
from engine.commands import Reference
from engine.definition import Cycle
from engine.errors import PeriodMismatch
from engine.events import InstanceStarted, StepOpened
from engine.state import ROOT, InstanceStatus, Scope, TaskStatus
from tests.factories import NOW, Run, a_performer, a_process, a_start, an_activity, back, forward, ids


def started(**given):
    process = given.pop("process", None) or a_process()
    return decide.start(process, a_start(**given), now=NOW, new_id=ids())


def test_opens_the_first_printed_activity_in_its_first_round():
    decision = started()
    (task,) = decision.state.tasks
    assert decision.tasks == (task,)
    assert (task.activity, task.round, task.status, task.scope) == ("disposisi", 1, TaskStatus.OPEN, ROOT)
    assert (task.opened_at, task.held_since, task.assignee, task.returned) == (NOW, NOW, None, None)


def test_leaves_a_running_instance_whose_token_rests_on_that_activity():
    state = started().state
    assert state.status is InstanceStatus.RUNNING
    assert state.root == Scope(id=ROOT, node="disposisi")
    assert state.rounds == {"disposisi": 1}
    assert (state.started_at, state.ended_at, state.done, state.materials) == (NOW, None, (), ())


def test_says_what_happened_in_its_order():
    begun, opened = started().events
    assert isinstance(begun, InstanceStarted)
    assert isinstance(opened, StepOpened)
    assert (begun.agency, begun.period, begun.title, begun.at) == ("dinas-uji", "2026", "LAKIP 2026", NOW)
    assert (opened.activity, opened.round, opened.returned, opened.at) == ("disposisi", 1, None, NOW)


def test_gives_every_event_and_task_an_identity_of_its_own():
    decision = started()
    identities = [event.id for event in decision.events] + [task.id for task in decision.tasks]
    assert sorted(identities) == [UUID(int=1), UUID(int=2), UUID(int=3)]
    assert decision.events[1].task_id == decision.tasks[0].id


def test_keeps_the_letter_that_ordered_it_and_how_the_client_names_it():
    letter = Reference(system="e-sakip", id="L-26", letter_number="800/12", letter_date=date(2026, 1, 5))
    begun = started(reference=letter, duplicate_of=UUID(int=7), reason="Siklus ulang", input={"pagu": 5}).events[0]
    assert (begun.system, begun.reference) == ("e-sakip", "L-26")
    assert (begun.letter_number, begun.letter_date) == ("800/12", date(2026, 1, 5))
    assert (begun.duplicate_of, begun.reason, begun.input) == (UUID(int=7), "Siklus ulang", {"pagu": 5})


def test_says_what_opened_without_naming_an_official_for_it():
    begun, opened = started(by=a_performer("sekretaris", name="Ani")).events
    assert (begun.actor, begun.actor_name) == (a_performer(name="Ani").official, "Ani")
    assert (opened.actor, opened.actor_name, opened.role) == (None, None, None)


def test_a_client_may_start_without_an_official():
    assert started().events[0].actor is None


def test_refuses_a_period_that_does_not_fit_the_cycle():
    with pytest.raises(PeriodMismatch) as refusal:
        started(period="2026-03")
    assert refusal.value.errors[0].at == "period"


def test_an_sop_on_demand_starts_without_a_period():
    process = a_process(an_activity("satu"), cycle=(Cycle.ON_DEMAND,))
    assert started(process=process, period=None).state.task(UUID(int=2)).activity == "satu"


def test_starts_at_the_first_row_even_if_the_work_comes_back_to_it():
    process = a_process(
        an_activity("satu", forward("dua")), an_activity("dua", forward(None, "approved"), back("satu"))
    )
    assert Run(process).task.activity == "satu"


def test_refuses_a_time_without_a_zone():
    with pytest.raises(ValidationError, match="timezone"):
        decide.start(a_process(), a_start(), now=datetime(2026, 3, 2), new_id=ids())  # noqa: DTZ001  it is the point
