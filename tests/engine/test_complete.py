"""Completing an activity: on to the next row, or back with a reason."""

from uuid import UUID

import pytest

from engine import decide
from engine.commands import Complete, Performer, Suspend, Unclaim
from engine.compiler import ENDED
from engine.definition import ActivityKind
from engine.errors import (
    InstanceEnded,
    InstanceSuspended,
    NotACandidate,
    OutcomeUnknown,
    OutputMissing,
    OutputUnexpected,
    ReasonMissing,
    TaskClaimed,
    TaskUnknown,
)
from engine.events import InstanceCompleted, StepClaimed, StepCompleted, StepOpened, StepReturned
from engine.state import InstanceStatus, Output, TaskStatus
from tests.factories import (
    LAKIP,
    NOW,
    Run,
    a_performer,
    a_process,
    an_activity,
    an_office,
    an_official,
    an_output,
    back,
    forward,
)


@pytest.fixture
def run() -> Run:
    return Run()


def places(refusal: pytest.ExceptionInfo) -> list[str]:
    return [mistake.at for mistake in refusal.value.errors]


class TestTheWayForward:
    def test_follows_the_printed_order_to_the_end(self, run):
        printed = [activity.id for activity in LAKIP]
        walked = []
        while run.state.status is InstanceStatus.RUNNING:
            walked.append(run.task.activity)
            run.forward()
        assert walked == printed
        assert run.state.status is InstanceStatus.COMPLETED
        assert (run.state.tasks, run.state.ended_at, run.state.root.node) == ((), run.now, ENDED)
        assert run.state.done == tuple(sorted(printed))
        assert set(run.state.rounds.values()) == {1}

    def test_opens_what_the_outcome_leads_to(self, run):
        first = run.task.id
        decision = run.complete()
        assert run.task.activity == run.state.root.node == "bentuk_tim"
        assert (run.task.status, run.task.round) == (TaskStatus.OPEN, 1)
        assert run.task.opened_at == run.task.held_since == run.now
        assert [task.id for task in decision.tasks] == [first, run.task.id]

    def test_the_closed_task_says_who_did_it_when_and_how_it_ended(self, run):
        first = run.task.id
        run.complete()
        closed = run.tasks[first]
        assert (closed.status, closed.outcome, closed.closed_at) == (TaskStatus.COMPLETED, "completed", run.now)
        assert closed.performed_by == closed.assignee == an_official("kepala_dinas")

    def test_a_claimed_task_is_completed_by_its_holder_without_a_second_claim(self, run):
        run.claim()
        claimed_at = run.now
        held = run.task.id
        decision = run.complete()
        assert [type(event) for event in decision.events] == [StepCompleted, StepOpened]
        assert run.tasks[held].held_since == claimed_at < run.tasks[held].closed_at

    def test_completing_an_unclaimed_task_records_the_claim_first(self, run):
        decision = run.complete()
        claimed, completed, opened = decision.events
        assert [type(event) for event in decision.events] == [StepClaimed, StepCompleted, StepOpened]
        assert claimed.assignee == claimed.actor == completed.actor == an_official("kepala_dinas")
        assert claimed.task_id == completed.task_id != opened.task_id
        assert claimed.at == completed.at == opened.at == run.now

    def test_the_last_activity_ends_the_instance(self, run):
        decision = run.until("kirim").forward()
        assert isinstance(decision.events[-1], InstanceCompleted)
        assert decision.events[-1].actor is None
        assert not any(isinstance(event, StepOpened) for event in decision.events)

    def test_a_decision_may_end_the_instance(self):
        run = Run(a_process(an_activity("satu", forward(None, "approved"), back("satu"))))
        run.complete("approved")
        assert run.state.status is InstanceStatus.COMPLETED

    def test_says_from_where_to_where_with_what_and_with_which_words(self, run):
        document = an_output("Lembar disposisi", url="https://contoh.go.id/d/1", sha256="a" * 64)
        photo = an_output("Foto", reference="F-1")
        event = run.complete(outputs=(document,), attachments=(photo,), note="Segera").events[1]
        assert isinstance(event, StepCompleted)
        assert (event.from_, event.to, event.outcome) == ("disposisi", "bentuk_tim", "completed")
        assert (event.outputs, event.attachments, event.note, event.reason) == ((document,), (photo,), "Segera", None)

    def test_the_end_is_nowhere(self, run):
        assert run.until("kirim").forward().events[1].to is None

    def test_what_was_handed_over_stays_for_those_who_follow(self, run):
        draft, photo = an_output("Lembar disposisi"), an_output("Foto")
        run.complete(outputs=(draft,), attachments=(photo,))
        (material,) = run.state.materials
        assert (material.activity, material.round, material.by) == ("disposisi", 1, an_official("kepala_dinas"))
        assert (material.outputs, material.attachments, material.at) == ((draft,), (photo,), run.now)


