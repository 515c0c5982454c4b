"""Material that units and parties hand in to a collecting step: a checklist, no tasks of their own."""

import pytest

from engine import decide
from engine.commands import Performer, Suspend
from engine.errors import (
    AlreadyDelivered,
    DeliveriesMissing,
    InstanceSuspended,
    SourceUnknown,
    TaskUnknown,
    TrailContradiction,
)
from engine.events import MaterialReceived
from engine.evolve import replay
from engine.state import InstanceStatus, TaskStatus
from tests.factories import (
    Retold,
    a_block,
    a_performer,
    a_process,
    a_start,
    an_activity,
    an_official,
    back,
    forward,
    from_party,
    from_units,
)

BIDANG = {"bidang": ("aset", "data")}


def collecting(**units):
    """himpun collects from every bidang and from BKAD; periksa may send it back."""
    process = a_process(
        an_activity("himpun", forward("periksa"), awaits=(from_units(), from_party("bkad")), output="Himpunan"),
        an_activity("periksa", forward(None, "approved"), back("himpun")),
    )
    return Retold(process, a_start(units=units or BIDANG))


@pytest.fixture
def run() -> Retold:
    return collecting()


def test_awaits_every_unit_as_it_was_at_the_start_and_the_party(run):
    assert run.task.awaits == run.task.undelivered == ("aset", "data", "bkad")
    assert run.events[-1].awaits == ("aset", "data", "bkad")


def test_a_delivery_is_ticked_off_and_told(run):
    by = a_performer("staf", name="Ani")
    (event,) = run.deliver("data", by=by, reference="ND/7", note="Lengkap").events
    assert isinstance(event, MaterialReceived)
    assert (event.source, event.reference, event.note, event.actor) == ("data", "ND/7", "Lengkap", an_official("Ani"))
    assert (event.task_id, event.activity, event.round) == (run.task.id, "himpun", 1)
    assert run.task.undelivered == ("aset", "bkad")
    (delivery,) = run.task.deliveries
    assert (delivery.source, delivery.at, delivery.by, delivery.reference) == (
        "data", run.now, an_official("Ani"), "ND/7",
    )  # fmt: skip


def test_a_delivery_moves_nothing_and_claims_nothing(run):
    run.deliver("data")
    assert (run.open, run.task.status, run.task.assignee) == (["himpun"], TaskStatus.OPEN, None)


def test_a_claimed_step_receives_too(run):
    run.claim()
    run.deliver("data")
    assert run.task.status is TaskStatus.CLAIMED
    assert run.task.undelivered == ("aset", "bkad")


def test_goes_on_when_all_have_delivered(run):
    for source in ("bkad", "aset", "data"):
        run.deliver(source)
    run.complete()
    assert run.open == ["periksa"]


def test_refuses_to_go_on_without_a_reason_while_material_is_missing(run):
    run.deliver("aset")
    with pytest.raises(DeliveriesMissing, match="missing from data, bkad;"):
        run.complete()


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_a_blank_is_no_reason(run, reason):
    with pytest.raises(DeliveriesMissing):
        run.complete(reason=reason)


def test_a_reason_lets_it_go_on(run):
    run.deliver("aset")
    run.complete(reason="BKAD menyusul")
    assert run.open == ["periksa"]


def test_refuses_a_source_the_step_does_not_wait_for(run):
    with pytest.raises(SourceUnknown, match='"umum"; it waits for aset, data, bkad'):
        run.deliver("umum")


def test_refuses_a_second_delivery_of_the_same_source(run):
    run.deliver("aset")
    with pytest.raises(AlreadyDelivered, match="aset"):
        run.deliver("aset")


def test_a_step_that_collects_nothing_receives_nothing(run):
    run.complete(reason="Mendesak")
    with pytest.raises(SourceUnknown):
        run.deliver("aset")


def test_refuses_a_task_that_is_closed_and_an_instance_that_stands_still(run):
    closed = run.task.id
    run.complete(reason="Mendesak")
    with pytest.raises(TaskUnknown):
        run.deliver("aset", task=closed)
    run.do(decide.suspend, Suspend(by=Performer(), reason="Audit"))
    with pytest.raises(InstanceSuspended):
        run.deliver("aset", task=closed)


def test_a_second_round_collects_anew(run):
    run.deliver("aset")
    first = run.task.id
    run.complete(reason="Mendesak")
    run.complete("returned")
    assert run.task.undelivered == ("aset", "data", "bkad")
    assert run.tasks[first].undelivered == ("data", "bkad")


def test_without_units_only_the_party_is_awaited():
    assert collecting(bidang=()).task.awaits == ("bkad",)


def test_a_collecting_step_may_send_back_without_waiting():
    process = a_process(
        an_activity("susun", forward("himpun")),
        an_activity("himpun", forward(None, "approved"), back("susun"), awaits=(from_party("bkad"),)),
    )
    run = Retold(process)
    run.forward()
    run.complete("returned")
    assert run.open == ["susun #2"]


def test_a_collecting_step_whose_block_is_left_receives_no_more():
    process = a_process(
        an_activity("satu", forward("blok")),
        an_activity("himpun", awaits=(from_party("bkad"), from_party("irban"))),
        an_activity("lain", forward(None, "approved"), back("satu")),
        nodes=(a_block(b=("himpun",), c=("lain",)),),
    )
    run = Retold(process)
    run.complete()
    collecting = run.at("himpun").id
    run.deliver("bkad", task=collecting)
    sent_back = run.finish("lain", "returned")
    assert run.tasks[collecting].status is TaskStatus.WITHDRAWN
    with pytest.raises(TaskUnknown):
        run.deliver("irban", task=collecting)
    run.undo(sent_back)
    assert run.at("himpun").undelivered == ("irban",)
    run.deliver("irban", task=collecting)
    run.finish("himpun")
    run.finish("lain", "approved")
    assert run.state.status is InstanceStatus.COMPLETED


def test_what_is_handed_to_a_party_is_told_with_the_step():
    process = a_process(an_activity("kirim", forward(None, "approved"), back("kirim"), sends_to=("bappeda", "bkad")))
    run = Retold(process)
    assert run.complete("returned").events[1].sent_to == ()
    assert run.complete("approved").events[1].sent_to == ("bappeda", "bkad")
    for told in ((), ("bappeda",), ("bappeda", "bkad", "irban")):
        forged = [
            event.model_copy(update={"sent_to": told} if event.type == "step.completed" else {}) for event in run.events
        ]
        with pytest.raises(TrailContradiction, match="handed to others"):
            replay(process, forged)


@pytest.mark.parametrize("fields", [{"source": "umum"}, {"source": "aset"}, {"round": 2}, {"scope": "/x"}], ids=str)
def test_the_trail_cannot_tell_of_a_delivery_that_could_not_be(run, fields):
    run.deliver("aset")
    run.deliver("data")
    with pytest.raises(TrailContradiction):
        replay(run.process, [*run.events[:-1], run.events[-1].model_copy(update=fields)])
