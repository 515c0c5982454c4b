"""Deeds done at moments of the past: through the service's own door, where time is an argument.

So a test can tell what must be late by how much, by a calendar that is checked by hand: Monday to Thursday 07.30-16.00
with a break at noon, Friday to 16.30 with one from 11.30 to 13.00, and 12 March 2025 (a Wednesday) is a holiday.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.calendars.catalog import Calendars
from app.calendars.compose import Cause, adopt, standing
from app.calendars.schemas import WithdrawAsked
from app.deadlines.schemas import DeadlineAsked
from app.deadlines.set_deadline import set_deadline, withdraw_deadline
from app.definitions.catalog import Catalog
from app.idempotency import Answer, Ask, RetryHeader
from app.identity.callers import recognise
from app.identity.credentials import Credential, hash_of
from app.instances.answer import answer
from app.instances.interrupt import cancel, resume, suspend
from app.instances.journal import Journal
from app.instances.lay_anew import lay_anew
from app.instances.schemas import AnswerAsked, StartAsked
from app.instances.start import start
from app.tasks.claim import claim, unclaim
from app.tasks.complete import complete
from app.tasks.deliver import deliver
from app.tasks.pause import go_on, pause
from app.tasks.schemas import CompleteAsked, DeliveryAsked
from app.tasks.undo import undo
from engine.calendar import REGULAR_HOURS, Holiday, HolidayKind, HolidayYear, WorkCalendar
from engine.definition import Activity, ProcessDefinition, TimeLimit, TimeUnit
from tests.factories import a_definition, an_activity, back, forward
from tests.world import Agency, Json, completion

WIB = ZoneInfo("Asia/Jakarta")
MONDAY, TUESDAY, HOLIDAY, THURSDAY, FRIDAY = (date(2025, 3, day) for day in range(10, 15))
NEXT_MONDAY = date(2025, 3, 17)


def at(day: date, clock: str, zone: ZoneInfo = WIB) -> datetime:
    """A moment: `at(MONDAY, "14:00")`."""
    hour, minute = clock.split(":")
    return datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=zone).astimezone(UTC)


def named(moment: datetime) -> str:
    """A moment as JSON tells it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def a_calendar(zone: str = "Asia/Jakarta", *more: date) -> WorkCalendar:
    """The regular hours, one holiday, and more of them."""
    days = {HOLIDAY: "Hari Uji"} | {day: "Hari Tambahan" for day in more}
    return WorkCalendar.model_validate(
        {
            "zone": zone,
            "hours": (REGULAR_HOURS,),
            "years": (HolidayYear(year=2025, legal_basis="SKB Uji", joint_leave_basis="Keppres Uji"),),
            "holidays": tuple(
                Holiday(date=day, name=name, name_en=name, kind=HolidayKind.NATIONAL, source="SKB Uji")
                for day, name in sorted(days.items())
            ),
        }
    )


def limit(amount: int, unit: TimeUnit = TimeUnit.WORKDAYS) -> TimeLimit:
    return TimeLimit(text=f"{amount} {unit}", amount=amount, unit=unit)


def a_step(id: str, *routes: Any, days: int | None = 1, **given: Any) -> Activity:
    """An activity with a limit in working days, null for none."""
    return an_activity(id, *routes, **({"time_limit": limit(days)} if days else {}) | given)


def a_reviewed_draft(**given: Any) -> ProcessDefinition:
    """Draft (2 days), review (1 day), which may send it back, archive (no time)."""
    return a_definition(
        a_step("susun", forward("periksa"), number=1, role="staf", days=2),
        a_step("periksa", forward("arsip", "approved"), back("susun"), number=2, role="kabid"),
        a_step("arsip", number=3, role="arsiparis", days=None),
        **given,
    )


