"""Starts a cycle of an SOP: the first task opens, the trail begins, both or neither."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.clock import new_id
from app.deadlines.law import deadline_of
from app.errors import (
    Contended,
    DuplicateInstance,
    Existing,
    IdentityMissing,
    NotFound,
    OfficialNotAllowed,
    ReferenceTaken,
)
from app.idempotency import Answer, Ask, parameters
from app.identity.callers import require_official, require_scope
from app.identity.roster import Roster
from app.instances import statements
from app.instances.doubts import ATTEMPTS, Doubts, wait_a_turn
from app.instances.journal import Journal
from app.instances.record import clocks, projected, recorded
from app.instances.schemas import InstanceView, StartAsked
from app.instances.surroundings import Surroundings
from app.instances.telling import messages_of
from app.observation.exchange import present
from app.tables import officials
from engine import decide
from engine.commands import Deadline, Performer, Reference, Start, StartAt
from engine.decide import Decision
from engine.errors import Mistake
from engine.trail import GENESIS, Chapter, canonical_json


async def start(journal: Journal, ask: Ask, asked: StartAsked) -> Answer:
    """Start an instance. Raises DuplicateInstance, ReferenceTaken, NotFound and what the engine refuses."""
    doubts = Doubts(journal.database)
    # one id however often it is tried: an instance that was begun unheard of cannot be begun again
    load = partial(_threshold, journal, ask, asked, new_id())
    for attempt in range(ATTEMPTS):
        await wait_a_turn(attempt)
        found = await doubts.settled(load)
        if isinstance(found, Answer):
            return found
        command = found.command(ask, asked)
        decision = decide.start(
            found.around.process, command, now=ask.now, new_id=new_id, schedule=found.around.schedule
        )
        view = InstanceView.of(decision.state, found.around)
        answer = Answer(201, view.model_dump_json(), f"/v1/instances/{found.around.id}")
        if await doubts.written(_begin(journal, ask, found, command, decision, answer), decision, answer):
            return answer
    raise Contended


@dataclass(frozen=True, slots=True)
class _Threshold:
    """What stands before an instance that is to begin."""

    client: UUID
    performer: Performer
    agency_id: UUID
    definition_id: UUID
    around: Surroundings
    units: dict[str, tuple[str, ...]]
    content_hash: str
    first: UUID | None
    deadline: Deadline | None
    clock_version: int

    def command(self, ask: Ask, asked: StartAsked) -> Start:
        named = asked.reference
        return Start(
            by=self.performer,
            agency=self.around.agency,
            period=asked.period,
            title=self.around.title,
            reference=Reference(**dict(named)) if named else None,
            units=self.units,
            deadline=self.deadline,
            definition_hash=self.content_hash,
            start_at=_start_at(asked),
            duplicate_of=self.first if asked.duplicate else None,
            reason=asked.duplicate.reason if asked.duplicate and self.first else None,
            input=asked.data,
        )


async def _threshold(journal: Journal, ask: Ask, asked: StartAsked, instance_id: UUID) -> _Threshold | Answer:
    row = await statements.THRESHOLD.one(
        journal.database,
        secret_hash=ask.credential.secret_hash,
        official=ask.credential.official,
        now=ask.now,
        definition=asked.definition,
        version=asked.version,
        agency=asked.agency,
        period=asked.period,
        reference_system=asked.reference.system if asked.reference else None,
        reference_id=asked.reference.id if asked.reference else None,
        **parameters(ask.retry),
    )
    if row is None:
        raise IdentityMissing
    present().client = row["client_id"]
    if (known := ask.retry.first_answer(row)) is not None:
        return known
    require_scope(frozenset(row["scopes"]), "start")
    if asked.start_at is not None:
        require_scope(frozenset(row["scopes"]), "record")
    if row["definition_id"] is None or row["agency_id"] is None:
        raise NotFound(_unknown(row, asked))
    require_official(ask.credential.official, row["official_allowed"], named=False)
    _refuse_a_second(row, asked)
    await _require_own_officials(journal, row["agency_id"], asked)
    return await _stand(journal, row, ask, asked, instance_id)


def _unknown(row: Any, asked: StartAsked) -> Mistake:
    # an SOP of an agency that is not served is as unknown as one that does not exist
    at = "agency" if asked.agency is not None and row["definition_id"] is not None else "definition"
    named = asked.agency if at == "agency" else asked.definition
    version = f" versi {asked.version}" if at == "definition" and asked.version else ""
    return Mistake(
        at=at,
        message_id=f"“{named}”{version} tidak ditemukan di antara instansi yang dilayani kunci API ini.",
        message_en=f"“{named}”{version.replace('versi', 'version')} is not among what this API key serves.",
    )


async def _require_own_officials(journal: Journal, agency_id: UUID, asked: StartAsked) -> None:
    """What was done outside can only have been done by officials of the agency."""
    named = {one.performed_by for one in (asked.start_at.done if asked.start_at else ()) if one.performed_by}
    if not named:
        return
    theirs = select(officials.c.id).where(officials.c.agency_id == agency_id, officials.c.id.in_(named))
    async with journal.database.reading() as connection:
        known = set((await connection.execute(theirs)).scalars())
    if named - known:
        raise OfficialNotAllowed


def _start_at(asked: StartAsked) -> StartAt | None:
    named = asked.start_at
    return StartAt(activity=named.activity, reason=named.reason, done=named.done) if named else None


def _by_kind(pairs: list[list[str]]) -> dict[str, tuple[str, ...]]:
    kinds: dict[str, tuple[str, ...]] = {}
    for kind, key in pairs:
        kinds[kind] = (*kinds.get(kind, ()), key)
    return kinds


def _refuse_a_second(row: Any, asked: StartAsked) -> None:
    if row["taken_id"] is not None:
        raise ReferenceTaken(existing=_existing(row, "taken"))
    if row["first_id"] is not None and asked.duplicate is None:
        raise DuplicateInstance(existing=_existing(row, "first"))


def _existing(row: Any, which: str) -> Existing:
    return Existing(
        id=str(row[f"{which}_id"]),
        outcome=row[f"{which}_status"],
        by=str(row[f"{which}_client_id"]),
        at=row[f"{which}_started_at"],
    )


async def _stand(journal: Journal, row: Any, ask: Ask, asked: StartAsked, instance_id: UUID) -> _Threshold:
    roster = Roster.of(json.loads(row["roster"]) if row["roster"] else ())
    named = asked.reference
    around = Surroundings(
        id=instance_id,
        process=await journal.catalog.process(row["definition_id"]),
        agency=row["agency"],
        timezone=row["timezone"],
        schedule=await journal.calendars.schedule(row),
        now=ask.now,
        period=asked.period,
        title=asked.title or " ".join(filter(None, (row["definition_title"], asked.period))),
        reference_system=named.system if named else None,
        reference_id=named.id if named else None,
        letter_number=named.letter_number if named else None,
        letter_date=named.letter_date if named else None,
        data=asked.data,
        roster=roster,
    )
    official = ask.credential.official
    return _Threshold(
        client=row["client_id"],
        performer=Performer(
            official=official,
            name=row["official_name"],
            position=row["official_position"],
            offices=roster.offices_of(official),
        ),
        agency_id=row["agency_id"],
        definition_id=row["definition_id"],
        around=around,
        units=_by_kind(json.loads(row["units"]) if row["units"] else []),
        content_hash=row["content_hash"],
        first=row["first_id"],
        deadline=deadline_of(row["deadline_rule"], around.schedule, asked.period, row["deadline_event_on"]),
        clock_version=row["clock_version"],
    )


async def _begin(
    journal: Journal, ask: Ask, found: _Threshold, command: Start, decision: Decision, answer: Answer
) -> bool:
    """Write the instance and its first events; false where somebody else was first."""
    around = found.around
    process = around.process
    chapter = Chapter(instance_id=around.id, definition=process.definition.key, version=process.version)
    sealed = recorded(decision.events, chapter, found.client, length=0, head=GENESIS)
    row = await statements.BEGIN.change(
        journal.database,
        instance_id=around.id,
        agency_id=found.agency_id,
        definition_id=found.definition_id,
        definition_key=process.definition.key,
        period=around.period,
        title=around.title,
        status=decision.state.status,
        state=decision.state.model_dump_json(exclude_defaults=True),
        trail_length=sealed.length,
        trail_head=sealed.head,
        **clocks(decision.state),
        clock_version=found.clock_version,
        client_id=found.client,
        reference_system=around.reference_system,
        reference_id=around.reference_id,
        letter_number=around.letter_number,
        letter_date=around.letter_date,
        duplicate_of=command.duplicate_of,
        data=canonical_json(around.data),
        now=ask.now,
        tasks=projected(decision, process),
        events=sealed.rows,
        messages=messages_of(around, None, decision, length=0),
        answer_fingerprint=ask.retry.fingerprint,
        answer_status=answer.status,
        answer_body=answer.body,
        answer_location=answer.location,
        **parameters(ask.retry),
    )
    journal.wake()
    return row is not None and row["changed"] == 1
