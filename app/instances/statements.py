"""The statements behind the door, declared in Core and run as text: two to load, one to change, one to begin."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Date,
    Integer,
    LargeBinary,
    ScalarSelect,
    Select,
    SmallInteger,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as upsert

from app.database import Prepared
from app.deadlines.law import counting
from app.idempotency import STORED, is_mine
from app.identity.callers import key_is_valid, may_act_for, serves
from app.identity.roster import position_of_official, seats_of
from app.tables import (
    agencies,
    api_keys,
    audit_events,
    audit_personal,
    deadline_rules,
    idempotency_answers,
    instances,
    messages,
    officials,
    outbox,
    process_definitions,
    tasks,
    units,
)
from app.tables.metadata import Instant

SCHEDULE = (
    agencies.c.calendar_hash.label("agency_calendar"),
    agencies.c.due_soon_percent,
    agencies.c.escalate_after_days,
)
"""By which calendar an agency works now, and when it wants to be told."""

INSTANCE = (
    instances.c.id.label("instance_id"),
    instances.c.agency_id,
    instances.c.definition_id,
    instances.c.period,
    instances.c.title,
    instances.c.reference_system,
    instances.c.reference_id,
    instances.c.letter_number,
    instances.c.letter_date,
    cast(instances.c.data, Text).label("data"),
    cast(instances.c.state, Text).label("state"),
    instances.c.trail_length,
    instances.c.trail_head,
    agencies.c.key.label("agency"),
    agencies.c.timezone,
    *SCHEDULE,
)
"""What is read of an instance itself."""


def around_instance() -> tuple[ColumnElement[Any], ...]:
    """What stands around an instance: the roster, the names of the people in it, why work was sent back; JSON texts."""
    concerned = tasks.alias("concerned")
    people = (
        select(func.jsonb_object_agg(officials.c.id, officials.c.name))
        .join_from(concerned, officials, officials.c.id.in_((concerned.c.assignee_id, concerned.c.performed_by)))
        .where(concerned.c.instance_id == instances.c.id)
        .scalar_subquery()
    )
    again = tasks.alias("again")
    reasons = (
        select(func.jsonb_object_agg(audit_personal.c.event_id, cast(audit_personal.c.words, JSONB)["reason"].astext))
        .join_from(
            again, audit_personal, audit_personal.c.event_id.in_((again.c.returned_event_id, again.c.paused_event_id))
        )
        .where(again.c.instance_id == instances.c.id)
        .scalar_subquery()
    )
    return (
        cast(seats_of(instances.c.agency_id, instances.c.definition_key), Text).label("roster"),
        cast(people, Text).label("people"),
        cast(reasons, Text).label("reasons"),
    )


def _caller(agency_id: ColumnElement[Any]) -> tuple[ColumnElement[Any], ...]:
    """The client, and the official it acts for: allowed only in their own agency."""
    return (
        api_keys.c.id.label("client_id"),
        api_keys.c.scopes,
        may_act_for(agency_id).label("official_allowed"),
        _name_of_official().label("official_name"),
        position_of_official().label("official_position"),
    )


def _name_of_official() -> ScalarSelect[Any]:
    return select(officials.c.name).where(officials.c.id == bindparam("official", type_=Uuid)).scalar_subquery()


def _held_by_instance() -> Select[Any]:
    mine = and_(instances.c.id == bindparam("subject", type_=Uuid), serves(instances.c.agency_id))
    return (
        select(*_caller(instances.c.agency_id), *STORED, *INSTANCE, *around_instance())
        .select_from(api_keys)
        .outerjoin(instances, mine)
        .outerjoin(agencies, agencies.c.id == instances.c.agency_id)
        .outerjoin(idempotency_answers, is_mine(api_keys.c.id))
        .where(key_is_valid())
    )


def _held_by_task() -> Select[Any]:
    mine = and_(instances.c.id == tasks.c.instance_id, serves(instances.c.agency_id))
    return (
        select(
            *_caller(instances.c.agency_id),
            *STORED,
            *INSTANCE,
            *around_instance(),
            tasks.c.status.label("task_status"),
            tasks.c.outcome.label("task_outcome"),
            tasks.c.performed_by.label("task_performed_by"),
            tasks.c.closed_at.label("task_closed_at"),
        )
        .select_from(api_keys)
        .outerjoin(tasks, tasks.c.id == bindparam("subject", type_=Uuid))
        .outerjoin(instances, mine)
        .outerjoin(agencies, agencies.c.id == instances.c.agency_id)
        .outerjoin(idempotency_answers, is_mine(api_keys.c.id))
        .where(key_is_valid())
    )


def _held_by_engine() -> Select[Any]:
    """An instance for what is nobody's deed: no key, no official."""
    nobody = (
        cast(null(), Uuid).label("client_id"),
        cast(null(), Text).label("official_name"),
        cast(null(), Text).label("official_position"),
    )
    return (
        select(*nobody, *INSTANCE, *around_instance())
        .select_from(instances)
        .join(agencies, agencies.c.id == instances.c.agency_id)
        .where(instances.c.id == bindparam("subject", type_=Uuid))
    )


