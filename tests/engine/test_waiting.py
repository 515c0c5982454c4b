"""Waiting for the answer of a party outside: no task, no clock, and the token goes on when the answer comes in."""

import pytest

from engine import decide
from engine.commands import Cancel, Performer, Suspend
from engine.compiler import CompiledProcess
from engine.errors import (
    InstanceEnded,
    InstanceSuspended,
    OutcomeUnknown,
    PartyAmbiguous,
    PartyNotAwaited,
    TrailContradiction,
)
from engine.events import PartyAnswered, PartyAsked
from engine.evolve import replay
from engine.state import ROOT, InstanceStatus
from tests.factories import (
    Retold,
    a_block,
    a_performer,
    a_process,
    a_start,
    a_wait,
    an_activity,
    an_official,
    back,
    each_unit,
    forward,
)


def with_bappeda() -> CompiledProcess:
    """susun, then Bappeda says yes, sends it back, or asks for more time; then cetak."""
    return a_process(
        an_activity("susun", forward("tunggu")),
        an_activity("cetak"),
        nodes=(a_wait(forward("cetak", "disetujui"), back("susun"), forward("tunggu", "ditunda")),),
    )


def two_waits(party: str = "bappeda") -> CompiledProcess:
    return a_process(
        an_activity("satu", forward("blok")),
        an_activity("lain", forward(None, "approved"), back("satu")),
        an_activity("akhir"),
        nodes=(
            a_block(to="akhir", b=("tunggu_b",), c=("tunggu_c",), d=("lain",)),
            a_wait(id="tunggu_b"),
            a_wait(id="tunggu_c", party=party),
        ),
    )


@pytest.fixture
def run() -> Retold:
    run = Retold(with_bappeda())
    run.complete()
    return run


def test_a_party_is_asked_when_the_token_comes_to_wait_for_it(run):
    assert run.state.tasks == ()
    (asked,) = run.state.asked
    assert (asked.party, asked.node, asked.scope, asked.since) == ("bappeda", "tunggu", ROOT, run.now)
    completed, event = run.events[-2:]
    assert isinstance(event, PartyAsked)
    assert (event.party, event.node, event.cause, event.actor) == ("bappeda", "tunggu", completed.id, None)


def test_the_instance_goes_on_running_while_it_waits(run):
    assert run.state.status is InstanceStatus.RUNNING


def test_an_answer_leads_on_and_says_what_came_in(run):
    by = a_performer("staf", name="Ani")
    decision = run.answer("disetujui", by=by, reference="B/12/2026", note="Tanpa catatan")
    event = decision.events[0]
    assert isinstance(event, PartyAnswered)
    assert (event.party, event.node, event.outcome) == ("bappeda", "tunggu", "disetujui")
    assert (event.from_, event.to, event.reference) == ("tunggu", "cetak", "B/12/2026")
    assert (event.actor, event.note) == (an_official("Ani"), "Tanpa catatan")
    assert run.open == ["cetak"]
    assert run.state.asked == ()


def test_a_client_may_record_an_answer_as_its_own_deed(run):
    assert run.answer("disetujui", by=Performer()).events[0].actor is None


def test_an_answer_that_sends_back_opens_the_work_again_and_says_who_and_whence(run):
    event = run.answer("returned", by=a_performer("staf", name="Ani")).events[0]
    assert run.open == ["susun #2"]
    returned = run.task.returned
    assert (returned.by, returned.activity) == (an_official("Ani"), "tunggu")
    assert (returned.at, returned.event) == (run.now, event.id)
    assert run.state.done == ()


def test_an_answer_that_leads_on_marks_nothing_as_returned(run):
    run.answer("disetujui")
    assert run.task.returned is None
    assert run.state.done == ("susun",)


def test_who_asks_for_more_time_is_asked_anew(run):
    first = run.state.asked[0]
    decision = run.answer("ditunda")
    assert [event.type for event in decision.events] == ["party.answered", "party.asked"]
    assert run.state.asked[0].since == run.now > first.since


def test_the_last_answer_may_end_the_instance():
    run = Retold(a_process(an_activity("susun", forward("tunggu")), nodes=(a_wait(),)))
    run.complete()
    run.answer()
    assert run.state.status is InstanceStatus.COMPLETED


def test_one_possible_answer_need_not_be_named_several_must(run):
    with pytest.raises(OutcomeUnknown, match="disetujui, returned, ditunda"):
        run.answer()


def test_refuses_an_answer_nobody_offers(run):
    with pytest.raises(OutcomeUnknown):
        run.answer("mungkin")


@pytest.mark.parametrize("given", [{"party": "bkad"}, {"node": "cetak"}, {"unit": "aset"}])
def test_refuses_an_answer_nobody_waits_for(run, given):
    with pytest.raises(PartyNotAwaited):
        run.answer("disetujui", **given)


def test_refuses_a_second_answer(run):
    run.answer("disetujui")
    with pytest.raises(PartyNotAwaited, match="bappeda"):
        run.answer("disetujui")


def test_refuses_an_answer_while_suspended_or_after_the_end(run):
    run.do(decide.suspend, Suspend(by=Performer(), reason="Audit"))
    with pytest.raises(InstanceSuspended):
        run.answer("disetujui")
    run.do(decide.cancel, Cancel(by=Performer(), reason="Keliru"))
    assert run.state.asked == ()
    with pytest.raises(InstanceEnded):
        run.answer("disetujui")


