"""Runs of which outsiders are told, so that every message can be looked at without a database."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.identity.roster import Roster, Seat
from app.instances.surroundings import Surroundings
from app.instances.telling import messages_of
from engine import decide
from engine.commands import (
    Announce,
    Cancel,
    Comment,
    Deadline,
    GoOn,
    LayAnew,
    Pause,
    Performer,
    Reference,
    Resume,
    Start,
    Suspend,
    Unclaim,
)
from engine.compiler import CompiledProcess
from engine.decide import Decision
from engine.definition import TimeLimit, TimeUnit
from tests.factories import (
    NOW,
    Run,
    a_performer,
    a_process,
    a_schedule,
    a_start,
    a_wait,
    an_activity,
    back,
    forward,
    from_units,
)

Json = Any

INSTANCE = UUID("018f0000-0000-7000-8000-000000000001")
CLIENT = Performer()
DAY = TimeLimit(text="1 Hari", amount=1, unit=TimeUnit.WORKDAYS)


class Told(Run):
    """A run with all messages it led to, as rows; each role is played by one position."""

    def __init__(self, process: CompiledProcess, start: Start | None = None, **given: Any) -> None:
        self.messages: list[Json] = []
        self.zone: str = given.pop("zone", "Asia/Jakarta")
        self.title: str = given.pop("title", "Penyusunan LAKIP 2026")
        super().__init__(process, start, a_schedule())

    @property
    def around(self) -> Surroundings:
        definition = self.process.definition
        assert self.schedule
        return Surroundings(
            id=INSTANCE,
            process=self.process,
            agency=definition.agency,
            timezone=self.zone,
            schedule=self.schedule,
            now=NOW,
            period="2026",
            title=self.title,
            reference_system="esakip",
            reference_id="L-1",
            roster=Roster(
                tuple(Seat(role.id, f"Jabatan {role.name}", None, None, None) for role in definition.roles[:20])
            ),
        )

    def data(self, type_: str) -> Json:
        """What the last message of a type holds."""
        return json.loads(next(one["data"] for one in reversed(self.messages) if one["type"] == type_))

    def said(self, type_: str) -> tuple[str, str]:
        """The last sentence of a type in both languages, without the title."""
        sentence = self.data(type_)["sentence"]
        title = f"{self.title}: "
        assert sentence["id"].startswith(title)
        return sentence["id"].removeprefix(title), sentence["en"].removeprefix(title)

    def _took(self, decision: Decision) -> Decision:
        before = getattr(self, "state", None)
        text = messages_of(self.around, before, decision, length=len(self.events))
        assert text == messages_of(self.around, before, decision, length=len(self.events))
        super()._took(decision)
        self.messages += json.loads(text)
        return decision


def a_drafted_report() -> Told:
    """Draft, review (which may send it back), collect from every bidang, ask Bappeda, archive."""
    process = a_process(
        an_activity("susun", forward("periksa"), number=1, role="staf", time_limit=DAY),
        an_activity("periksa", forward("himpun", "approved"), back("susun"), number=2, role="kabid", time_limit=DAY),
        an_activity("himpun", forward("tunggu"), number=3, role="staf", awaits=(from_units(),)),
        an_activity("arsip", number=4, role="arsiparis"),
        nodes=(a_wait(forward("arsip")),),
    )
    start = a_start(
        by=a_performer("staf"),
        units={"bidang": ("koperasi",)},
        deadline=Deadline(at=NOW + timedelta(days=30), legal_basis="Perpres"),
        reference=Reference(system="esakip", id="L-1"),
    )
    return Told(process, start)


def everything() -> Told:
    """A run in which all happened that can."""
    run = a_drafted_report()
    staf, kabid = a_performer("staf"), a_performer("kabid")
    run.claim()
    run.do(decide.unclaim, Unclaim(by=staf, task=run.task.id))
    run.do(decide.pause, Pause(by=staf, task=run.task.id, reason="Berkas belum lengkap"))
    run.do(decide.go_on, GoOn(by=staf, task=run.task.id))
    run.do(decide.comment, Comment(by=kabid, text="Mohon segera"))
    drafted = run.task.id
    run.complete(note="Sudah dicek Budi")
    run.undo(drafted)
    _told_late(run)
    run.complete()
    run.complete("returned")
    run.schedule = a_schedule("b" * 64, off=("2026-03-17",))
    run.do(decide.lay_anew, LayAnew(deadline=None, legal_basis="SK Bupati"))
    run.do(decide.lay_anew, LayAnew(deadline=Deadline(at=run.now + timedelta(days=5), legal_basis="Perpres")))
    run.do(decide.announce, Announce(expected_end=run.now + timedelta(days=9)))
    run.do(decide.announce, Announce(), at=run.now + timedelta(days=6))
    run.complete()
    run.complete("approved")
    run.deliver("koperasi")
    run.do(decide.suspend, Suspend(by=kabid, reason="Banjir"))
    run.do(decide.resume, Resume(by=kabid, reason="Surut"))
    run.complete()
    run.answer()
    run.complete()
    other = a_drafted_report()
    other.do(decide.cancel, Cancel(by=CLIENT, reason="Ganda"))
    run.messages += other.messages
    return run


def _told_late(run: Told) -> None:
    above = Announce(superiors={run.task.id: ("Sekretaris Dinas",)})
    assert run.task.notice_at
    assert run.task.due_at
    run.do(decide.announce, above, at=max(run.now, run.task.notice_at))
    late: datetime = run.task.due_at + timedelta(minutes=1)
    run.do(decide.announce, above, at=late)
    run.do(decide.announce, above, at=late + timedelta(days=5))