def _change() -> Select[Any]:
    changed = (
        update(instances)
        .where(
            instances.c.id == bindparam("instance_id", type_=Uuid),
            instances.c.trail_length == bindparam("expected_length", type_=Integer),
        )
        .values(
            status=bindparam("status", type_=Text),
            state=bindparam("state", type_=JSONB),
            ended_at=bindparam("ended_at", type_=Instant),
            trail_length=bindparam("trail_length", type_=Integer),
            trail_head=bindparam("trail_head", type_=Text),
            **_clocks(),
        )
        .returning(instances.c.id, instances.c.agency_id, instances.c.definition_key)
        .cte("changed")
    )
    return _with_what_follows(changed)


def _clocks() -> dict[str, BindParameter[Any]]:
    """What an instance's row holds of its clocks."""
    moments = ("suspended_at", "deadline", "deadline_notice_at")
    lists = ("suspensions", "deadlines")
    return (
        {name: bindparam(name, type_=Instant) for name in moments}
        | {name: bindparam(name, type_=JSONB) for name in lists}
        | {"calendar_hash": bindparam("calendar_hash", type_=Text)}
    )


def _begin() -> Select[Any]:
    begun = (
        insert(instances)
        .values(
            id=bindparam("instance_id", type_=Uuid),
            agency_id=bindparam("agency_id", type_=Uuid),
            definition_id=bindparam("definition_id", type_=Uuid),
            definition_key=bindparam("definition_key", type_=Text),
            period=bindparam("period", type_=Text),
            title=bindparam("title", type_=Text),
            status=bindparam("status", type_=Text),
            state=bindparam("state", type_=JSONB),
            trail_length=bindparam("trail_length", type_=Integer),
            trail_head=bindparam("trail_head", type_=Text),
            client_id=bindparam("client_id", type_=Uuid),
            reference_system=bindparam("reference_system", type_=Text),
            reference_id=bindparam("reference_id", type_=Text),
            letter_number=bindparam("letter_number", type_=Text),
            letter_date=bindparam("letter_date", type_=Date),
            duplicate_of=bindparam("duplicate_of", type_=Uuid),
            data=bindparam("data", type_=JSONB),
            started_at=bindparam("now", type_=Instant),
            clock_version=bindparam("clock_version", type_=Integer),
            **_clocks(),
        )
        .returning(instances.c.id, instances.c.agency_id, instances.c.definition_key)
        .cte("changed")
    )
    return _with_what_follows(begun)


def _with_what_follows(changed: CTE) -> Select[Any]:
    """Tasks, trail, messages and answer all select from the changed instance: no change, no trace."""
    return (
        select(func.count().label("changed"))
        .select_from(changed)
        .add_cte(_project(changed), *_record(changed), *_tell(changed), _keep_answer(changed))
    )


def _project(changed: CTE) -> CTE:
    given = (
        func.jsonb_to_recordset(bindparam("tasks", type_=JSONB))
        .table_valued(
            column("id", Uuid),
            column("activity", Text),
            column("scope", Text),
            column("unit", Text),
            column("round", Integer),
            column("status", Text),
            column("candidate_roles", ARRAY(Text)),
            column("assignee_id", Uuid),
            column("opened_at", Instant),
            column("held_since", Instant),
            column("closed_at", Instant),
            column("outcome", Text),
            column("performed_by", Uuid),
            column("performed_at", Instant),
            column("awaits", ARRAY(Text)),
            column("deliveries", JSONB),
            column("returned_event_id", Uuid),
            column("due_at", Instant),
            column("notice_at", Instant),
            column("told", SmallInteger),
            column("stopped_at", Instant),
            column("paused_event_id", Uuid),
            column("due_dates", JSONB),
            column("pauses", JSONB),
            column("held", JSONB),
        )
        .render_derived("given_task", with_types=True)
    )
    names = [one.name for one in given.c]
    rows = select(changed.c.id, changed.c.agency_id, *given.c).select_from(changed.join(given, true()))
    written = upsert(tasks).from_select(["instance_id", "agency_id", *names], rows)
    changing = (
        "status", "assignee_id", "held_since", "closed_at", "outcome", "performed_by", "performed_at", "deliveries",
        "due_at", "notice_at", "told", "stopped_at", "paused_event_id", "due_dates", "pauses", "held",
    )  # fmt: skip
    return (
        written.on_conflict_do_update(
            index_elements=[tasks.c.id], set_={name: written.excluded[name] for name in changing}
        )
        .returning(tasks.c.id)
        .cte("projected")
    )