class TestTheWayBack:
    @pytest.mark.parametrize(
        ("reviewer", "target"),
        [("periksa_draf", "susun_draf"), ("verifikasi", "sempurnakan"), ("tanda_tangan", "finalisasi")],
    )
    def test_goes_one_level_back_and_again_forward(self, run, reviewer, target):
        run.until(reviewer)
        run.complete("returned")
        assert (run.task.activity, run.task.round) == (target, 2)
        run.forward()
        assert (run.task.activity, run.task.round) == (reviewer, 2)
        run.to_the_end()
        again = {target: 2, reviewer: 2}
        assert run.state.rounds == {one.id: again.get(one.id, 1) for one in LAKIP}

    def test_records_a_return_and_never_a_completion(self, run):
        decision = run.until("periksa_draf").complete("returned", reason="Tabel 3 keliru")
        assert [type(event) for event in decision.events] == [StepClaimed, StepReturned, StepOpened]
        event = decision.events[1]
        assert (event.from_, event.to, event.outcome) == ("periksa_draf", "susun_draf", "returned")
        assert (event.reason, event.outputs) == ("Tabel 3 keliru", ())

    def test_the_reopened_task_says_who_sent_it_back_when_from_where_and_why(self, run):
        decision = run.until("periksa_draf").complete("returned")
        returned = run.task.returned
        assert (returned.by, returned.at) == (an_official("kepala_bidang"), run.now)
        assert returned.activity == "periksa_draf"
        assert returned.event == decision.events[1].id
        assert decision.events[2].returned == returned

    def test_going_forward_again_carries_no_return_along(self, run):
        run.until("periksa_draf").complete("returned")
        run.forward()
        assert run.task.returned is None
        assert run.task.round == 2

    def test_a_second_return_says_so_anew(self, run):
        run.until("periksa_draf").complete("returned")
        first = run.task.returned
        run.forward()
        run.complete("returned")
        assert run.task.round == 3
        assert run.task.returned.at > first.at
        assert run.task.returned.event != first.event

    def test_the_old_task_stays_closed_and_the_reopened_one_is_new(self, run):
        run.until("susun_draf")
        drafted = run.task.id
        run.until("periksa_draf").complete("returned")
        assert run.task.id != drafted
        assert run.tasks[drafted].status is TaskStatus.COMPLETED

    def test_a_returned_task_is_open_to_every_candidate(self, run):
        run.until("periksa_draf").complete("returned")
        assert (run.task.status, run.task.assignee) == (TaskStatus.OPEN, None)

    def test_progress_shrinks_with_a_return_and_grows_again(self, run):
        run.until("periksa_draf")
        assert set(run.state.done) == {"disposisi", "bentuk_tim", "kumpulkan_data", "susun_draf"}
        run.complete("returned")
        assert set(run.state.done) == {"disposisi", "bentuk_tim", "kumpulkan_data"}
        run.forward()
        assert set(run.state.done) == {"disposisi", "bentuk_tim", "kumpulkan_data", "susun_draf"}
        run.forward()
        assert "periksa_draf" in run.state.done

    def test_a_return_far_back_undoes_all_that_follows(self):
        run = Run(
            a_process(
                an_activity("satu", forward("dua")),
                an_activity("dua", forward("tiga")),
                an_activity("tiga", forward("empat")),
                an_activity("empat", forward(None, "approved"), back("dua")),
            )
        )
        run.until("empat")
        assert run.state.done == ("dua", "satu", "tiga")
        run.complete("returned")
        assert run.state.done == ("satu",)

    def test_a_return_leaves_the_latest_drafts_standing(self, run):
        run.until("periksa_draf")
        before = run.state.materials
        run.complete("returned")
        assert run.state.materials == before
        draft = an_output("Draf LAKIP", reference="DOK/2")
        run.complete(outputs=(draft,))
        (latest,) = [one for one in run.state.materials if one.activity == "susun_draf"]
        assert (latest.round, latest.outputs) == (2, (draft,))

    def test_an_activity_may_return_to_itself(self):
        run = Run(a_process(an_activity("satu", forward(None, "approved"), back("satu"))))
        run.complete("returned")
        assert (run.task.activity, run.task.round, run.state.done) == ("satu", 2, ())

    @pytest.mark.parametrize("reason", [None, "", "   ", "\n\t"])
    def test_refuses_a_return_without_a_reason(self, run, reason):
        run.until("periksa_draf")
        with pytest.raises(ReasonMissing) as refusal:
            run.complete("returned", reason=reason)
        assert places(refusal) == ["reason"]

    def test_a_return_hands_over_no_output_even_where_the_sheet_prints_one(self, run):
        run.until("tanda_tangan")
        run.complete("returned")
        assert run.task.activity == "finalisasi"

    def test_refuses_an_output_on_a_return(self, run):
        run.until("tanda_tangan")
        with pytest.raises(OutputUnexpected) as refusal:
            run.complete("returned", outputs=(an_output(),))
        assert places(refusal) == ["outputs[0]"]

    def test_a_return_may_carry_attachments(self, run):
        marked = an_output("Draf bercoret")
        event = run.until("periksa_draf").complete("returned", attachments=(marked,)).events[1]
        assert (event.attachments, event.outputs) == ((marked,), ())
        (material,) = [one for one in run.state.materials if one.activity == "periksa_draf"]
        assert (material.outputs, material.attachments) == ((), (marked,))

    def test_a_round_without_output_leaves_the_earlier_one_to_who_handed_it_over(self):
        signed, remark = an_output("LAKIP bertanda tangan", reference="TTD/1"), an_output("Catatan")
        process = a_process(
            an_activity("tanda_tangan", forward("kirim", "approved"), back("tanda_tangan"), output="LAKIP final"),
            an_activity("kirim", forward(None), back("tanda_tangan")),
        )
        run = Run(process)
        run.complete("approved", outputs=(signed,), by=a_performer("pelaksana", name="Ani"))
        run.complete("returned")
        signed_at = run.state.materials[0].at
        run.complete("returned", attachments=(remark,), by=a_performer("pelaksana", name="Budi"))
        first, second = run.state.materials
        assert (first.outputs, first.attachments, first.round) == ((signed,), (), 1)
        assert (first.by, first.at) == (an_official("Ani"), signed_at)
        assert (second.outputs, second.attachments, second.round) == ((), (remark,), 2)
        assert second.by == an_official("Budi")

    def test_says_everything_that_is_wrong_with_a_return_at_once(self, run):
        run.until("tanda_tangan")
        with pytest.raises(OutputUnexpected) as refusal:
            run.complete("returned", outputs=(an_output(),), reason=None)
        assert places(refusal) == ["outputs[0]", "reason"]


