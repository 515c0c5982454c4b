"""The one door through which an instance changes: load, decide, apply.

Loading authenticates the credential and reads the instance, the task, the roster and any stored answer: one statement.
Applying writes instance (guarded by the length of its trail), tasks, trail and stored answer: one statement in
autocommit, so nothing is ever half done. Whoever comes second finds zero rows changed, or collides on the stored
answer; then the answer is looked up, or the instance loaded and decided anew. Where the connection breaks while
something is written, nobody guesses: the event is looked for by its id as soon as the database answers again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from app.calendars.catalog import Calendars
from app.database import Database, Prepared
from app.definitions.catalog import Catalog
from app.errors import Contended, IdentityMissing, NotFound
from app.idempotency import Answer, Ask, RetryKey, parameters
from app.identity.callers import require_official, require_scope
from app.identity.roster import Roster
from app.instances import statements
from app.instances.doubts import ATTEMPTS, FIRST_ELSEWHERE, Doubts, wait_a_turn
from app.instances.record import clocks, projected, recorded
from app.instances.surroundings import Surroundings
from app.instances.telling import messages_of
from app.observation.exchange import present
from app.pool import OutcomeUnclear
from engine.commands import Performer
from engine.decide import Decision
from engine.events import StepPaused, StepReturned
from engine.state import InstanceState, TaskStatus
from engine.trail import Chapter


@dataclass(frozen=True, slots=True)
class OnPaper:
    """Work that was done before it is recorded: by whom, if not by who records it, and when."""

    performed_by: UUID | None
    performed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClosedTask:
    """How a task that is no longer live ended."""

    status: TaskStatus
    outcome: str | None
    by: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """An instance as it was loaded, with who acts on it (client null: the engine) and where its trail stands."""

    client: UUID | None
    performer: Performer
    around: Surroundings
    state: InstanceState
    agency_id: UUID
    trail_length: int
    trail_head: str
    recorded_by: UUID | None
    task: UUID | None
    closed_task: ClosedTask | None

    @property
    def chapter(self) -> Chapter:
        process = self.around.process
        return Chapter(instance_id=self.around.id, definition=process.definition.key, version=process.version)

    def after(self, decision: Decision) -> Held:
        """The same, with the names and reasons that the decision brought in."""
        around = self.around
        telling = (StepReturned, StepPaused)
        reasons = {one.id: one.reason for one in decision.events if isinstance(one, telling) and one.reason}
        named = {one.actor: one.actor_name for one in decision.events if one.actor and one.actor_name}
        return replace(self, around=replace(around, people=around.people | named, reasons=around.reasons | reasons))


Decide = Callable[[Held], Decision]
Tell = Callable[[Held, Decision], Answer]


NO_RETRY = RetryKey("", "", None, b"")
NO_ANSWER = Answer(200, "")
"""What stands for request and answer where nobody asked."""


class Journal:
    """The door, with the database, the compiled processes and the calendars behind it."""

    def __init__(self, database: Database, catalog: Catalog, calendars: Calendars) -> None:
        self.database = database
        self.catalog = catalog
        self.calendars = calendars
        self.wake: Callable[[], None] = _nobody
        """Called after a commit that has something to tell."""

    async def change_by_task(
        self, ask: Ask, task: UUID, decide: Decide, tell: Tell, paper: OnPaper | None = None
    ) -> Answer:
        """Change the instance a task belongs to, on behalf of the official who must be named."""
        load = partial(self._load, statements.BY_TASK, ask, task, scope="act", named=True, paper=paper)
        return await self._change(ask, load, decide, tell)

    async def change(self, ask: Ask, instance: UUID, decide: Decide, tell: Tell, scope: str = "act") -> Answer:
        """Change an instance as a whole, on behalf of an official or as the client itself."""
        load = partial(self._load, statements.BY_INSTANCE, ask, instance, scope=scope, named=False)
        return await self._change(ask, load, decide, tell)

    async def change_as_engine(self, instance: UUID, now: datetime, decide: Decide) -> bool:
        """Let something happen that is nobody's deed; false where there was nothing to be done.

        Deciding anew after a write whose end nobody heard is safe: what has been told is not told again.
        Raises Contended.
        """
        for attempt in range(ATTEMPTS):
            await wait_a_turn(attempt)
            held = await self.hold(instance, now)
            decision = decide(held)
            if not decision.events:
                return False
            try:
                if await self._apply(held, decision, NO_RETRY, NO_ANSWER, now):
                    return True
            except (*FIRST_ELSEWHERE, OutcomeUnclear):
                continue
        raise Contended

    async def hold(self, instance: UUID, now: datetime) -> Held:
        """An instance that is known to exist, for what is nobody's deed."""
        row = await statements.BY_ENGINE.one(self.database, subject=instance, now=now)
        assert row is not None  # noqa: S101  no instance is ever deleted
        return await self._held(row, None, None, now)

    async def around(self, row: Any, now: datetime) -> Surroundings:
        """The surroundings of an instance, from a row that selected `statements.INSTANCE` and what stands around it."""
        return Surroundings(
            id=row["instance_id"],
            process=await self.catalog.process(row["definition_id"]),
            agency=row["agency"],
            timezone=row["timezone"],
            schedule=await self.calendars.schedule(row),
            now=now,
            period=row["period"],
            title=row["title"],
            reference_system=row["reference_system"],
            reference_id=row["reference_id"],
            letter_number=row["letter_number"],
            letter_date=row["letter_date"],
            data=json.loads(row["data"]),
            roster=Roster.of(json.loads(row["roster"]) if row["roster"] else ()),
            people=_by_id(row["people"]),
            reasons=_by_id(row["reasons"]),
        )

    async def _change(self, ask: Ask, load: Callable[[], Any], decide: Decide, tell: Tell) -> Answer:
        doubts = Doubts(self.database)
        for attempt in range(ATTEMPTS):
            await wait_a_turn(attempt)
            held = await doubts.settled(load)
            if isinstance(held, Answer):
                return held
            decision = decide(held)
            answer = tell(held.after(decision), decision)
            if await doubts.written(self._apply(held, decision, ask.retry, answer, ask.now), decision, answer):
                return answer
        raise Contended

    async def _load(
        self,
        statement: Prepared,
        ask: Ask,
        subject: UUID,
        *,
        scope: str,
        named: bool,
        paper: OnPaper | None = None,
    ) -> Held | Answer:
        """The instance behind a task or an id, or the answer this request was given before."""
        row = await statement.one(
            self.database,
            subject=subject,
            secret_hash=ask.credential.secret_hash,
            official=ask.credential.official,
            now=ask.now,
            **parameters(ask.retry),
        )
        if row is None:
            raise IdentityMissing
        present().client = row["client_id"]
        if (known := ask.retry.first_answer(row)) is not None:
            return known
        if row["instance_id"] is None:
            raise NotFound
        require_scope(frozenset(row["scopes"]), scope)
        require_official(ask.credential.official, row["official_allowed"], named=named)
        held = await self._held(row, ask.credential.official, subject if named else None, ask.now)
        return await self._as_on_paper(row, held, paper, ask.now) if paper else held

    async def _held(self, row: Any, official: UUID | None, task: UUID | None, now: datetime) -> Held:
        around = await self.around(row, now)
        offices = around.roster.offices_of(official)
        return Held(
            client=row["client_id"],
            performer=Performer(
                official=official, name=row["official_name"], position=row["official_position"], offices=offices
            ),
            around=around,
            state=InstanceState.model_validate_json(row["state"]),
            agency_id=row["agency_id"],
            trail_length=row["trail_length"],
            trail_head=row["trail_head"],
            recorded_by=None,
            task=task,
            closed_task=_closed_task(row) if task else None,
        )

    async def _as_on_paper(self, row: Any, held: Held, paper: OnPaper, now: datetime) -> Held:
        """The same, with the offices the performer held when the work was done, and who records it now."""
        by = paper.performed_by or held.performer.official
        if paper.performed_by is not None:
            require_scope(frozenset(row["scopes"]), "record")
        then = await statements.OFFICES_THEN.one(
            self.database, instance_id=held.around.id, official=by, now=paper.performed_at or now
        )
        assert then is not None  # noqa: S101  the instance was just loaded, and none is ever deleted
        require_official(by, then["official_id"] is not None, named=True)
        offices = Roster.of(json.loads(then["roster"]) if then["roster"] else ()).offices_of(by)
        return replace(
            held,
            performer=Performer(
                official=by, name=then["official_name"], position=then["official_position"], offices=offices
            ),
            recorded_by=held.performer.official if paper.performed_by is not None else None,
        )

    async def _apply(self, held: Held, decision: Decision, retry: RetryKey, answer: Answer, now: datetime) -> bool:
        """Write what was decided, all of it or nothing; false where somebody else was first."""
        sealed = recorded(decision.events, held.chapter, held.client, length=held.trail_length, head=held.trail_head)
        row = await statements.CHANGE.change(
            self.database,
            instance_id=held.around.id,
            expected_length=held.trail_length,
            agency_id=held.agency_id,
            status=decision.state.status,
            state=decision.state.model_dump_json(exclude_defaults=True),
            ended_at=decision.state.ended_at,
            trail_length=sealed.length,
            trail_head=sealed.head,
            **clocks(decision.state),
            tasks=projected(decision, held.around.process),
            events=sealed.rows,
            messages=messages_of(held.around, held.state, decision, length=held.trail_length),
            client_id=held.client,
            now=now,
            answer_fingerprint=retry.fingerprint,
            answer_status=answer.status,
            answer_body=answer.body,
            answer_location=answer.location,
            **parameters(retry),
        )
        self.wake()
        return row is not None and row["changed"] == 1


def _nobody() -> None:
    """Whom a journal wakes where nobody listens, as in a command."""


def _by_id(text: str | None) -> dict[UUID, str]:
    return {UUID(one): words for one, words in json.loads(text).items() if words} if text else {}


def _closed_task(row: Any) -> ClosedTask | None:
    if row["task_closed_at"] is None:
        return None
    return ClosedTask(
        TaskStatus(row["task_status"]), row["task_outcome"], row["task_performed_by"], row["task_closed_at"]
    )