def _record(changed: CTE) -> tuple[CTE, CTE]:
    given = (
        func.jsonb_to_recordset(bindparam("events", type_=JSONB))
        .table_valued(
            column("id", Uuid),
            column("seq", Integer),
            column("type", Text),
            column("at", Instant),
            column("canonical", Text),
            column("prev_hash", Text),
            column("hash", Text),
            column("words", Text),
            column("salt", Text),
        )
        .render_derived("given_event", with_types=True)
    )
    facts = ("id", "seq", "type", "at", "canonical", "prev_hash", "hash")
    rows = select(changed.c.id, changed.c.agency_id, *(given.c[name] for name in facts))
    recorded = (
        insert(audit_events)
        .from_select(["instance_id", "agency_id", *facts], rows.select_from(changed.join(given, true())))
        .returning(audit_events.c.id)
        .cte("recorded")
    )
    words = select(given.c.id, func.decode(given.c.salt, literal("hex")), given.c.words)
    kept_apart = (
        insert(audit_personal)
        .from_select(
            ["event_id", "salt", "words"],
            words.select_from(changed.join(given, true())).where(given.c.words.is_not(None)),
        )
        .returning(audit_personal.c.event_id)
        .cte("kept_apart")
    )
    return recorded, kept_apart


def _tell(changed: CTE) -> tuple[CTE, CTE]:
    """One message for each event, and all of them in the outbox in the order of the trail."""
    given = (
        func.jsonb_to_recordset(bindparam("messages", type_=JSONB))
        .table_valued(
            column("id", Uuid),
            column("seq", Integer),
            column("type", Text),
            column("roles", ARRAY(Text)),
            column("at", Instant),
            column("data", Text),
        )
        .render_derived("given_message", with_types=True)
    )
    of_instance = (changed.c.id, changed.c.agency_id, changed.c.definition_key, cast(changed.c.id, Text))
    rows = select(*of_instance, *given.c).select_from(changed.join(given, true()))
    told = (
        insert(messages)
        .from_select(["instance_id", "agency_id", "definition_key", "subject", *(one.name for one in given.c)], rows)
        .returning(messages.c.id, messages.c.seq)
        .cte("told")
    )
    queued = (
        insert(outbox)
        .from_select(["message_id"], select(told.c.id).order_by(told.c.seq))
        .returning(outbox.c.number)
        .cte("queued")
    )
    return told, queued


def _keep_answer(changed: CTE) -> CTE:
    """A plain insert: a second sender of the same key waits here, collides, and so undoes all it did."""
    answer = select(
        bindparam("client_id", type_=Uuid),
        bindparam("retry_method", type_=Text),
        bindparam("retry_path", type_=Text),
        bindparam("retry_key", type_=Text),
        bindparam("answer_fingerprint", type_=LargeBinary),
        bindparam("answer_status", type_=SmallInteger),
        bindparam("answer_location", type_=Text),
        bindparam("answer_body", type_=Text),
        bindparam("now", type_=Instant),
    )
    named = bindparam("retry_key", type_=Text).is_not(None)
    return (
        insert(idempotency_answers)
        .from_select(
            ["client_id", "method", "path", "key", "fingerprint", "status", "location", "body", "created_at"],
            answer.select_from(changed).where(named),
        )
        .returning(idempotency_answers.c.key)
        .cte("answered")
    )


