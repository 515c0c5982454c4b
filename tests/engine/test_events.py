"""An event, written down as a record and read again."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from pydantic import ValidationError

from engine import decide, events
from engine.commands import (
    Announce,
    Cancel,
    Claim,
    Comment,
    Deadline,
    GoOn,
    LayAnew,
    Pause,
    Performer,
    Reference,
    Resume,
    StartAt,
    Suspend,
    Unclaim,
)
from engine.definition import Cycle, TimeLimit, TimeUnit
from engine.events import KINDS, Event, StepEvent, from_record, record
from engine.state import DoneOutside, InstanceStatus
from tests.factories import (
    NOW,
    Run,
    a_performer,
    a_process,
    a_schedule,
    a_start,
    a_wait,
    an_activity,
    an_office,
    an_output,
    back,
    each_unit,
    forward,
    from_party,
    from_units,
)


def every_kind_of_event() -> list[Event]:
    letter = Reference(system="e-sakip", id="L-26", letter_number="800/12", letter_date=date(2026, 1, 5))
    by = a_performer("sekretaris", name="Ani")
    start = a_start(by=by, reference=letter, duplicate_of=UUID(int=7), reason="Ulang", input={"pagu": 5})
    run = Run(start=start)
    acting = an_office("kepala_dinas", capacity="plt", acting_for=UUID(int=5), mandate=UUID(int=6))
    run.do(decide.claim, Claim(by=a_performer(name="Ida", offices=(acting,)), task=run.task.id))
    run.do(decide.unclaim, Unclaim(by=a_performer(name="Ida", offices=(acting,)), task=run.task.id))
    run.complete(attachments=(an_output("Foto", sha256="a" * 64),), note="Segera")
    run.until("periksa_draf").complete("returned", attachments=(an_output("Coretan"),))
    run.do(decide.suspend, Suspend(by=by, reason="Audit"))
    run.do(decide.resume, Resume(by=by, reason="Selesai"))
    run.do(decide.comment, Comment(by=Performer(), text="Baik"))
    cancelled = Run()
    cancelled.do(decide.cancel, Cancel(by=by, reason="Keliru"))
    return [*run.to_the_end().events, *cancelled.events, *events_of_blocks_and_parties(), *events_of_clocks()]


def events_of_clocks() -> list[Event]:
    limit = TimeLimit(text="1 Hari", amount=1, unit=TimeUnit.WORKDAYS)
    deadline = Deadline(at=NOW + timedelta(days=20), legal_basis="Perpres 29/2014")
    run = Run(a_process(an_activity("satu", time_limit=limit)), a_start(deadline=deadline), a_schedule())
    by, superiors = run.candidate(), {run.task.id: ("Sekretaris",)}
    run.do(decide.pause, Pause(by=by, task=run.task.id, reason="Menunggu"))
    run.do(decide.go_on, GoOn(by=by, task=run.task.id))
    for hours in (8, 48, 96):
        announced = Announce(superiors=superiors, expected_end=NOW + timedelta(days=30))
        run.do(decide.announce, announced, at=NOW + timedelta(hours=hours))
    run.schedule = a_schedule("b" * 64)
    later = Deadline(at=NOW + timedelta(days=21), legal_basis="SE 46/2020")
    run.do(decide.lay_anew, LayAnew(deadline=later, legal_basis="SK"))
    run.do(decide.announce, Announce(), at=NOW + timedelta(days=22))
    return run.events


def events_of_blocks_and_parties() -> list[Event]:
    process = a_process(
        an_activity("satu", forward("per_bidang"), sends_to=("bkad",)),
        an_activity("isi"),
        an_activity("himpun", forward("tunggu", "approved"), back("isi"), awaits=(from_units(), from_party("bkad"))),
        nodes=(each_unit("isi", to="himpun", at_least=1), a_wait(forward(None, "disetujui"), back("himpun"))),
    )
    brought = DoneOutside(activity="satu", performed_by=UUID(int=8), outputs=(an_output(),))
    middle = StartAt(activity="himpun", reason="Sudah berjalan", done=(brought,))
    run = Run(process, a_start(units={"bidang": ("aset", "data")}, start_at=middle))
    run.deliver("aset", reference="ND/1", note="Lengkap")
    run.complete("returned", units=("aset",))
    on_paper = {"performed_at": run.now, "recorded_by": UUID(int=9), "reason": "Di atas kertas"}
    taken_back = run.finish("isi", unit="aset", **on_paper, evidence=(an_output("Pindaian"),))
    run.undo(taken_back, by=Performer(official=UUID(int=9)))
    run.finish("isi", unit="aset")
    run.complete("approved", reason="Menyusul")
    run.answer("returned")
    run.complete("approved", reason="Menyusul")
    run.answer("disetujui", reference="B/12")
    assert run.state.status is InstanceStatus.COMPLETED
    return run.events


EVERY = every_kind_of_event()


def without_words(event: Event) -> Event:
    return event.model_copy(update={name: None for name in event.personal if name in type(event).model_fields})


def test_the_example_has_every_kind_of_event():
    assert {event.type for event in EVERY} == set(KINDS)


def test_every_event_that_can_happen_has_its_name_in_the_list():
    def leaves(kind):
        return [leaf for sub in kind.__subclasses__() for leaf in leaves(sub)] or [kind]

    named = {kind for kind in leaves(Event) if kind.__module__ == events.__name__}
    assert named == set(KINDS.values())
    assert all(name == kind.type for name, kind in KINDS.items())


@pytest.mark.parametrize("event", EVERY, ids=lambda event: event.type)
def test_a_record_gives_back_the_event_without_its_personal_words(event):
    facts, _ = record(event)
    assert from_record(facts) == without_words(event)


@pytest.mark.parametrize("event", EVERY, ids=lambda event: event.type)
def test_personal_words_stand_apart_and_nothing_is_lost_between(event):
    facts, personal = record(event)
    assert not event.personal & (facts.keys() | facts.get("data", {}).keys())
    said = {name: value for name in event.personal if (value := getattr(event, name, None)) is not None}
    assert personal == said


@pytest.mark.parametrize("event", EVERY, ids=lambda event: event.type)
def test_nulls_and_empty_lists_are_left_out(event):
    facts, _ = record(event)
    for group in (facts, facts.get("data", {})):
        assert not [name for name, value in group.items() if value is None or value == []]


def test_nulls_that_a_client_sent_along_stay():
    sent = {"catatan": None, "daftar": [], "dalam": {"kosong": None}}
    assert record(Run(start=a_start(input=sent)).events[0])[1] == {"input": sent}


def test_the_fields_of_the_trail_stand_in_front_and_what_only_replay_needs_in_data():
    facts, _ = record(next(event for event in EVERY if event.type == "step.returned"))
    assert {"type", "id", "at", "actor", "role", "position", "capacity", "activity", "round", "from", "to"} <= set(
        facts
    )
    assert set(facts["data"]) == {"attachments"}


def test_refuses_a_record_of_a_type_nobody_knows():
    with pytest.raises(KeyError):
        from_record({"type": "step.invented"})


def test_refuses_a_record_that_lacks_what_its_event_needs():
    facts, _ = record(next(event for event in EVERY if isinstance(event, StepEvent)))
    with pytest.raises(ValidationError):
        from_record({name: value for name, value in facts.items() if name != "task_id"})


def test_refuses_a_record_whose_time_has_no_zone():
    facts, _ = record(EVERY[0])
    with pytest.raises(ValidationError):
        from_record(facts | {"at": "2026-03-02T08:00:00"})


def test_a_record_without_a_period_gives_back_its_event():
    run = Run(a_process(cycle=(Cycle.ON_DEMAND,)), a_start(period=None))
    facts, _ = record(run.events[0])
    assert from_record(facts) == without_words(run.events[0])


def test_what_belongs_into_data_is_not_heard_in_front():
    facts, _ = record(next(event for event in EVERY if event.type == "step.returned"))
    moved = {name: value for name, value in facts.items() if name != "data"} | facts["data"]
    assert from_record(moved).attachments == ()


def test_data_cannot_speak_for_the_fields_in_front():
    facts, _ = record(next(event for event in EVERY if event.type == "step.returned"))
    forged = facts | {"data": facts["data"] | {"activity": "kirim", "outcome": "approved"}}
    assert from_record(forged) == from_record(facts)