class TestAwaitedTwice:
    @pytest.fixture
    def run(self) -> Retold:
        run = Retold(two_waits())
        run.complete()
        return run

    def test_the_node_says_which_answer_it_is(self, run):
        with pytest.raises(PartyAmbiguous, match="tunggu_b, tunggu_c"):
            run.answer()
        run.answer(node="tunggu_c")
        assert [one.node for one in run.state.asked] == ["tunggu_b"]

    def test_once_one_is_answered_the_other_needs_no_name(self, run):
        run.answer(node="tunggu_c")
        run.answer()
        assert run.state.asked == ()
        assert run.open == ["lain"]

    def test_two_parties_need_no_node(self):
        run = Retold(two_waits("bkad"))
        run.complete()
        run.answer(party="bkad")
        assert [one.party for one in run.state.asked] == ["bappeda"]

    def test_a_wait_that_is_left_is_over(self, run):
        run.finish("lain", "returned")
        assert run.state.asked == ()
        assert run.open == ["satu #2"]
        with pytest.raises(PartyNotAwaited):
            run.answer(node="tunggu_b")

    def test_a_wait_among_those_left_over_is_over(self):
        process = a_process(
            an_activity("satu", forward("blok")),
            an_activity("lain"),
            an_activity("akhir"),
            nodes=(a_block(to="akhir", at_least=1, b=("tunggu",), c=("lain",)), a_wait()),
        )
        run = Retold(process)
        run.complete()
        run.finish("lain")
        assert (run.open, run.state.asked) == (["akhir"], ())

    def test_an_answer_may_be_the_one_that_was_enough(self):
        process = a_process(
            an_activity("satu", forward("blok")),
            an_activity("lain"),
            an_activity("akhir"),
            nodes=(a_block(to="akhir", at_least=1, b=("tunggu",), c=("lain",)), a_wait()),
        )
        run = Retold(process)
        run.complete()
        types = [event.type for event in run.answer().events]
        assert types == ["party.answered", "step.withdrawn", "step.opened"]
        assert run.open == ["akhir"]


class TestAwaitedForEveryUnit:
    @pytest.fixture
    def run(self) -> Retold:
        process = a_process(
            an_activity("isi", forward("tunggu")),
            an_activity("himpun", forward("tunggu_pusat")),
            nodes=(
                each_unit("isi", "tunggu", to="himpun"),
                a_wait(forward(None, "disetujui"), back("isi")),
                a_wait(forward(None, "disetujui"), back("isi"), id="tunggu_pusat", party="pusat"),
            ),
        )
        run = Retold(process, a_start(units={"bidang": ("aset", "data")}))
        run.finish("isi", unit="aset")
        run.finish("isi", unit="data")
        return run

    def test_the_unit_says_which_answer_it_is(self, run):
        with pytest.raises(PartyAmbiguous, match="tunggu@aset, tunggu@data"):
            run.answer("disetujui")
        with pytest.raises(PartyAmbiguous):
            run.answer("disetujui", node="tunggu")
        run.answer("disetujui", unit="aset")
        assert [one.scope for one in run.state.asked] == ["/per_bidang:data"]

    def test_an_answer_that_sends_one_unit_back_leaves_the_other_done(self, run):
        run.answer("returned", unit="data")
        assert run.open == ["isi@data #2"]
        assert run.state.done == ("isi@aset",)

    def test_an_answer_from_outside_that_sends_back_concerns_every_unit(self, run):
        run.answer("disetujui", unit="aset")
        run.answer("disetujui", unit="data")
        run.finish("himpun")
        run.answer("returned", party="pusat")
        assert run.open == ["isi@aset #2", "isi@data #2"]
        assert run.state.done == ()


class TestWhatTheTrailCannotTell:
    @pytest.mark.parametrize(
        "fields",
        [
            {"party": "bkad"}, {"node": "cetak"}, {"scope": "/blok:b"}, {"outcome": "mungkin"}, {"to": "susun"},
            {"to": None}, {"from_": "susun"}, {"outcome": ">undone:susun", "to": "susun"},
        ],
        ids=str,
    )  # fmt: skip
    def test_an_answer_that_could_not_be(self, run, fields):
        run.answer("disetujui")
        answered = run.events[-2].model_copy(update=fields)
        with pytest.raises(TrailContradiction):
            replay(run.process, [*run.events[:-2], answered])

    @pytest.mark.parametrize("fields", [{"party": "bkad"}, {"node": "cetak"}, {"scope": "/blok:b"}], ids=str)
    def test_a_question_that_could_not_be(self, run, fields):
        with pytest.raises(TrailContradiction):
            replay(run.process, [*run.events[:-1], run.events[-1].model_copy(update=fields)])

    def test_a_party_is_asked_once_and_not_left_unasked(self, run):
        again = run.events[-1].model_copy(update={"id": run.new_id()})
        with pytest.raises(TrailContradiction, match="out of turn"):
            replay(run.process, [*run.events, again])
        with pytest.raises(TrailContradiction, match="awaited answer"):
            replay(run.process, run.events[:-1])

    def test_nothing_ends_while_a_party_is_awaited(self, run):
        run.answer("disetujui")
        run.complete()
        with pytest.raises(TrailContradiction):
            replay(run.process, [*run.events[:4], run.events[-1]])
