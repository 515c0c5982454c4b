"""Whatever the calendar, due dates are what a count of minutes says, and keep the order people expect.

The number of examples follows the Hypothesis profile: few in `make test`, ten thousand in `make soak`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from engine.calendar import WorkCalendar
from engine.calendar_checks import CalendarRejected, mistakes_in, read_calendar
from engine.definition import TimeUnit
from engine.errors import Mistake
from engine.explanation import explain
from engine.timeline import Place
from engine.working_time import CompiledCalendar, Limit, Pause
from tests.engine.calendars import calendars, days_around, fractions, limits, moments, pauses, turns
from tests.engine.minutes import Minutes

SOAKED = settings().max_examples >= 1_000

THOROUGH = settings(
    max_examples=settings().max_examples if SOAKED else settings().max_examples // 4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)

LONGEST = 3 if SOAKED else 1
"""Months: counting minutes takes its time."""

MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)

worlds = turns.flatmap(lambda turn: st.tuples(calendars(turn), st.just(turn)))
"""A calendar and the day around which it is hard."""


def slow(calendar: WorkCalendar) -> Minutes:
    document = json.loads(calendar.canonical())
    return Minutes({"seasons": [], "holidays": [], "changes": []} | document)


def stretches(stopped: list[Pause]) -> list[tuple]:
    return [(pause.since, pause.until) for pause in stopped]


# Against the count of minutes


@THOROUGH
@given(worlds, st.data())
def test_a_due_date_is_where_the_count_of_minutes_ends(world, data):
    calendar, turn = world
    opened, limit = data.draw(moments(turn)), data.draw(limits(LONGEST))
    event(limit.unit)
    due = CompiledCalendar(calendar).due(opened, limit).at
    assert due == slow(calendar).due(opened, Fraction(limit.amount), limit.unit)


@THOROUGH
@given(worlds, st.data())
def test_a_due_date_with_pauses_is_where_the_count_of_minutes_ends(world, data):
    calendar, turn = world
    opened, limit, stopped = data.draw(moments(turn)), data.draw(limits(LONGEST)), data.draw(pauses(turn))
    due = CompiledCalendar(calendar).due(opened, limit, stopped).at
    assert due == slow(calendar).due(opened, Fraction(limit.amount), limit.unit, stretches(stopped))


@THOROUGH
@given(worlds, st.data())
def test_a_due_date_of_a_fraction_is_where_the_count_of_minutes_ends(world, data):
    calendar, turn = world
    opened, limit = data.draw(moments(turn)), data.draw(fractions(LONGEST))
    due = CompiledCalendar(calendar).due(opened, limit).at
    whole_minutes = due if not (due.second or due.microsecond) else due.replace(second=0, microsecond=0) + MINUTE
    assert whole_minutes == slow(calendar).due(opened, Fraction(limit.amount), limit.unit)


@THOROUGH
@given(worlds, st.data())
def test_working_time_is_the_count_of_minutes(world, data):
    calendar, turn = world
    start, end = sorted([data.draw(moments(turn, 40)), data.draw(moments(turn, 40))])
    stopped = data.draw(pauses(turn))
    worked = CompiledCalendar(calendar).working_time(start, end, stopped)
    assert worked.minutes == slow(calendar).working_minutes(start, end, stretches(stopped))
    assert worked.time == worked.minutes * MINUTE


@THOROUGH
@given(worlds, st.data())
def test_an_explanation_adds_up_to_the_count_of_minutes(world, data):
    calendar, turn = world
    opened, limit, stopped = data.draw(moments(turn)), data.draw(limits(LONGEST)), data.draw(pauses(turn))
    told = explain(CompiledCalendar(calendar), opened, limit, stopped)
    event(told.fold)
    counted = slow(calendar)
    opened_at, due_at = counted.moment(counted.minute(opened)), told.due_at
    days = (due_at.date() - opened_at.date()).days + 1

    assert told.minutes == counted.working_minutes(opened, due_at, stretches(stopped))
    assert told.minutes + told.paused_minutes == counted.working_minutes(opened, due_at, [])
    assert told.working_days + told.skipped_days == days
    assert (told.lines[0].first, told.lines[-1].last) == (opened_at.date(), due_at.date())
    for line in told.lines:
        assert line.working_days + sum(one.days for one in line.skipped) == (line.last - line.first).days + 1
    for line, following in zip(told.lines, told.lines[1:], strict=False):
        assert following.first == line.last + timedelta(1)
    spans = sum(_minutes(end) - _minutes(start) for line in told.lines for start, end in line.spans)
    assert spans in (0, told.minutes)
    assert len(told.lines) <= 25


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


# Order


@THOROUGH
@given(worlds, st.data())
def test_a_longer_limit_is_never_due_earlier(world, data):
    calendar, turn = world
    line = CompiledCalendar(calendar)
    opened, stopped = data.draw(moments(turn)), data.draw(pauses(turn))
    limit = data.draw(limits(6) | fractions(6))
    longer = Limit(limit.amount + data.draw(st.sampled_from([Fraction(1, 3), 1, 2, 7])), limit.unit)
    assert line.due(opened, limit, stopped).at <= line.due(opened, longer, stopped).at


@THOROUGH
@given(worlds, st.data())
def test_what_opens_later_is_never_due_earlier_in_days_and_weeks_of_one_length(world, data):
    """Without pauses: one over a long day leaves more to make up than the short day after it asks for."""
    calendar, turn = world
    line = CompiledCalendar(calendar)
    first, later = sorted([data.draw(moments(turn)), data.draw(moments(turn))])
    limit = data.draw(limits(6) | fractions(6))
    assume(limit.unit is not TimeUnit.MONTHS)
    if limit.unit is TimeUnit.WEEKS:
        weeks = [one.shifts for one in (*calendar.hours, *calendar.seasons)]
        assume(len({sum(len(shift.days) for shift in week) for week in weeks}) == 1)
    assert line.due(first, limit).at <= line.due(later, limit).at


@THOROUGH
@given(worlds, st.data())
def test_what_opens_later_is_never_due_earlier_in_hours_pauses_or_not(world, data):
    calendar, turn = world
    line = CompiledCalendar(calendar)
    first, later = sorted([data.draw(moments(turn)), data.draw(moments(turn))])
    limit, stopped = Limit(data.draw(st.integers(1, 400)), TimeUnit.HOURS), data.draw(pauses(turn))
    assert line.due(first, limit, stopped).at <= line.due(later, limit, stopped).at


@THOROUGH
@given(worlds, st.data())
def test_what_opens_later_is_never_led_to_an_earlier_day_in_months(world, data):
    """Not the same clock: what opens on 30 January at 15:00 and on the 31st at 09:00 meet on 28 February."""
    calendar, turn = world
    line = CompiledCalendar(calendar)
    first, later = sorted([data.draw(moments(turn)), data.draw(moments(turn))])
    limit = Limit(data.draw(st.integers(1, 30)), TimeUnit.MONTHS)
    assert line.lay(first, limit).named.day <= line.lay(later, limit).named.day


@THOROUGH
@given(worlds, st.data())
def test_seconds_keep_their_order(world, data):
    calendar, turn = world
    line = CompiledCalendar(calendar)
    opened, limit = data.draw(moments(turn)), data.draw(limits(2))
    inside = opened + timedelta(microseconds=data.draw(st.integers(0, 60_000_000)))
    assert line.due(opened, limit).at <= line.due(inside, limit).at <= line.due(opened + MINUTE, limit).at


@THOROUGH
@given(worlds, st.data())
def test_hours_add_up(world, data):
    calendar, turn = world
    line = CompiledCalendar(calendar)
    opened = data.draw(moments(turn))
    one, other = data.draw(st.integers(1, 3_000)), data.draw(st.integers(1, 3_000))
    first = line.due(opened, Limit(one, TimeUnit.MINUTES)).at
    both = line.due(opened, Limit(one + other, TimeUnit.MINUTES)).at
    assert line.due(first, Limit(other, TimeUnit.MINUTES)).at == both


@THOROUGH
@given(worlds, st.data())
def test_a_due_moment_ends_working_time(world, data):
    calendar, turn = world
    line = CompiledCalendar(calendar)
    opened, limit, stopped = data.draw(moments(turn)), data.draw(limits(6) | fractions(6)), data.draw(pauses(turn))
    due = line.due(opened, limit, stopped).at
    assert line.working_time(due - INSTANT, due).time == INSTANT
    assert line.working_time(opened, due).time > timedelta()


@THOROUGH
@given(worlds, st.data())
def test_a_pause_moves_the_due_date_by_the_working_time_that_passed_in_it(world, data):
    calendar, turn = world
    line = CompiledCalendar(calendar)
    opened, limit, stopped = data.draw(moments(turn)), data.draw(limits(6)), data.draw(pauses(turn))
    plain, moved = line.due(opened, limit).at, line.due(opened, limit, stopped).at
    event("moved" if moved > plain else "not moved")
    paused = line.working_time(opened, moved).time - line.working_time(opened, moved, stopped).time
    assert line.working_time(plain, moved).time == paused
    assert line.working_time(opened, moved, stopped).time == line.working_time(opened, plain).time


# There and back


@THOROUGH
@given(worlds, st.data())
def test_after_and_before_undo_working_time(world, data):
    calendar, turn = world
    line = CompiledCalendar(calendar)
    moment, stopped = data.draw(moments(turn)), data.draw(pauses(turn))
    working = timedelta(microseconds=data.draw(st.integers(1, 200 * 3_600_000_000)))
    after, before = line.after(moment, working, stopped).at, line.before(moment, working).at

    assert line.working_time(moment, after, stopped).time == working
    assert line.working_time(moment, after - INSTANT, stopped).time == working - INSTANT
    assert line.working_time(before, moment).time == working
    assert line.working_time(before + INSTANT, moment).time == working - INSTANT
    assert line.working_time(after, moment).time == -line.working_time(moment, after).time


@THOROUGH
@given(worlds, st.data())
def test_a_share_is_used_up_after_that_share_of_the_working_time(world, data):
    calendar, turn = world
    line = CompiledCalendar(calendar)
    opened, limit, stopped = data.draw(moments(turn)), data.draw(limits(6)), data.draw(pauses(turn))
    whole = line.working_time(opened, line.due(opened, limit, stopped).at, stopped).time
    share = data.draw(st.fractions(Fraction(1, 100), 1, max_denominator=100))
    used = line.working_time(opened, line.share_used_at(opened, limit, share, stopped).at, stopped).time
    assert 0 <= used // INSTANT - whole // INSTANT * share < 1
    assert line.share_used_at(opened, limit, 1, stopped).at == line.due(opened, limit, stopped).at


@THOROUGH
@given(worlds, st.data())
def test_a_latest_start_is_in_time_and_the_next_minute_of_work_is_not(world, data):
    calendar, turn = world
    line = CompiledCalendar(calendar)
    due_at, limit = data.draw(moments(turn)), data.draw(limits(6) | fractions(6))
    start = line.latest_start(due_at, limit).at
    assert start.second == start.microsecond == 0
    assert line.working_time(start, start + INSTANT).time == INSTANT
    assert line.due(start, limit).at <= due_at
    later = line.after(start, MINUTE + INSTANT).at - INSTANT  # the beginning of the next working minute
    for _ in range(3):
        assert line.due(later, limit).at > due_at
        later = line.after(later, timedelta(hours=data.draw(st.integers(1, 60)), microseconds=1)).at - INSTANT


# Sameness


@THOROUGH
@given(worlds, st.data())
def test_the_zone_only_says_which_moments_are_meant(world, data):
    calendar, turn = world
    elsewhere = CompiledCalendar(calendar.model_copy(update={"zone": "Asia/Jayapura"}))
    line = CompiledCalendar(calendar)
    opened, limit = data.draw(moments(turn)).astimezone(line.line.zone), data.draw(limits(6))
    there = opened.replace(tzinfo=elsewhere.line.zone)
    assert line.due(opened, limit).at.replace(tzinfo=None) == elsewhere.due(there, limit).at.replace(tzinfo=None)


@THOROUGH
@given(worlds, st.randoms(use_true_random=False))
def test_a_calendar_has_one_text_whatever_order_its_rows_came_in(world, chance: random.Random):
    calendar, _ = world
    rows = ("hours", "seasons", "years", "holidays", "changes")
    shuffled = {name: tuple(chance.sample(part, len(part))) for name in rows for part in [getattr(calendar, name)]}
    assert mistakes_in(calendar) == ()
    assert calendar.model_copy(update=shuffled).canonical() == calendar.canonical()
    again = read_calendar(calendar.canonical())
    assert again.canonical() == calendar.canonical()


@THOROUGH
@given(worlds, st.data())
def test_an_answer_is_the_same_whatever_was_asked_before(world, data):
    calendar, turn = world
    warm = CompiledCalendar(calendar)
    for day in data.draw(st.lists(days_around(turn, 40_000), max_size=3)):
        warm.line.elapsed(Place(day.toordinal(), 0))
    opened, limit = data.draw(moments(turn)), data.draw(limits(30))
    assert warm.due(opened, limit) == CompiledCalendar(calendar).due(opened, limit)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["2026-03-19", "07:30"])

ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(document: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document but the whole."""
    if isinstance(document, dict | list):
        for step, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield (*path, step)
            yield from places(value, (*path, step))


def mistakes_of(text: str) -> tuple[Mistake, ...]:
    """What is found wrong when a text is read."""
    try:
        return mistakes_in(read_calendar(text))
    except CalendarRejected as refused:
        event("refused")
        return refused.mistakes or (Mistake(at="", message_id="", message_en=""),)


@THOROUGH
@given(worlds, st.data())
def test_whatever_stands_in_a_document_it_is_read_or_refused_in_sentences(world, data):
    document = json.loads(world[0].canonical())
    for _ in range(data.draw(st.integers(1, 3))):
        *steps, last = data.draw(st.sampled_from(list(places(document))))
        found = document
        for step in steps:
            found = found[step]
        found[last] = data.draw(ANYTHING)
    assert all(mistake.message_id and mistake.message_en for mistake in mistakes_of(json.dumps(document)))