def _threshold() -> Select[Any]:
    """Everything a start must know: the caller, the definition, the agency, the roster, and who was first."""
    wanted = _wanted_definition()
    target = agencies.alias("target")
    first = _first_of_period(wanted, target)
    taken = _reference_taken()
    period = bindparam("period", type_=Text)
    return (
        select(
            *_caller(target.c.id),
            *STORED,
            wanted.c.id.label("definition_id"),
            wanted.c.key.label("definition_key"),
            wanted.c.title.label("definition_title"),
            wanted.c.content_hash,
            target.c.id.label("agency_id"),
            target.c.key.label("agency"),
            target.c.timezone,
            target.c.calendar_hash.label("agency_calendar"),
            target.c.due_soon_percent,
            target.c.escalate_after_days,
            target.c.clock_version,
            cast(counting(deadline_rules.c.rule, wanted.c.key, target.c.id, period), Text).label("deadline_rule"),
            counting(deadline_rules.c.event_on, wanted.c.key, target.c.id, period).label("deadline_event_on"),
            cast(seats_of(target.c.id, wanted.c.key), Text).label("roster"),
            cast(_units_of(target.c.id), Text).label("units"),
            *(one.label(f"first_{one.key}") for one in first.c),
            *(one.label(f"taken_{one.key}") for one in taken.c),
        )
        .select_from(api_keys)
        .outerjoin(wanted, true())
        .outerjoin(target, _is_target(target, wanted))
        .outerjoin(first, true())
        .outerjoin(taken, true())
        .outerjoin(idempotency_answers, is_mine(api_keys.c.id))
        .where(key_is_valid())
    )


def _units_of(agency_id: ColumnElement[Any]) -> ScalarSelect[Any]:
    """The keys of an agency's units as one JSON array of [kind, key], in order."""
    pair = func.jsonb_build_array(units.c.kind, units.c.key)
    return (
        select(func.jsonb_agg(aggregate_order_by(pair, units.c.key)))
        .where(units.c.agency_id == agency_id)
        .scalar_subquery()
    )


def _offices_then() -> Select[Any]:
    """The seats of an instance's agency at an earlier moment, and the name of who acted then; for work on paper."""
    return select(
        cast(seats_of(instances.c.agency_id, instances.c.definition_key), Text).label("roster"),
        _name_of_official().label("official_name"),
        position_of_official().label("official_position"),
        select(officials.c.id)
        .where(officials.c.id == bindparam("official", type_=Uuid), officials.c.agency_id == instances.c.agency_id)
        .scalar_subquery()
        .label("official_id"),
    ).where(instances.c.id == bindparam("instance_id", type_=Uuid))


def _happened() -> Select[Any]:
    """The event that stands, of some that were written without anybody hearing how it ended."""
    return select(audit_events.c.id).where(audit_events.c.id == any_(bindparam("events", type_=ARRAY(Uuid)))).limit(1)


def _wanted_definition() -> Any:
    version = bindparam("version", type_=Integer)
    return (
        select(process_definitions)
        .where(
            process_definitions.c.key == bindparam("definition", type_=Text),
            or_(version.is_(None), process_definitions.c.version == version),
            serves(process_definitions.c.agency_id),
        )
        .correlate(api_keys)
        .order_by(process_definitions.c.version.desc())
        .limit(1)
        .lateral("wanted")
    )


def _is_target(target: Any, wanted: Any) -> ColumnElement[bool]:
    named = bindparam("agency", type_=Text)
    default = and_(named.is_(None), target.c.id == wanted.c.agency_id)
    chosen = or_(target.c.key == named, cast(target.c.id, Text) == func.lower(named))
    return and_(or_(default, chosen), serves(target.c.id))


def _first_of_period(wanted: Any, target: Any) -> Any:
    return (
        select(instances.c.id, instances.c.status, instances.c.client_id, instances.c.started_at)
        .where(
            instances.c.agency_id == target.c.id,
            instances.c.definition_key == wanted.c.key,
            instances.c.period == bindparam("period", type_=Text),
            instances.c.status != literal("cancelled"),
        )
        .order_by(instances.c.id)
        .limit(1)
        .lateral("first")
    )


def _reference_taken() -> Any:
    return (
        select(instances.c.id, instances.c.status, instances.c.client_id, instances.c.started_at)
        .where(
            instances.c.client_id == api_keys.c.id,
            instances.c.reference_system == bindparam("reference_system", type_=Text),
            instances.c.reference_id == bindparam("reference_id", type_=Text),
        )
        .limit(1)
        .lateral("taken")
    )


BY_INSTANCE = Prepared(_held_by_instance)
BY_TASK = Prepared(_held_by_task)
BY_ENGINE = Prepared(_held_by_engine)
CHANGE = Prepared(_change)
THRESHOLD = Prepared(_threshold)
BEGIN = Prepared(_begin)
OFFICES_THEN = Prepared(_offices_then)
HAPPENED = Prepared(_happened)