class TestOutputs:
    def test_refuses_to_go_on_without_the_printed_output(self, run):
        with pytest.raises(OutputMissing) as refusal:
            run.complete(outputs=())
        (mistake,) = refusal.value.errors
        assert (mistake.at, mistake.expected) == ("outputs[0]", "Lembar disposisi")

    def test_a_decision_that_prints_an_output_wants_it_when_it_leads_on(self, run):
        run.until("tanda_tangan")
        with pytest.raises(OutputMissing):
            run.complete("approved", outputs=())

    @pytest.mark.parametrize("kind", ["url", "reference", "sha256"])
    def test_a_link_a_reference_or_a_fingerprint_is_enough(self, run, kind):
        given = {"url": "https://contoh.go.id/1", "reference": "DOK/1", "sha256": "0" * 64}[kind]
        run.complete(outputs=(Output(name="Lembar disposisi", **{kind: given}),))
        assert run.task.activity == "bentuk_tim"

    def test_a_reason_may_stand_for_a_missing_output(self, run):
        excused = Output(name="Lembar disposisi", missing_reason="Disposisi lisan")
        run.complete(outputs=(excused,))
        assert run.state.materials[0].outputs == (excused,)

    def test_refuses_a_document_that_is_both_there_and_missing(self, run):
        both = Output(name="Lembar disposisi", reference="DOK/1", missing_reason="Hilang")
        with pytest.raises(OutputMissing) as refusal:
            run.complete(outputs=(both,))
        assert places(refusal) == ["outputs[0].missing_reason"]

    def test_refuses_a_document_that_is_neither_there_nor_missing(self, run):
        with pytest.raises(OutputMissing) as refusal:
            run.complete(outputs=(Output(name="Lembar disposisi", letter_date="2026-03-01"),))
        assert places(refusal) == ["outputs[0]"]

    def test_refuses_more_outputs_than_the_sheet_prints(self, run):
        with pytest.raises(OutputUnexpected) as refusal:
            run.complete(outputs=(an_output(), an_output(), an_output()))
        assert places(refusal) == ["outputs[1]", "outputs[2]"]

    def test_refuses_an_output_where_the_sheet_prints_none(self, run):
        run.until("periksa_draf")
        with pytest.raises(OutputUnexpected):
            run.complete("approved", outputs=(an_output(),))

    def test_the_name_of_an_output_is_advice(self, run):
        run.complete(outputs=(an_output("Nota dinas"),))
        assert run.task.activity == "bentuk_tim"

    def test_an_attachment_does_not_stand_for_the_output(self, run):
        with pytest.raises(OutputMissing):
            run.complete(outputs=(), attachments=(an_output("Lembar disposisi"),))

    def test_an_attachment_is_judged_like_an_output(self, run):
        with pytest.raises(OutputMissing) as refusal:
            run.complete(attachments=(an_output(), Output(name="Foto")))
        assert places(refusal) == ["attachments[1]"]

    def test_says_all_that_is_wrong_with_the_documents_at_once(self, run):
        both = Output(name="Lembar disposisi", reference="DOK/1", missing_reason="Hilang")
        with pytest.raises(OutputMissing) as refusal:
            run.complete(outputs=(both, an_output()), attachments=(Output(name="Foto"), both))
        assert places(refusal) == [
            "outputs[0].missing_reason",
            "attachments[0]",
            "attachments[1].missing_reason",
            "outputs[1]",
        ]

    def test_says_what_is_missing_together_with_what_is_wrong(self, run):
        with pytest.raises(OutputMissing) as refusal:
            run.complete(outputs=(), attachments=(Output(name="Foto"),))
        assert places(refusal) == ["attachments[0]", "outputs[0]"]

    def test_each_mistake_speaks_indonesian_and_english(self, run):
        with pytest.raises(OutputMissing) as refusal:
            run.complete(outputs=())
        (mistake,) = refusal.value.errors
        assert "belum disertakan" in mistake.message_id
        assert "has no entry" in mistake.message_en


