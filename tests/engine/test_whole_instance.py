"""Deeds that concern an instance as a whole: cancel, suspend, resume, comment."""

from datetime import timedelta

import pytest

from engine import decide
from engine.commands import Cancel, Claim, Comment, Complete, Performer, Resume, Suspend, Unclaim
from engine.errors import InstanceEnded, InstanceNotSuspended
from engine.errors import InstanceSuspended as SuspendedRefusal
from engine.events import InstanceCancelled, InstanceCommented, InstanceResumed, InstanceSuspended
from engine.state import InstanceStatus, TaskStatus
from tests.factories import Run, a_performer, an_official

INSPECTOR = a_performer("inspektur", name="Ida")

DEEDS = {
    "cancel": lambda run: run.do(decide.cancel, Cancel(by=INSPECTOR, reason="Salah periode")),
    "suspend": lambda run: run.do(decide.suspend, Suspend(by=INSPECTOR, reason="Audit")),
    "resume": lambda run: run.do(decide.resume, Resume(by=INSPECTOR, reason="Audit selesai")),
    "comment": lambda run: run.do(decide.comment, Comment(by=INSPECTOR, text="Mohon dipercepat")),
}
STEPS = {
    "claim": lambda run: run.do(decide.claim, Claim(by=run.by, task=run.last)),
    "unclaim": lambda run: run.do(decide.unclaim, Unclaim(by=run.by, task=run.last)),
    "complete": lambda run: run.do(decide.complete, Complete(by=run.by, task=run.last)),
}


@pytest.fixture
def run() -> Run:
    run = Run().until("susun_draf")
    run.by, run.last = run.candidate(), run.task.id
    return run


@pytest.fixture
def suspended(run) -> Run:
    DEEDS["suspend"](run)
    return run


@pytest.fixture
def completed(run) -> Run:
    return run.to_the_end()


@pytest.fixture
def cancelled(run) -> Run:
    DEEDS["cancel"](run)
    return run


@pytest.fixture(params=["completed", "cancelled"])
def ended(request) -> Run:
    return request.getfixturevalue(request.param)


def test_cancelling_names_the_live_task_and_cancels_it(run):
    decision = DEEDS["cancel"](run)
    (event,) = decision.events
    assert isinstance(event, InstanceCancelled)
    assert event.tasks == (run.last,)
    assert (event.actor, event.actor_name, event.reason) == (an_official("Ida"), "Ida", "Salah periode")
    (task,) = decision.tasks
    assert (task.id, task.status, task.closed_at) == (run.last, TaskStatus.CANCELLED, run.now)
    assert (task.performed_by, task.outcome) == (None, None)


def test_a_cancelled_instance_has_ended_and_waits_on_nobody(run):
    DEEDS["cancel"](run)
    assert run.state.status is InstanceStatus.CANCELLED
    assert (run.state.tasks, run.state.ended_at) == ((), run.now)


def test_cancelling_touches_no_task_that_was_closed_before(run):
    closed = [task for task in run.tasks.values() if not task.status.is_live]
    DEEDS["cancel"](run)
    assert len(closed) == 3
    assert all(run.tasks[task.id] == task for task in closed)


def test_cancelling_keeps_who_held_the_task(run):
    run.claim()
    DEEDS["cancel"](run)
    assert run.tasks[run.last].assignee == an_official("kasubbag_program")


def test_a_suspended_instance_may_be_cancelled(suspended):
    DEEDS["cancel"](suspended)
    assert suspended.state.status is InstanceStatus.CANCELLED
    assert suspended.state.suspended_at is None


def test_suspending_leaves_the_task_where_it_was(run):
    run.claim()
    waiting = run.state.tasks
    decision = DEEDS["suspend"](run)
    (event,) = decision.events
    assert isinstance(event, InstanceSuspended)
    assert (event.actor, event.reason) == (an_official("Ida"), "Audit")
    assert (run.state.status, run.state.suspended_at) == (InstanceStatus.SUSPENDED, run.now)
    assert (run.state.tasks, decision.tasks) == (waiting, waiting)
    assert run.state.stopped_since(run.task) == run.now


@pytest.mark.parametrize("step", STEPS)
def test_no_step_is_taken_while_suspended(suspended, step):
    with pytest.raises(SuspendedRefusal):
        STEPS[step](suspended)


def test_refuses_to_suspend_twice(suspended):
    with pytest.raises(SuspendedRefusal):
        DEEDS["suspend"](suspended)


def test_resuming_goes_on_where_it_stood(run):
    before = run.state
    DEEDS["suspend"](run)
    decision = DEEDS["resume"](run)
    (event,) = decision.events
    assert isinstance(event, InstanceResumed)
    assert (event.reason, decision.tasks) == ("Audit selesai", before.tasks)
    (suspension,) = run.state.suspensions
    assert (suspension.since, suspension.until) == (run.now - timedelta(hours=1), run.now)
    assert run.state == before.model_copy(update={"latest_at": run.now, "suspensions": (suspension,)})
    run.to_the_end()
    assert run.state.status is InstanceStatus.COMPLETED


def test_refuses_to_resume_what_is_running(run):
    with pytest.raises(InstanceNotSuspended):
        DEEDS["resume"](run)


@pytest.mark.parametrize("situation", ["run", "suspended", "completed", "cancelled"])
def test_a_comment_is_always_welcome_and_moves_nothing(request, situation):
    run = request.getfixturevalue(situation)
    before = run.state
    decision = DEEDS["comment"](run)
    (event,) = decision.events
    assert isinstance(event, InstanceCommented)
    assert (event.note, event.actor) == ("Mohon dipercepat", an_official("Ida"))
    assert (run.state, decision.tasks) == (before.model_copy(update={"latest_at": run.now}), ())


@pytest.mark.parametrize("deed", ["cancel", "suspend", "resume"])
def test_nothing_but_a_comment_after_the_end(ended, deed):
    with pytest.raises(InstanceEnded, match=f"The instance is {ended.state.status};"):
        DEEDS[deed](ended)


@pytest.mark.parametrize("step", STEPS)
def test_no_step_is_taken_after_the_end(ended, step):
    with pytest.raises(InstanceEnded):
        STEPS[step](ended)


def test_a_client_may_cancel_as_its_own_deed(run):
    (event,) = run.do(decide.cancel, Cancel(by=Performer(), reason="Ditarik oleh e-SAKIP")).events
    assert (event.actor, event.actor_name, event.role) == (None, None, None)
