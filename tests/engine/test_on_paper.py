"""Work done earlier on paper: when it was done, who signed, who typed it in, and what shows it."""

from datetime import timedelta

import pytest

from engine.errors import EvidenceMissing, OutputMissing, PerformedAtImpossible, TaskClaimed
from engine.events import StepClaimed, StepCompleted, StepOpened
from engine.state import Output, TaskStatus
from tests.factories import (
    NOW,
    Retold,
    a_block,
    a_performer,
    a_process,
    a_wait,
    an_activity,
    an_official,
    an_output,
    back,
    forward,
)

RECORDER = an_official("Ani")
SCAN = an_output("Pindaian lembar disposisi", url="https://contoh.go.id/p/1", sha256="a" * 64)
ON_PAPER = {"recorded_by": RECORDER, "reason": "Ditandatangani di atas kertas", "evidence": (SCAN,)}
HOUR = timedelta(hours=1)


@pytest.fixture
def run() -> Retold:
    """Three hours after the first task opened."""
    run = Retold()
    run.now += 2 * HOUR
    return run


class TestWhenItWasDone:
    def test_the_trail_and_the_task_keep_both_times(self, run):
        first = run.task.id
        completed = run.complete(performed_at=NOW + HOUR, reason="Menyusul").events[1]
        assert (completed.performed_at, completed.at) == (NOW + HOUR, NOW + 3 * HOUR)
        assert (run.tasks[first].performed_at, run.tasks[first].closed_at) == (NOW + HOUR, NOW + 3 * HOUR)

    def test_what_it_opens_has_waited_since_then(self, run):
        opened = run.complete(performed_at=NOW + HOUR, reason="Menyusul").events[2]
        assert isinstance(opened, StepOpened)
        assert (opened.opened_at, opened.at) == (NOW + HOUR, NOW + 3 * HOUR)
        assert (run.task.opened_at, run.task.held_since) == (NOW + HOUR, NOW + HOUR)

    def test_so_does_every_branch_of_a_block_it_opens(self):
        run = Retold(
            a_process(
                an_activity("satu", forward("blok")),
                an_activity("kiri"),
                an_activity("kanan"),
                nodes=(a_block(l=("kiri",), r=("kanan",)),),
            )
        )
        run.complete(performed_at=NOW + HOUR, reason="Menyusul")
        assert {task.opened_at for task in run.state.tasks} == {NOW + HOUR}

    @pytest.mark.parametrize(("done_at", "opened_at"), [(1, 3), (2, 3), (4, 4)])
    def test_what_a_block_joins_into_waits_for_the_last_branch(self, done_at, opened_at):
        run = Retold(
            a_process(
                an_activity("kiri", output="Draf kiri"),
                an_activity("kanan"),
                an_activity("tengah"),
                an_activity("akhir"),
                nodes=(
                    a_block("luar", to="akhir", x=("dalam",), y=("tengah",)),
                    a_block("dalam", l=("kiri",), r=("kanan",)),
                ),
            )
        )
        run.now = NOW + 2 * HOUR
        run.finish("kiri")
        run.now = NOW + 4 * HOUR
        run.finish("tengah", performed_at=NOW + 2 * HOUR, reason="Menyusul")
        left = run.finish("kanan", performed_at=NOW + done_at * HOUR, reason="Menyusul")
        assert run.task.opened_at == NOW + opened_at * HOUR
        assert run.state.materials[0].at <= run.task.opened_at
        run.undo(left)
        run.finish("kanan")
        assert run.task.opened_at == run.now

    def test_leaving_a_block_waits_for_no_branch(self):
        run = Retold(
            a_process(
                an_activity("satu", forward("blok")),
                an_activity("kiri", forward(None, "approved"), back("satu")),
                an_activity("kanan"),
                nodes=(a_block(l=("kiri",), r=("kanan",)),),
            )
        )
        run.complete()
        opened = run.at("kiri").opened_at
        run.finish("kanan")
        run.finish("kiri", "returned", performed_at=opened)
        assert run.task.opened_at == opened

    def test_without_it_what_opens_has_no_time_of_its_own(self, run):
        opened = run.complete().events[2]
        assert (opened.opened_at, run.task.opened_at) == (None, run.now)

    def test_what_was_handed_over_is_as_old_as_the_work(self, run):
        run.complete(performed_at=NOW + HOUR, reason="Menyusul")
        assert run.state.materials[0].at == NOW + HOUR

    def test_a_return_on_paper_says_when_it_came_back(self, run):
        run.until("periksa_draf")
        opened = run.task.opened_at
        run.now += 5 * HOUR
        run.complete("returned", performed_at=opened + HOUR)
        assert run.task.returned.at == run.task.opened_at == opened + HOUR

    def test_days_on_paper_are_recorded_in_their_order(self, run):
        run.now += 10 * HOUR
        for hours in (1, 2, 3):
            run.complete(performed_at=NOW + hours * HOUR, reason="Menyusul")
        assert run.open == ["susun_draf"]
        assert run.task.opened_at == NOW + 3 * HOUR
        times = [event.at for event in run.events]
        assert times == sorted(times)

    def test_the_moment_of_opening_and_this_moment_are_possible(self, run):
        run.complete(performed_at=NOW, reason="Menyusul")
        run.complete(performed_at=run.now + HOUR, reason="Menyusul")
        assert run.open == ["kumpulkan_data"]

    def test_refuses_a_moment_before_it_opened(self, run):
        with pytest.raises(PerformedAtImpossible):
            run.complete(performed_at=NOW - timedelta(seconds=1), reason="Menyusul")

    def test_refuses_a_moment_in_the_future(self, run):
        with pytest.raises(PerformedAtImpossible):
            run.complete(performed_at=run.now + HOUR + timedelta(seconds=1), reason="Menyusul")

    def test_refuses_a_moment_before_what_opened_it_was_done(self, run):
        run.complete(performed_at=NOW + HOUR, reason="Menyusul")
        with pytest.raises(PerformedAtImpossible):
            run.complete(performed_at=NOW + HOUR - timedelta(seconds=1), reason="Menyusul")

    @pytest.mark.parametrize("reason", [None, "", "   "])
    def test_refuses_an_earlier_moment_without_a_reason(self, run, reason):
        with pytest.raises(EvidenceMissing):
            run.complete(performed_at=NOW + HOUR, reason=reason)

    def test_needs_no_evidence_where_the_performer_records_it(self, run):
        assert run.complete(performed_at=NOW + HOUR, reason="Menyusul").events[1].evidence == ()

    def test_a_party_that_is_asked_on_paper_is_asked_when_it_is_recorded(self):
        run = Retold(a_process(an_activity("satu", forward("tunggu")), nodes=(a_wait(),)))
        run.complete(performed_at=NOW, reason="Menyusul")
        assert run.state.asked[0].since == run.now

    def test_taking_it_back_forgets_when_it_was_done(self, run):
        first = run.finish("disposisi", performed_at=NOW + HOUR, reason="Menyusul")
        run.undo(first)
        assert (run.task.performed_at, run.task.opened_at) == (None, NOW)