class TestWhoMayCompleteIt:
    def test_refuses_a_performer_without_the_role(self, run):
        with pytest.raises(NotACandidate):
            run.complete(by=a_performer("sekretaris"))

    def test_refuses_an_assisting_role(self, run):
        run.until("susun_draf")
        with pytest.raises(NotACandidate):
            run.complete(by=a_performer("kepala_bidang"))

    def test_refuses_a_client_without_an_official(self, run):
        with pytest.raises(NotACandidate):
            run.complete(by=Performer(offices=(an_office("kepala_dinas"),)))

    def test_refuses_who_does_not_hold_a_claimed_task(self, run):
        run.claim(a_performer("kepala_dinas", name="Ani"))
        with pytest.raises(TaskClaimed):
            run.complete(by=a_performer("kepala_dinas", name="Budi"))

    def test_refuses_the_holder_who_lost_the_office(self, run):
        run.claim(a_performer("kepala_dinas", name="Ani"))
        with pytest.raises(NotACandidate):
            run.complete(by=a_performer("staf_umum", name="Ani"))

    def test_any_of_several_candidate_roles_will_do(self):
        run = Run(a_process(an_activity("satu", candidate_roles=("camat", "lurah"))))
        assert run.complete(by=a_performer("lurah")).events[1].role == "lurah"

    def test_the_events_say_in_which_office_it_was_done(self, run):
        office = an_office(
            "kepala_dinas", position="Plh. Kepala Dinas", capacity="plh", acting_for=UUID(int=5), mandate=UUID(int=6)
        )
        claimed, completed, opened = run.complete(by=a_performer(name="Ani", offices=(office,))).events
        for event in (claimed, completed):
            assert (event.actor, event.actor_name) == (an_official("Ani"), "Ani")
            assert (event.role, event.position, event.capacity) == ("kepala_dinas", "Plh. Kepala Dinas", "plh")
            assert (event.acting_for, event.mandate) == (UUID(int=5), UUID(int=6))
        assert (opened.actor, opened.role, opened.capacity, opened.acting_for) == (None, None, None, None)

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_definitive_office_is_chosen_before_an_acting_one(self, run, order):
        acting = an_office("kepala_dinas", capacity="plt", acting_for=UUID(int=5), mandate=UUID(int=6))
        own = an_office("kepala_dinas", position="Kepala Dinas")
        event = run.complete(by=a_performer(name="Ani", offices=(acting, own)[::order])).events[1]
        assert (event.capacity, event.position, event.acting_for) == ("definitif", "Kepala Dinas", None)

    def test_a_definitive_office_in_another_role_does_not_count(self, run):
        offices = (an_office("sekretaris"), an_office("kepala_dinas", capacity="plt", acting_for=UUID(int=5)))
        event = run.complete(by=a_performer(name="Ani", offices=offices)).events[1]
        assert (event.role, event.capacity, event.acting_for) == ("kepala_dinas", "plt", UUID(int=5))

    def test_an_official_without_a_deed_is_named_nowhere(self, run):
        run.claim(a_performer("kepala_dinas", name="Ani"))
        run.do(decide.unclaim, Unclaim(by=a_performer(name="Ani"), task=run.task.id))
        first = run.task.id
        run.complete(by=a_performer("kepala_dinas", name="Budi"))
        assert run.tasks[first].performed_by == run.tasks[first].assignee == an_official("Budi")


