"""Taking a task out of the other candidates' hands, and giving it back."""

from uuid import UUID

import pytest

from engine import decide
from engine.commands import Claim, Performer, Unclaim
from engine.errors import (
    AssigneeMismatch,
    InstanceEnded,
    InstanceSuspended,
    NotACandidate,
    TaskClaimed,
    TaskNotClaimed,
    TaskUnknown,
)
from engine.events import StepClaimed, StepReleased
from engine.state import InstanceStatus, TaskStatus
from tests.factories import (
    NOW,
    Run,
    a_performer,
    a_process,
    a_state,
    a_task,
    an_activity,
    an_office,
    an_official,
    ids,
)


@pytest.fixture
def run() -> Run:
    return Run()


def release(run: Run, by: Performer):
    return run.do(decide.unclaim, Unclaim(by=by, task=run.task.id))


def test_a_candidate_takes_an_open_task(run):
    kadis = a_performer("kepala_dinas")
    decision = run.claim(kadis)
    assert (run.task.status, run.task.assignee) == (TaskStatus.CLAIMED, kadis.official)
    assert decision.tasks == (run.task,)


def test_a_claim_is_held_from_the_moment_it_is_made_but_was_opened_before(run):
    run.claim()
    assert run.task.opened_at == NOW
    assert run.task.held_since == run.now > NOW


def test_a_claim_is_one_event_that_names_who_took_it_and_in_which_office(run):
    office = an_office(
        "kepala_dinas", position="Plt. Kepala Dinas", capacity="plt", acting_for=UUID(int=77), mandate=UUID(int=88)
    )
    (event,) = run.claim(a_performer(name="Ani", offices=(office,))).events
    assert isinstance(event, StepClaimed)
    assert event.actor == event.assignee == an_official("Ani")
    assert (event.actor_name, event.role, event.position) == ("Ani", "kepala_dinas", "Plt. Kepala Dinas")
    assert (event.capacity, event.acting_for, event.mandate) == ("plt", UUID(int=77), UUID(int=88))
    assert (event.task_id, event.activity, event.round) == (run.task.id, "disposisi", 1)


def test_refuses_a_performer_without_the_role(run):
    with pytest.raises(NotACandidate, match=r"\(Kepala Dinas\)"):
        run.claim(a_performer("sekretaris"))


def test_refuses_a_performer_without_any_office(run):
    with pytest.raises(NotACandidate):
        run.claim(a_performer(name="Tamu"))


def test_refuses_a_client_without_an_official_even_in_an_office(run):
    with pytest.raises(NotACandidate):
        run.claim(Performer(offices=(an_office("kepala_dinas"),)))


def test_an_assisting_role_cannot_take_the_task(run):
    run.until("susun_draf")
    with pytest.raises(NotACandidate):
        run.claim(a_performer("kepala_bidang"))


def test_refuses_a_task_somebody_else_holds(run):
    run.claim(a_performer("kepala_dinas", name="Ani"))
    with pytest.raises(TaskClaimed):
        run.claim(a_performer("kepala_dinas", name="Budi"))


def test_refuses_to_take_a_task_twice(run):
    run.claim()
    with pytest.raises(TaskClaimed):
        run.claim()


def test_who_has_no_office_does_not_learn_whether_the_task_is_held(run):
    run.claim()
    with pytest.raises(NotACandidate):
        run.claim(a_performer("sekretaris"))


def test_refuses_a_task_nobody_knows(run):
    with pytest.raises(TaskUnknown):
        run.do(decide.claim, Claim(by=run.candidate(), task=UUID(int=404)))


def test_refuses_a_task_that_is_closed(run):
    closed = run.task.id
    run.forward()
    with pytest.raises(TaskUnknown):
        run.do(decide.claim, Claim(by=a_performer("kepala_dinas"), task=closed))


def test_the_unit_of_the_task_decides_between_holders_of_one_role():
    process = a_process(an_activity("satu", role="kepala_bidang"))
    state = a_state(a_task(unit="anggaran"))
    command = Claim(by=a_performer("kepala_bidang", unit="aset"), task=UUID(int=900))
    with pytest.raises(NotACandidate):
        decide.claim(process, state, command, now=NOW, new_id=ids())
    fitting = Claim(by=a_performer("kepala_bidang", unit="anggaran"), task=UUID(int=900))
    (event,) = decide.claim(process, state, fitting, now=NOW, new_id=ids()).events
    assert event.unit == "anggaran"


def test_a_task_without_a_unit_is_open_to_the_role_in_every_unit(run):
    run.claim(a_performer("kepala_dinas", unit="sekretariat"))
    assert run.task.status is TaskStatus.CLAIMED


def test_gives_the_task_back_to_all_candidates(run):
    run.claim()
    decision = release(run, a_performer("kepala_dinas"))
    assert (run.task.status, run.task.assignee) == (TaskStatus.OPEN, None)
    assert run.task.held_since == run.now
    (event,) = decision.events
    assert isinstance(event, StepReleased)
    assert event.actor == event.assignee == an_official("kepala_dinas")
    assert event.role == "kepala_dinas"


def test_another_candidate_takes_what_was_given_back(run):
    run.claim(a_performer("kepala_dinas", name="Ani"))
    release(run, a_performer("kepala_dinas", name="Ani"))
    run.claim(a_performer("kepala_dinas", name="Budi"))
    assert run.task.assignee == an_official("Budi")


def test_who_lost_the_office_may_still_give_the_task_back(run):
    run.claim(a_performer("kepala_dinas", name="Ani"))
    (event,) = release(run, a_performer(name="Ani")).events
    assert run.task.status is TaskStatus.OPEN
    assert (event.role, event.position, event.capacity) == (None, None, None)


def test_refuses_to_give_back_what_nobody_holds(run):
    with pytest.raises(TaskNotClaimed):
        release(run, run.candidate())


def test_refuses_to_give_back_what_another_holds(run):
    run.claim(a_performer("kepala_dinas", name="Ani"))
    with pytest.raises(AssigneeMismatch):
        release(run, a_performer("kepala_dinas", name="Budi"))


def test_a_client_gives_nothing_back(run):
    run.claim()
    with pytest.raises(AssigneeMismatch):
        release(run, Performer())


@pytest.mark.parametrize("deed", [(decide.claim, Claim), (decide.unclaim, Unclaim)])
def test_nothing_is_taken_or_given_back_while_suspended(deed):
    act, command = deed
    state = a_state(a_task(status="claimed"), status=InstanceStatus.SUSPENDED, suspended_at=NOW)
    asked = command(by=a_performer("pelaksana"), task=UUID(int=900))
    with pytest.raises(InstanceSuspended):
        act(a_process(an_activity("satu")), state, asked, now=NOW, new_id=ids())


@pytest.mark.parametrize("status", [InstanceStatus.COMPLETED, InstanceStatus.CANCELLED])
@pytest.mark.parametrize("deed", [(decide.claim, Claim), (decide.unclaim, Unclaim)])
def test_nothing_is_taken_or_given_back_after_the_end(deed, status):
    act, command = deed
    state = a_state(status=status, tasks=(), ended_at=NOW)
    with pytest.raises(InstanceEnded, match=f"is {status}"):
        act(
            a_process(an_activity("satu")),
            state,
            command(by=a_performer("pelaksana"), task=UUID(int=900)),
            now=NOW,
            new_id=ids(),
        )