class TestWhoSigned:
    def test_the_signer_did_it_and_the_recorder_typed_it_in(self, run):
        first = run.task.id
        claimed, completed, opened = run.complete(**ON_PAPER).events
        assert isinstance(claimed, StepClaimed)
        assert isinstance(completed, StepCompleted)
        signer = an_official("kepala_dinas")
        assert (claimed.actor, claimed.assignee, claimed.recorded_by) == (signer, signer, RECORDER)
        assert (completed.actor, completed.recorded_by, completed.evidence) == (signer, RECORDER, (SCAN,))
        assert (run.tasks[first].performed_by, run.tasks[first].assignee) == (signer, signer)
        assert opened.actor is None

    def test_evidence_is_kept_in_the_trail_and_is_no_output(self, run):
        run.complete(**ON_PAPER)
        assert SCAN not in run.state.materials[0].outputs + run.state.materials[0].attachments

    @pytest.mark.parametrize(
        "evidence",
        [
            (),
            (Output(name="Pindaian", missing_reason="Hilang"),),
            (Output(name="Pindaian", sha256="a" * 64),),
        ],
        ids=["none", "missing", "only a fingerprint"],
    )
    def test_refuses_another_s_signature_without_evidence(self, run, evidence):
        with pytest.raises(EvidenceMissing):
            run.complete(**ON_PAPER | {"evidence": evidence})

    @pytest.mark.parametrize("reason", [None, "", " \n"])
    def test_refuses_another_s_signature_without_a_reason(self, run, reason):
        with pytest.raises(EvidenceMissing):
            run.complete(**ON_PAPER | {"reason": reason})

    def test_evidence_is_judged_like_any_document(self, run):
        with pytest.raises(OutputMissing) as refusal:
            run.complete(**ON_PAPER | {"evidence": (SCAN, Output(name="Foto"))})
        assert [mistake.at for mistake in refusal.value.errors] == ["evidence[1]"]

    def test_refuses_to_record_what_another_holds(self, run):
        run.claim(a_performer("kepala_dinas", name="Budi"))
        with pytest.raises(TaskClaimed):
            run.complete(**ON_PAPER)

    def test_what_the_signer_holds_is_recorded_without_a_second_claim(self, run):
        run.claim()
        types = [event.type for event in run.complete(**ON_PAPER).events]
        assert types == ["step.completed", "step.opened"]

    def test_a_return_may_be_signed_on_paper_too(self, run):
        run.until("periksa_draf")
        returned = run.complete("returned", **ON_PAPER).events[1]
        assert (returned.type, returned.recorded_by) == ("step.returned", RECORDER)

    def test_both_times_and_both_names_together(self):
        run = Retold(a_process(an_activity("satu", forward(None, "approved"), back("satu"))))
        run.complete("returned", performed_at=NOW, **ON_PAPER)
        assert (run.task.round, run.task.status, run.task.opened_at) == (2, TaskStatus.OPEN, NOW)