class TestOutcomes:
    def test_an_execution_has_only_one_outcome_and_need_not_name_it(self, run):
        assert run.complete(None).events[1].outcome == "completed"

    def test_a_decision_must_name_its_outcome(self, run):
        run.until("periksa_draf")
        with pytest.raises(OutcomeUnknown, match="it offers approved, returned"):
            run.complete(None)

    def test_a_decision_with_one_outcome_must_name_it_too(self):
        run = Run(a_process(an_activity("satu", forward(None, "approved"), kind=ActivityKind.DECISION)))
        with pytest.raises(OutcomeUnknown):
            run.complete(None)

    def test_an_execution_with_two_outcomes_must_name_one(self):
        two = an_activity("satu", forward(None, "cetak"), forward(None, "unggah"), kind=ActivityKind.EXECUTION)
        with pytest.raises(OutcomeUnknown):
            Run(a_process(two)).complete(None)

    def test_an_unknown_outcome_names_what_is_offered(self, run):
        run.until("periksa_draf")
        with pytest.raises(OutcomeUnknown) as refusal:
            run.complete("ditolak")
        (mistake,) = refusal.value.errors
        assert (mistake.at, mistake.expected) == ("outcome", "approved, returned")
        assert str(refusal.value) == 'The activity has no outcome "ditolak"; it offers approved, returned.'

    def test_an_outcome_of_another_activity_is_unknown(self, run):
        with pytest.raises(OutcomeUnknown):
            run.complete("approved")

    @pytest.mark.parametrize("trigger", [">started", ">ended", "to_kirim", "state", "trigger"])
    def test_no_trigger_of_the_machine_is_an_outcome(self, run, trigger):
        with pytest.raises(OutcomeUnknown):
            run.complete(trigger)

    def test_each_outcome_goes_its_own_way(self):
        choice = an_activity("satu", forward("dua", "murah"), forward("tiga", "mahal"), kind=ActivityKind.DECISION)
        process = a_process(choice, an_activity("dua"), an_activity("tiga"))
        for outcome, target in (("murah", "dua"), ("mahal", "tiga")):
            run = Run(process)
            run.complete(outcome)
            assert run.task.activity == target


class TestWhenItCannotBeDone:
    def test_refuses_a_task_nobody_knows(self, run):
        with pytest.raises(TaskUnknown):
            run.complete(task=UUID(int=404))

    def test_refuses_to_complete_a_task_twice(self, run):
        first = run.completion()
        run.do(decide.complete, first)
        with pytest.raises(TaskUnknown):
            run.do(decide.complete, first)

    def test_refuses_while_suspended(self, run):
        run.do(decide.suspend, Suspend(by=Performer(), reason="Audit"))
        with pytest.raises(InstanceSuspended):
            run.complete()

    def test_refuses_after_the_end(self, run):
        run.to_the_end()
        late = Complete(by=a_performer("staf_umum"), task=next(reversed(run.tasks)))
        with pytest.raises(InstanceEnded, match="is completed"):
            run.do(decide.complete, late)

    def test_a_refusal_changes_nothing_and_uses_no_identity(self, run):
        state, used = run.state.model_dump_json(), run.new_id()
        with pytest.raises(OutputMissing):
            run.complete(outputs=())
        assert run.state.model_dump_json() == state
        assert run.new_id().int == used.int + 1

    def test_the_old_state_is_untouched_by_what_followed(self, run):
        before = run.state
        text = before.model_dump_json()
        run.to_the_end()
        assert before.model_dump_json() == text
        assert before.started_at == NOW
