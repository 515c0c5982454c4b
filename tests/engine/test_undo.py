"""Taking a mistaken completion back while nothing it opened has been acted on."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from engine import decide
from engine.commands import Claim, Performer, Suspend, Unclaim, Undo
from engine.compiler import CompiledProcess
from engine.errors import InstanceEnded, InstanceSuspended, NotThePerformer, NotUndoable, TrailContradiction
from engine.events import StepUndone, StepWithdrawn
from engine.evolve import replay
from engine.state import InstanceState, TaskStatus
from tests.factories import (
    Retold,
    a_block,
    a_performer,
    a_process,
    a_start,
    a_wait,
    an_activity,
    an_official,
    an_output,
    back,
    each_unit,
    forward,
    from_party,
)

KADIS = a_performer("kepala_dinas")


def side_by_side(at_least: int | None = None) -> CompiledProcess:
    return a_process(
        an_activity("satu", forward("blok")),
        an_activity("b1", forward("b2"), output="Draf B"),
        an_activity("b2", forward(None, "approved"), back("b1"), back("satu", "ditolak"), back("blok", "ulang")),
        an_activity("c1", forward("c2"), awaits=(from_party("bkad"),)),
        an_activity("c2", forward(None, "approved"), back("c1"), back("satu", "ditolak"), back("blok", "ulang")),
        an_activity("akhir", forward(None, "approved"), back("b1"), back("satu", "ditolak")),
        nodes=(
            a_block(to="akhir", at_least=at_least, b=("b1", "b2"), c=("c1", "c2"), d=("tunggu",)),
            a_wait(),
        ),
    )


@pytest.fixture
def run() -> Retold:
    return Retold()


@pytest.fixture
def block() -> Retold:
    run = Retold(side_by_side())
    run.finish("satu")
    return run


def substance(state: InstanceState) -> dict[str, Any]:
    """All of a state that an undo restores: everything but the clock and what was counted or may be undone."""
    held = state.model_dump(exclude={"latest_at", "rounds", "undoable"})
    for listed in ("tasks", "asked", "materials"):
        held[listed] = sorted(held[listed], key=repr)
    return held


def restored(run: Retold, activity: str, outcome: str | None = None, unit: str | None = None, **given: Any) -> bool:
    """Whether completing an activity and taking it back leaves all as it was, but that its task is claimed."""
    task = run.at(activity, unit)
    if task.status is TaskStatus.OPEN:
        run.claim(task=task)
    before = substance(run.state)
    run.undo(run.finish(activity, outcome, unit, **given))
    return substance(run.state) == before


class TestInASequence:
    def test_the_task_is_back_in_the_hands_of_who_completed_it(self, run):
        done = run.task.id
        run.complete()
        decision = run.undo(done)
        assert run.task.id == done
        assert (run.task.status, run.task.assignee) == (TaskStatus.CLAIMED, KADIS.official)
        assert (run.task.closed_at, run.task.outcome, run.task.performed_by) == (None, None, None)
        assert [type(event) for event in decision.events] == [StepWithdrawn, StepUndone]

    def test_the_next_holder_sees_it_withdrawn(self, run):
        done = run.task.id
        run.complete()
        opened = run.task.id
        withdrawn = run.undo(done).events[0]
        assert (run.tasks[opened].status, run.tasks[opened].closed_at) == (TaskStatus.WITHDRAWN, run.now)
        assert withdrawn.task_id == opened

    def test_the_trail_says_what_was_taken_back_by_whom_and_why(self, run):
        done = run.task.id
        completed = run.complete().events[1]
        event = run.undo(done, by=KADIS, reason="Salah berkas").events[-1]
        assert (event.undone, event.task_id, event.activity, event.round) == (completed.id, done, "disposisi", 1)
        assert (event.actor, event.actor_name, event.role) == (KADIS.official, "kepala_dinas", "kepala_dinas")
        assert event.reason == "Salah berkas"

    def test_materials_and_progress_are_as_they_were(self, run):
        assert restored(run, "disposisi", attachments=(an_output("Foto"),))
        assert (run.state.materials, run.state.done) == ((), ())

    def test_the_earlier_round_s_documents_come_back(self, run):
        run.until("periksa_draf").complete("returned")
        first = [one for one in run.state.materials if one.activity == "susun_draf"]
        assert restored(run, "susun_draf", outputs=(an_output(reference="DOK/2"),))
        assert [one for one in run.state.materials if one.activity == "susun_draf"] == first

    def test_a_return_may_be_taken_back_too(self, run):
        run.until("periksa_draf")
        assert restored(run, "periksa_draf", "returned", attachments=(an_output("Coretan"),))
        assert run.open == ["periksa_draf"]
        assert "susun_draf" in run.state.done

    def test_a_task_that_came_back_keeps_saying_why(self, run):
        run.until("periksa_draf").complete("returned")
        why = run.task.returned
        run.undo(run.finish("susun_draf"))
        assert run.task.returned == why is not None

    def test_doing_it_again_counts_a_further_round_of_what_it_opens(self, run):
        run.undo(run.finish("disposisi"))
        run.complete()
        assert run.open == ["bentuk_tim #2"]
        assert run.state.rounds == {"disposisi": 1, "bentuk_tim": 2}

    def test_it_may_be_done_otherwise_and_taken_back_again(self, run):
        run.until("periksa_draf")
        for outcome in ("approved", "returned", "approved"):
            run.undo(run.finish("periksa_draf", outcome))
        assert run.open == ["periksa_draf"]
        run.complete("returned")
        assert run.open == ["susun_draf #3"]

    def test_it_may_be_given_back_to_the_other_candidates(self, run):
        run.undo(run.finish("disposisi"))
        run.do(decide.unclaim, Unclaim(by=KADIS, task=run.task.id))
        run.complete(by=a_performer("kepala_dinas", name="Plt"))
        assert run.open == ["bentuk_tim #2"]

    def test_a_return_of_an_activity_to_itself(self):
        run = Retold(a_process(an_activity("satu", forward(None, "approved"), back("satu"))))
        assert restored(run, "satu", "returned")
        assert run.task.round == 1

    def test_to_the_end_of_the_cycle_and_no_further(self, run):
        last = run.to_the_end().tasks.copy().popitem()[0]
        with pytest.raises(InstanceEnded):
            run.undo(last)


class TestWhenItIsTooLate:
    def test_refuses_once_the_next_step_was_done(self, run):
        first = run.finish("disposisi")
        run.complete()
        with pytest.raises(NotUndoable):
            run.undo(first)

    def test_refuses_even_after_the_next_step_was_taken_back_itself(self, run):
        first = run.finish("disposisi")
        run.undo(run.finish("bentuk_tim"))
        with pytest.raises(NotUndoable):
            run.undo(first)

    def test_refuses_once_material_came_in_for_the_next_step(self):
        run = Retold(
            a_process(an_activity("satu", forward("himpun")), an_activity("himpun", awaits=(from_party("bkad"),)))
        )
        first = run.finish("satu")
        run.deliver("bkad")
        with pytest.raises(NotUndoable):
            run.undo(first)

    @pytest.mark.parametrize("outcome", ["approved", "ditunda"])
    def test_refuses_once_the_party_it_asked_has_answered(self, outcome):
        run = Retold(
            a_process(
                an_activity("satu", forward("tunggu")),
                an_activity("akhir"),
                nodes=(a_wait(forward("akhir", "approved"), forward("tunggu", "ditunda")),),
            )
        )
        first = run.finish("satu")
        run.answer(outcome)
        with pytest.raises(NotUndoable):
            run.undo(first)

    def test_a_bare_claim_does_not_stand_in_the_way(self, run):
        first = run.finish("disposisi")
        run.claim()
        opened = run.task.id
        run.undo(first)
        assert run.open == ["disposisi"]
        assert run.tasks[opened].assignee == an_official("sekretaris")

    def test_neither_does_a_claim_that_was_given_back(self, run):
        first = run.finish("disposisi")
        run.claim()
        run.do(decide.unclaim, Unclaim(by=a_performer("sekretaris"), task=run.task.id))
        run.undo(first)
        assert run.open == ["disposisi"]

    def test_refuses_what_was_never_completed(self, run):
        with pytest.raises(NotUndoable):
            run.undo(run.task.id, by=KADIS)
        with pytest.raises(NotUndoable):
            run.do(decide.undo, Undo(by=KADIS, task=UUID(int=404), reason="Salah"))

    def test_refuses_to_undo_an_undo(self, run):
        first = run.finish("disposisi")
        run.undo(first)
        with pytest.raises(NotUndoable):
            run.undo(first, by=KADIS)

    def test_refuses_while_suspended(self, run):
        first = run.finish("disposisi")
        run.do(decide.suspend, Suspend(by=Performer(), reason="Audit"))
        with pytest.raises(InstanceSuspended):
            run.undo(first)


class TestWhoMayUndo:
    @pytest.mark.parametrize(
        "by",
        [a_performer("kepala_dinas", name="Lain"), a_performer("sekretaris"), Performer()],
        ids=["other", "next", "client"],
    )
    def test_refuses_anybody_else(self, run, by):
        first = run.finish("disposisi")
        with pytest.raises(NotThePerformer):
            run.undo(first, by=by)

    def test_who_lost_the_office_may_still_take_it_back(self, run):
        first = run.finish("disposisi")
        event = run.undo(first, by=Performer(official=KADIS.official, name="Mantan")).events[-1]
        assert (event.actor, event.role) == (KADIS.official, None)

    def test_who_recorded_it_from_paper_may_take_it_back(self, run):
        recorder = a_performer("staf", name="Ani")
        on_paper = {"recorded_by": recorder.official, "reason": "Di atas kertas", "evidence": (an_output("Pindaian"),)}
        first = run.finish("disposisi", **on_paper)
        event = run.undo(first, by=recorder).events[-1]
        assert event.actor == recorder.official
        assert run.task.assignee == KADIS.official


class TestAroundABlock:
    def test_opening_a_block_is_taken_back_with_every_branch(self):
        run = Retold(side_by_side())
        assert restored(run, "satu")
        assert run.open == ["satu"]
        assert run.state.asked == ()
        assert [event.type for event in run.events[-3:]] == ["step.withdrawn", "step.withdrawn", "step.undone"]

    def test_a_step_in_one_branch_is_taken_back_although_the_other_went_on(self, block):
        mine = block.finish("b1")
        block.finish("c1", reason="Mendesak")
        block.answer()
        block.undo(mine)
        assert block.open == ["b1", "c2"]
        assert block.state.done == ("c1", "satu")
        assert {one.activity for one in block.state.materials} == set()

    def test_both_branches_may_be_taken_back_in_any_order(self, block):
        b, c = block.finish("b1"), block.finish("c1", reason="Mendesak")
        block.undo(b)
        block.undo(c)
        assert block.open == ["b1", "c1"]

    def test_opening_the_block_cannot_be_taken_back_once_a_branch_was_worked_on(self, block):
        (first,) = [task.id for task in block.tasks.values() if task.activity == "satu"]
        block.finish("b1")
        with pytest.raises(NotUndoable):
            block.undo(first)

    def test_the_end_of_a_branch_is_taken_back(self, block):
        block.finish("b1")
        assert restored(block, "b2", "approved")
        assert block.open == ["b2", "c1"]

    def test_a_return_out_of_the_block_is_taken_back_with_all_it_withdrew(self, block):
        block.finish("c1", reason="Mendesak")
        block.claim(task=block.at("c2"))
        block.finish("b1")
        assert restored(block, "b2", "ditolak")
        assert block.open == ["b2", "c2"]
        assert block.at("c2").status is TaskStatus.CLAIMED
        assert [one.node for one in block.state.asked] == ["tunggu"]

    def test_a_party_that_is_awaited_again_is_awaited_since_the_beginning(self, block):
        since = block.state.asked[0].since
        block.finish("b1")
        block.undo(block.finish("b2", "ditolak"))
        assert block.state.asked[0].since == since

    @pytest.mark.parametrize("done", ["first", "both", "ended"])
    def test_a_return_to_the_beginning_of_the_block_is_taken_back_in_every_branch(self, block, done):
        if done != "first":
            block.finish("c1", reason="Mendesak")
        if done == "ended":
            block.finish("c2", "approved")
        block.finish("b1")
        assert restored(block, "b2", "ulang")

    def test_a_return_to_the_beginning_of_the_block_cannot_be_taken_back_once_a_branch_went_on(self, block):
        block.finish("c1", reason="Mendesak")
        block.finish("b1")
        again = block.finish("b2", "ulang")
        block.finish("c1", reason="Mendesak")
        with pytest.raises(NotUndoable):
            block.undo(again)

    @pytest.mark.parametrize("other", ["c1", "c2", "ended"])
    def test_the_first_activity_of_a_block_may_send_all_of_it_back_and_take_that_back(self, other):
        process = a_process(
            an_activity("b", forward(None, "approved"), back("dalam", "ulang"), back("luar", "semua")),
            an_activity("c1", forward("c2")),
            an_activity("c2"),
            nodes=(a_block("luar", x=("dalam",)), a_block("dalam", l=("b",), r=("c1", "c2"))),
        )
        run = Retold(process)
        for activity in {"c1": (), "c2": ("c1",), "ended": ("c1", "c2")}[other]:
            run.finish(activity)
        assert restored(run, "b", "ulang")
        assert restored(run, "b", "semua")
        assert [one.removesuffix(" #2") for one in run.open] == ["b", *{"ended": ()}.get(other, (other,))]

    def join(self, run: Retold) -> UUID:
        run.answer()
        run.finish("b1")
        run.finish("b2", "approved")
        run.finish("c1", reason="Mendesak")
        return run.finish("c2", "approved")

    def test_what_joined_the_block_is_taken_back(self, block):
        last = self.join(block)
        assert block.open == ["akhir"]
        block.undo(last)
        assert block.open == ["c2"]
        assert restored(block, "c2", "approved")
        assert block.state.done == ("b1", "b2", "c1", "satu")

    def test_who_ended_the_other_branch_may_follow(self, block):
        last = self.join(block)
        (other,) = [task.id for task in block.tasks.values() if task.activity == "b2"]
        with pytest.raises(NotUndoable):
            block.undo(other)
        block.undo(last)
        block.undo(other)
        assert block.open == ["b2", "c2"]

    def test_who_went_on_in_the_other_branch_may_follow_once_the_way_out_is_taken_back(self, block):
        mine = block.finish("b1")
        block.finish("c1", reason="Mendesak")
        out = block.finish("c2", "ditolak")
        with pytest.raises(NotUndoable):
            block.undo(mine)
        block.undo(out)
        block.undo(mine)
        assert block.open == ["b1", "c2"]

    def test_what_comes_back_may_not_follow_once_it_was_acted_on(self, block):
        mine = block.finish("b1")
        block.finish("c1", reason="Mendesak")
        block.undo(block.finish("c2", "ditolak"))
        block.finish("b2", "approved")
        with pytest.raises(NotUndoable):
            block.undo(mine)

    def test_a_return_into_a_branch_is_taken_back(self, block):
        self.join(block)
        assert restored(block, "akhir", "returned")
        assert block.open == ["akhir"]

    def test_the_rest_of_enough_comes_back(self):
        run = Retold(side_by_side(at_least=1))
        run.finish("satu")
        run.deliver("bkad", task=run.at("c1").id)
        run.finish("b1")
        assert restored(run, "b2", "approved")
        assert run.open == ["b2", "c1"]
        assert run.at("c1").undelivered == ()
        assert [one.node for one in run.state.asked] == ["tunggu"]
        run.finish("c1")
        run.finish("c2", "approved")
        assert run.open == ["akhir #2"]

    def test_an_answer_in_another_branch_does_not_stand_in_the_way(self, block):
        mine = block.finish("b1")
        block.answer()
        block.undo(mine)
        assert block.open == ["b1", "c1"]
        assert block.state.asked == ()


class TestAroundUnits:
    @pytest.fixture
    def run(self) -> Retold:
        process = a_process(
            an_activity("isi", forward("dua_sisi")),
            an_activity("kiri", forward(None, "approved"), back("isi"), back("awal", "ditolak")),
            an_activity("kanan"),
            an_activity("himpun", forward(None, "approved"), back("isi")),
            an_activity("awal", forward("per_bidang")),
            nodes=(
                each_unit("isi", "dua_sisi", to="himpun", at_least=2),
                a_block("dua_sisi", l=("kiri",), r=("kanan",)),
            ),
        )
        run = Retold(process, a_start(units={"bidang": ("a", "ab", "abc")}))
        for unit in ("a", "ab", "abc"):
            run.finish("isi", unit=unit)
        return run

    def test_only_the_unit_that_erred_goes_back(self, run):
        run.finish("kiri", "returned", unit="ab")
        assert restored(run, "isi", unit="ab")
        assert run.open == ["isi@ab #2", "kanan@a", "kanan@abc", "kiri@a", "kiri@abc"]

    def test_the_end_of_both_blocks_at_once_is_taken_back(self, run):
        for unit in ("a", "ab"):
            run.finish("kiri", "approved", unit=unit)
        run.finish("kanan", unit="a")
        assert restored(run, "kanan", unit="ab")
        assert run.open == ["kanan@ab", "kanan@abc", "kiri@abc"]
        run.finish("kanan", unit="ab")
        assert run.open == ["himpun #2"]

    def test_leaving_two_levels_at_once_is_taken_back(self, run):
        assert restored(run, "kiri", "ditolak", unit="abc")
        assert len(run.open) == 6

    def test_a_return_to_some_units_is_taken_back(self, run):
        for unit in ("a", "ab"):
            run.finish("kiri", "approved", unit=unit)
            run.finish("kanan", unit=unit)
        assert restored(run, "himpun", "returned", units=("ab", "abc"))
        assert run.open == ["himpun"]


class TestWhatTheTrailCannotTell:
    @pytest.fixture
    def undone(self, run) -> Retold:
        run.undo(run.finish("disposisi"))
        return run

    @pytest.mark.parametrize(
        "fields",
        [
            {"undone": UUID(int=404)},
            {"task_id": UUID(int=404)},
            {"activity": "kirim"},
            {"scope": "/x"},
            {"round": 2},
            {"unit": "aset"},
            {"actor": UUID(int=404)},
            {"actor": None},
        ],
        ids=str,
    )
    def test_an_undo_that_could_not_be(self, undone, fields):
        forged = undone.events[-1].model_copy(update=fields)
        with pytest.raises(TrailContradiction):
            replay(undone.process, [*undone.events[:-1], forged])

    def test_what_was_opened_by_mistake_is_withdrawn_first(self, undone):
        with pytest.raises(TrailContradiction, match="before what it opened was withdrawn"):
            replay(undone.process, [*undone.events[:-2], undone.events[-1]])

    def test_what_comes_back_was_withdrawn_before(self, block):
        block.finish("b1")
        block.undo(block.finish("b2", "ditolak"))
        block.finish("c1", reason="Mendesak")
        gone = next(at for at, event in enumerate(block.events) if event.type == "step.withdrawn")
        with pytest.raises(TrailContradiction, match="had never gone"):
            replay(block.process, [*block.events[:gone], *block.events[gone + 1 :]])

    def test_a_withdrawal_alone_is_no_undo(self, undone):
        with pytest.raises(TrailContradiction):
            replay(undone.process, undone.events[:-1])

    def test_nothing_is_undone_twice(self, undone):
        again = undone.events[-1].model_copy(update={"id": UUID(int=404)})
        with pytest.raises(TrailContradiction):
            replay(undone.process, [*undone.events, again])

    def test_a_claimed_task_may_be_withdrawn_by_an_undo_and_the_time_never_runs_back(self, run):
        first = run.finish("disposisi")
        run.do(decide.claim, Claim(by=a_performer("sekretaris"), task=run.task.id))
        times: list[datetime] = [event.at for event in (*run.events, *run.undo(first).events)]
        assert times == sorted(times)