class Past:
    """An agency that works by the calendar above, and the deeds that were done in it, each at its moment."""

    def __init__(self, agency: Agency, *, zone: str = "Asia/Jakarta") -> None:
        self.agency = agency
        self.secret = agency.secret()
        self.work_by(a_calendar(zone), at(date(2025, 1, 2), "08:00"))

    @cached_property
    def journal(self) -> Journal:
        database = self.agency.world.database
        return Journal(database, Catalog(database), Calendars(database))

    def work_by(self, calendar: WorkCalendar, moment: datetime, reason: str = "Uji") -> None:
        """Make a calendar the agency's, and let open due dates follow."""

        async def adopted() -> None:
            async with self.agency.world.database.transaction() as connection:
                stands = await standing(connection, self.agency.id, moment)
                await adopt(connection, stands, calendar, Cause(reason, "Perda Uji"), moment)
            await lay_anew(self.journal, self.agency.id, moment, 1_000)

        self.agency.world.run(adopted())

    def obliged(self, day: str, moment: datetime, period: str | None = None, basis: str = "Peraturan Uji") -> Json:
        """Set a deadline on that day (`03-14`) of the year after each period, or after one."""
        month, of_month = (int(part) for part in day.split("-"))
        rule = {"kind": "fixed_date", "month": month, "day": of_month, "years_after": 1}
        why = {"legal_basis": basis, "reason": "Uji"}
        asked = DeadlineAsked.model_validate(
            {"definition": self.agency.definition.key, "period": period, "rule": rule} | why
        )

        async def deed() -> Answer:
            ask, journal = self._ask(moment, None), self.journal
            caller = await recognise(journal.database, ask.credential, "admin")
            done = await set_deadline(journal.database, journal.calendars, caller, self.agency.id, ask, asked)
            await lay_anew(journal, self.agency.id, moment, 1_000)
            return done

        return self._done(deed())

    def withdrawn(self, deadline: Json, moment: datetime) -> None:
        asked = WithdrawAsked(reason="Dicabut", legal_basis="SE Uji")

        async def deed() -> None:
            ask, journal = self._ask(moment, None), self.journal
            caller = await recognise(journal.database, ask.credential, "admin")
            which = UUID(deadline["id"])
            await withdraw_deadline(journal.database, journal.calendars, caller, which, self.agency.id, ask, asked)
            await lay_anew(journal, self.agency.id, moment, 1_000)

        self.agency.world.run(deed())

    def started(self, moment: datetime, period: str = "2025", **given: Any) -> Json:
        asked = StartAsked.model_validate({"definition": self.agency.definition.key, "period": period} | given)
        return self._done(start(self.journal, self._ask(moment, None), asked))

    def opened(self, moment: datetime, period: str = "2025") -> Json:
        """The first task of a cycle that was started then."""
        return self.waiting(self.started(moment, period))

    def waiting(self, instance: Json, activity: str | None = None) -> Json:
        """The task that waits, of an activity where there are several."""
        tasks = self.agency.http.json(f"/v1/instances/{instance['id']}/tasks?status=open,claimed")["items"]
        (task,) = (task for task in tasks if activity in (None, task["activity"]))
        return task

    def completed(self, task: Json, moment: datetime, outcome: str | None = None, **given: Any) -> Json:
        """What completing a task led to; by its first candidate unless told."""
        by = given.pop("by", None) or task["candidates"][0]["official"]
        asked = CompleteAsked.model_validate_json(json.dumps(completion(task, outcome) | given))
        return self._done(complete(self.journal, self._ask(moment, by), UUID(task["id"]), asked))

    def claimed(self, task: Json, moment: datetime, by: str | None = None) -> Json:
        by = by or task["candidates"][0]["official"]
        return self._done(claim(self.journal, self._ask(moment, by), UUID(task["id"])))

    def released(self, task: Json, moment: datetime, by: str) -> Json:
        return self._done(unclaim(self.journal, self._ask(moment, by), UUID(task["id"])))

    def paused(self, task: Json, moment: datetime, reason: str = "Berkas belum lengkap") -> Json:
        by = task["candidates"][0]["official"]
        return self._done(pause(self.journal, self._ask(moment, by), UUID(task["id"]), reason))

    def resumed(self, task: Json, moment: datetime, reason: str | None = None) -> Json:
        by = task["candidates"][0]["official"]
        return self._done(go_on(self.journal, self._ask(moment, by), UUID(task["id"]), reason))

    def undone(self, task: Json, moment: datetime, by: str) -> Json:
        return self._done(undo(self.journal, self._ask(moment, by), UUID(task["id"]), "Salah pilih"))

    def delivered(self, task: Json, source: str, moment: datetime) -> Json:
        by = task["candidates"][0]["official"]
        asked = DeliveryAsked.model_validate({"from": source})
        return self._done(deliver(self.journal, self._ask(moment, by), UUID(task["id"]), asked))

    def answered(self, instance: Json, party: str, moment: datetime) -> Json:
        asked = AnswerAsked(party=party)
        return self._done(answer(self.journal, self._ask(moment, None), UUID(instance["id"]), asked))

    def interrupted(self, instance: Json, deed: str, moment: datetime, reason: str = "Menunggu arahan") -> Json:
        deeds = {"suspend": suspend, "resume": resume, "cancel": cancel}
        return self._done(deeds[deed](self.journal, self._ask(moment, None), UUID(instance["id"]), reason))

    def left_office(self, official: str, moment: datetime) -> None:
        """Let an official hold no position any more."""
        self.agency.world.sql("UPDATE holders SET valid_until = $1 WHERE official_id = $2", moment, UUID(official))

    def _ask(self, moment: datetime, official: str | None) -> Ask:
        whose = Credential(hash_of(self.secret), UUID(official) if official else None)
        return Ask(whose, RetryHeader("POST", "/", None).over("", whose.official), moment)

    def _done(self, deed: Any) -> Json:
        done: Answer = self.agency.world.run(deed)
        return json.loads(done.body)


def ids(items: Sequence[Json]) -> list[str]:
    return [item["id"] for item in items]
