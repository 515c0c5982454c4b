"""Clocks of steps and of the whole: laid, stopped, laid anew and announced. Told again from the trail each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from engine import decide
from engine.commands import Announce, Cancel, Deadline, GoOn, LayAnew, Pause, Performer, Resume, Suspend
from engine.compiler import CompiledProcess
from engine.definition import TimeLimit, TimeUnit
from engine.errors import NotACandidate, TaskClaimed, TaskNotPaused, TaskPaused, TrailContradiction
from engine.events import Because, StepDueChanged, StepDueSoon, StepEscalated, StepOverdue
from engine.evolve import evolve
from engine.plan import plan
from engine.state import Notice
from engine.working_time import Limit
from tests.factories import (
    NOW,
    Retold,
    a_performer,
    a_process,
    a_schedule,
    a_start,
    a_wait,
    an_activity,
    back,
    each_unit,
    forward,
)

DAY = TimeLimit(text="1 Hari", amount=1, unit=TimeUnit.WORKDAYS)
TWO_HOURS = TimeLimit(text="2 Jam", amount=2, unit=TimeUnit.HOURS)
CLIENT = Performer()


SCHEDULE = a_schedule()


def a_timed_process() -> CompiledProcess:
    return a_process(
        an_activity("satu", forward("dua"), time_limit=DAY),
        an_activity("dua", forward("tiga", "approved"), back("satu"), number=2, time_limit=TWO_HOURS, role="kepala"),
        an_activity("tiga", number=3),
    )


@pytest.fixture
def run() -> Retold:
    return Retold(a_timed_process(), schedule=SCHEDULE)


def jakarta(text: str) -> datetime:
    """A moment of March 2026: `3 08:00`."""
    day, clock = text.split(" ")
    return datetime.fromisoformat(f"2026-03-{int(day):02}T{clock}:00+07:00").astimezone(UTC)


def test_a_step_is_due_when_its_limit_is_used_up(run: Retold) -> None:
    assert run.task.due_at == jakarta("3 08:00")
    assert run.task.notice_at == jakarta("2 15:00")  # 80 % of 7.5 working hours, from 08.00 around the break
    (due,) = run.task.due_dates
    assert (due.since, due.calendar) == (NOW, SCHEDULE.id)


def test_a_step_without_a_printed_time_is_never_due(run: Retold) -> None:
    run.complete()
    run.complete("approved")
    assert (run.task.due_at, run.task.notice_at) == (None, None)


def test_the_next_step_is_laid_from_the_moment_it_opened(run: Retold) -> None:
    run.do(decide.complete, run.completion(), at=jakarta("4 15:30"))
    assert run.task.due_at == jakarta("5 09:00")


def test_who_held_it_since_when_is_kept(run: Retold) -> None:
    run.claim()
    task = run.finish("satu")
    assert [(one.by, one.since) for one in run.tasks[task].held] == [
        (None, NOW),
        (run.candidate(run.tasks[task]).official, NOW + timedelta(hours=1)),
    ]


class TestPause:
    def test_stops_the_clock_and_moves_the_due_date_on(self, run: Retold) -> None:
        by = run.candidate()
        run.do(decide.pause, Pause(by=by, task=run.task.id, reason="Berkas belum lengkap"), at=jakarta("2 10:00"))
        assert run.task.paused is not None
        assert run.state.stopped_since(run.task) == jakarta("2 10:00")
        decision = run.do(decide.go_on, GoOn(by=by, task=run.task.id), at=jakarta("4 10:00"))
        assert (run.task.paused, run.task.due_at) == (None, jakarta("5 08:00"))
        changed = decision.events[-1]
        assert isinstance(changed, StepDueChanged)
        assert (changed.was, changed.because, changed.cause) == (
            jakarta("3 08:00"),
            Because.RESUMED,
            decision.events[0].id,
        )
        assert [due.at for due in run.task.due_dates] == [jakarta("3 08:00"), jakarta("5 08:00")]

    def test_a_pause_outside_working_time_moves_nothing(self, run: Retold) -> None:
        by = run.candidate()
        run.do(decide.pause, Pause(by=by, task=run.task.id, reason="Menunggu"), at=jakarta("2 17:00"))
        decision = run.do(decide.go_on, GoOn(by=by, task=run.task.id), at=jakarta("2 23:00"))
        assert len(decision.events) == 1
        assert run.task.due_at == jakarta("3 08:00")

    def test_is_refused_twice_to_strangers_and_while_another_holds_it(self, run: Retold) -> None:
        by, other = run.candidate(), a_performer("pelaksana", name="Lain")
        with pytest.raises(TaskNotPaused):
            run.do(decide.go_on, GoOn(by=by, task=run.task.id))
        with pytest.raises(NotACandidate):
            run.do(decide.pause, Pause(by=a_performer("kepala"), task=run.task.id, reason="Menunggu"))
        run.claim(by)
        with pytest.raises(TaskClaimed):
            run.do(decide.pause, Pause(by=other, task=run.task.id, reason="Menunggu"))
        run.do(decide.pause, Pause(by=by, task=run.task.id, reason="Menunggu"))
        with pytest.raises(TaskPaused):
            run.do(decide.pause, Pause(by=by, task=run.task.id, reason="Menunggu"))

    def test_a_paused_step_can_be_completed_as_it_is(self, run: Retold) -> None:
        run.do(decide.pause, Pause(by=run.candidate(), task=run.task.id, reason="Menunggu"))
        run.complete()
        assert run.task.activity == "dua"


class TestSuspension:
    def test_stops_every_clock_and_resuming_lays_them_anew(self, run: Retold) -> None:
        run.do(decide.suspend, Suspend(by=CLIENT, reason="Audit"), at=jakarta("2 10:00"))
        assert run.state.stopped_since(run.task) == jakarta("2 10:00")
        run.do(decide.resume, Resume(by=CLIENT, reason="Selesai"), at=jakarta("3 10:00"))
        assert run.task.due_at == jakarta("4 08:00")

    def test_counts_once_where_the_step_was_paused_as_well(self, run: Retold) -> None:
        by = run.candidate()
        run.do(decide.pause, Pause(by=by, task=run.task.id, reason="Menunggu"), at=jakarta("2 10:00"))
        run.do(decide.suspend, Suspend(by=CLIENT, reason="Audit"), at=jakarta("2 13:00"))
        run.do(decide.resume, Resume(by=CLIENT, reason="Selesai"), at=jakarta("3 10:00"))
        assert run.task.due_at == jakarta("3 08:00")  # it still stands still
        run.do(decide.go_on, GoOn(by=by, task=run.task.id), at=jakarta("3 14:00"))
        assert run.task.due_at == SCHEDULE.calendar.after(jakarta("3 08:00"), timedelta(hours=10, minutes=30)).at

    def test_lasts_on_for_a_step_that_comes_back_by_undoing(self, run: Retold) -> None:
        done = run.finish("satu")
        run.do(decide.suspend, Suspend(by=CLIENT, reason="Audit"), at=jakarta("2 10:00"))
        run.do(decide.resume, Resume(by=CLIENT, reason="Selesai"), at=jakarta("3 10:00"))
        run.undo(done)
        assert (run.task.activity, run.task.due_at) == ("satu", jakarta("4 08:00"))


class TestAnotherCalendar:
    def test_moves_what_is_open_and_leaves_what_is_closed(self, run: Retold) -> None:
        done = run.finish("satu")
        before = run.tasks[done]
        other = a_schedule("b" * 64, off=("2026-03-02",))
        run.schedule = other
        decision = run.do(
            decide.lay_anew, LayAnew(deadline=None, legal_basis="SK Bupati 1/2026"), at=jakarta("2 11:00")
        )
        assert [event.type for event in decision.events] == ["instance.calendar_changed", "step.due_changed"]
        assert run.task.due_at == jakarta("3 09:30")
        changed = decision.events[1]
        assert isinstance(changed, StepDueChanged)
        assert (changed.was, changed.because, changed.legal_basis) == (
            jakarta("2 11:00"),
            Because.CALENDAR,
            "SK Bupati 1/2026",
        )
        assert run.tasks[done] == before

    def test_changes_nothing_where_it_is_the_same(self, run: Retold) -> None:
        assert run.do(decide.lay_anew, LayAnew(deadline=None)).events == ()

    def test_is_taken_before_anything_opens(self, run: Retold) -> None:
        run.schedule = a_schedule("b" * 64, off=("2026-03-03",))
        decision = run.complete()
        assert "instance.calendar_changed" in [event.type for event in decision.events]
        assert run.state.calendar == "b" * 64

    def test_reaches_a_suspended_instance_when_it_is_resumed(self, run: Retold) -> None:
        run.do(decide.suspend, Suspend(by=CLIENT, reason="Audit"), at=jakarta("2 20:00"))
        run.schedule = a_schedule("b" * 64, off=("2026-03-03",))
        assert [one.type for one in run.do(decide.lay_anew, LayAnew(deadline=None)).events] == [
            "instance.calendar_changed"
        ]
        run.do(decide.resume, Resume(by=CLIENT, reason="Selesai"), at=jakarta("2 22:00"))
        assert run.task.due_at == jakarta("4 08:00")

    def test_ends_with_the_instance(self, run: Retold) -> None:
        run.do(decide.cancel, Cancel(by=CLIENT, reason="Batal"))
        run.schedule = a_schedule("b" * 64)
        assert run.do(decide.lay_anew, LayAnew(deadline=Deadline(at=NOW, legal_basis="PP"))).events == ()


class TestAnnouncing:
    def tell(self, run: Retold, at: str, superiors: tuple[str, ...] = ()) -> list[str]:
        command = Announce(superiors={run.task.id: superiors})
        return [event.type for event in run.do(decide.announce, command, at=jakarta(at)).events]

    def test_reminds_then_tells_of_lateness_then_goes_up_each_once(self, run: Retold) -> None:
        chain = ("Sekretaris", "Kepala Dinas")
        told = [
            self.tell(run, moment, chain)
            for moment in (
                "2 14:59",
                "2 15:00",
                "2 15:01",
                "3 08:00",
                "3 08:01",
                "3 09:00",
                "4 08:01",
                "5 08:01",
                "9 09:00",
            )
        ]
        assert told == [
            [], ["step.due_soon"], [], [], ["step.overdue"], [], ["step.escalated"], ["step.escalated"], [],
        ]  # fmt: skip
        levels = [(one.level, one.superior) for one in run.events if isinstance(one, StepEscalated)]
        assert levels == [(1, "Sekretaris"), (2, "Kepala Dinas")]
        assert run.task.notice_at is None

    def test_tells_of_lateness_at_once_where_the_reminder_was_missed(self, run: Retold) -> None:
        assert self.tell(run, "6 09:00") == ["step.overdue"]

    def test_goes_nowhere_where_nobody_is_above_or_nobody_wants_it(self, run: Retold) -> None:
        assert self.tell(run, "6 09:00") == ["step.overdue"]
        assert self.tell(run, "13 09:00") == []
        quiet = Retold(a_timed_process(), schedule=a_schedule(escalate_after=None))
        assert self.tell(quiet, "6 09:00", ("Sekretaris",)) == ["step.overdue"]
        assert self.tell(quiet, "13 09:00", ("Sekretaris",)) == []

    def test_says_nothing_while_the_clock_stands_still(self, run: Retold) -> None:
        run.do(decide.pause, Pause(by=run.candidate(), task=run.task.id, reason="Menunggu"))
        assert self.tell(run, "6 09:00") == []
        other = Retold(a_timed_process(), schedule=SCHEDULE)
        other.do(decide.suspend, Suspend(by=CLIENT, reason="Audit"))
        assert self.tell(other, "6 09:00") == []

    def test_begins_anew_with_a_later_due_date(self, run: Retold) -> None:
        assert self.tell(run, "3 09:00") == ["step.overdue"]
        run.schedule = a_schedule("b" * 64, off=("2026-03-03", "2026-03-04"))
        run.do(decide.lay_anew, LayAnew(deadline=None), at=jakarta("3 10:00"))
        assert (run.task.due_at, run.task.told) == (jakarta("5 08:00"), Notice.DUE_SOON)
        assert self.tell(run, "5 09:00") == ["step.overdue"]

    def test_another_share_reminds_earlier(self) -> None:
        run = Retold(a_timed_process(), schedule=a_schedule(due_soon_share=Fraction(1, 2)))
        assert run.task.notice_at == jakarta("2 11:45")

    def test_a_notice_out_of_turn_contradicts_the_trail(self, run: Retold) -> None:
        self.tell(run, "2 15:00")
        reminder = next(one for one in run.events if isinstance(one, StepDueSoon))
        with pytest.raises(TrailContradiction):
            evolve(run.process, run.state, reminder)
        late = StepOverdue(
            **{**reminder.model_dump(exclude={"notice_at"}), "due_at": jakarta("9 08:00"), "at": run.now}
        )
        with pytest.raises(TrailContradiction):
            evolve(run.process, run.state, late)


class TestDeadline:
    AT = jakarta("5 23:59")

    def begun(self) -> Retold:
        start = a_start(deadline=Deadline(at=self.AT, legal_basis="Perpres 29/2014"))
        return Retold(a_timed_process(), start, SCHEDULE)

    def tell(self, run: Retold, at: str, expected_end: datetime | None = None) -> list[str]:
        return [
            one.type
            for one in run.do(decide.announce, Announce(expected_end=expected_end), at=jakarta(at)).events
            if one.type.startswith("instance.")
        ]

    def test_is_told_at_risk_and_passed_once_each_even_while_suspended(self) -> None:
        run = self.begun()
        run.do(decide.suspend, Suspend(by=CLIENT, reason="Audit"))
        assert self.tell(run, "3 08:00", self.AT) == []
        assert self.tell(run, "3 09:00", self.AT + timedelta(minutes=1)) == ["instance.deadline_at_risk"]
        assert self.tell(run, "3 10:00", self.AT + timedelta(days=1)) == []
        assert self.tell(run, "6 00:00") == ["instance.deadline_passed"]
        assert self.tell(run, "6 01:00") == []

    def test_another_one_keeps_the_old_in_the_trail_and_is_told_anew(self) -> None:
        run = self.begun()
        assert self.tell(run, "6 00:00") == ["instance.deadline_passed"]
        later = Deadline(at=self.AT + timedelta(days=7), legal_basis="SE 46/2020")
        (changed,) = run.do(decide.lay_anew, LayAnew(deadline=later)).events
        assert (changed.type, run.state.deadline) == ("instance.deadline_changed", later.at)
        assert [one.at for one in run.state.deadlines] == [self.AT, later.at]
        assert self.tell(run, "16 00:00") == ["instance.deadline_passed"]

    def test_can_be_taken_away(self) -> None:
        run = self.begun()
        run.do(decide.lay_anew, LayAnew(deadline=None))
        assert run.state.deadline is None
        assert self.tell(run, "6 00:00") == []


class TestPlan:
    def test_lays_what_is_left_and_counts_back_from_the_deadline(self, run: Retold) -> None:
        made = plan(run.process, run.state, jakarta("4 10:00"), SCHEDULE, NOW)
        assert [(one.activity, one.latest_start, one.latest_end) for one in made.steps] == [
            ("satu", jakarta("3 08:00"), jakarta("4 08:00")),
            ("dua", jakarta("4 08:00"), jakarta("4 10:00")),
            ("tiga", jakarta("4 10:00"), jakarta("4 10:00")),
        ]
        assert (made.expected_end, made.slack_minutes, made.latest_start) == (
            jakarta("3 10:00"),
            450,
            jakarta("3 08:00"),
        )

    def test_knows_that_it_will_be_missed_before_any_step_is_late(self, run: Retold) -> None:
        made = plan(run.process, run.state, jakarta("3 09:00"), SCHEDULE, NOW)
        assert (made.will_miss, made.slack_minutes) == (True, -60)

    def test_lateness_eats_the_slack(self, run: Retold) -> None:
        made = plan(run.process, run.state, jakarta("4 10:00"), SCHEDULE, jakarta("4 09:00"))
        assert (made.expected_end, made.slack_minutes) == (jakarta("4 11:00"), -60)

    def test_a_clock_that_stands_still_moves_the_end_on(self, run: Retold) -> None:
        run.do(decide.pause, Pause(by=run.candidate(), task=run.task.id, reason="Menunggu"), at=jakarta("2 10:00"))
        made = plan(run.process, run.state, jakarta("4 10:00"), SCHEDULE, jakarta("3 10:00"))
        assert made.expected_end == jakarta("4 10:00")

    def test_the_slowest_branch_counts_and_parties_take_no_time(self) -> None:
        process = a_process(
            an_activity("satu", forward("per_bidang"), time_limit=DAY),
            an_activity("isi", number=2, time_limit=TWO_HOURS),
            an_activity("akhir", number=3, time_limit=DAY),
            nodes=(each_unit("isi", to="tunggu"), a_wait(forward("akhir"))),
        )
        run = Retold(process, a_start(units={"bidang": ("aset", "data")}), SCHEDULE)
        assert plan(process, run.state, jakarta("6 10:00"), SCHEDULE, NOW).expected_end == jakarta("4 10:00")
        unstarted = plan(process, None, jakarta("6 10:00"), SCHEDULE, NOW)
        assert (unstarted.expected_end, unstarted.latest_start) == (jakarta("4 10:00"), jakarta("4 08:00"))

    def test_a_forward_loop_is_followed_once(self) -> None:
        process = a_process(
            an_activity("satu", forward("dua"), time_limit=DAY),
            an_activity(
                "dua", forward("satu", "ulang"), forward(None, "selesai"), back("satu"), number=2, time_limit=TWO_HOURS
            ),
        )
        made = plan(process, None, jakarta("6 10:00"), SCHEDULE, NOW)
        assert made.expected_end == jakarta("3 10:00")


def test_limits_of_the_agency_s_own_are_limits_too() -> None:
    assert a_schedule(escalate_after=Limit(2, TimeUnit.HOURS)).escalates_at(NOW) == jakarta("2 10:00")
