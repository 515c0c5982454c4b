"""What follows an attempt, and how long an endpoint that fails is left in peace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.webhooks.retry import (
    ATTEMPTS,
    DISABLE_AFTER,
    LONGEST_REST,
    LONGEST_WAIT,
    SCHEDULE,
    TRIAL,
    TRIP,
    Circuit,
    Verdict,
    verdict,
    wait_asked,
)

NOW = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)
EVEN = 0.5
"""The random share that leaves a wait as it is."""

seconds = timedelta(seconds=1)


def test_makes_eight_attempts_within_a_good_day() -> None:
    moment, waits = NOW, []
    for number in range(1, ATTEMPTS):
        again = verdict(500, number, now=moment, random=EVEN).again_at
        assert again is not None
        waits.append(again - moment)
        moment = again
    assert [wait / seconds for wait in waits] == [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]
    assert verdict(500, ATTEMPTS, now=moment, random=EVEN) == Verdict("exhausted")
    assert (ATTEMPTS, moment - NOW) == (8, timedelta(hours=27, minutes=35, seconds=5))


@given(st.integers(1, ATTEMPTS - 1), st.floats(0, 1, exclude_max=True))
def test_no_wait_strays_more_than_a_fifth(number: int, random: float) -> None:
    again = verdict(None, number, now=NOW, random=random).again_at
    assert again is not None
    assert 0.8 <= (again - NOW) / SCHEDULE[number - 1] <= 1.2


def test_waits_spread_over_the_whole_fifth_to_either_side() -> None:
    waits = [verdict(None, 2, now=NOW, random=random).again_at for random in (0.0, 0.75)]
    assert waits == [NOW + 240 * seconds, NOW + 330 * seconds]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.parametrize("number", [1, ATTEMPTS])
def test_every_2xx_is_delivered(status: int, number: int) -> None:
    assert verdict(status, number, now=NOW, random=EVEN) == Verdict("delivered")


@pytest.mark.parametrize("status", [None, 101, 301, 302, 307, 400, 401, 404, 408, 500, 501, 599])
def test_everything_else_is_tried_again_on_schedule_whatever_it_asks(status: int | None) -> None:
    judged = verdict(status, 1, now=NOW, random=EVEN, retry_after="3600")
    assert judged == Verdict("retry", NOW + 5 * seconds, throttled=False)


@pytest.mark.parametrize("number", [1, ATTEMPTS])
def test_410_wants_no_more(number: int) -> None:
    assert verdict(410, number, now=NOW, random=EVEN) == Verdict("gone")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize(
    ("retry_after", "waits"),
    [
        (None, 5),
        ("120", 120),
        (" 120 ", 120),
        ("Tue, 31 Mar 2026 09:02:00 GMT", 120),
        ("Tuesday, 31-Mar-26 09:02:00 GMT", 120),
        ("1", 5),  # never sooner than on schedule
        ("0", 5),
        ("Tue, 31 Mar 2020 09:00:00 GMT", 5),
        ("999999999", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("soon", 5),
        ("-5", 5),
        ("1.5", 5),
        ("١٢٠", 5),
        ("9" * 5_000, 5),
    ],
)
def test_who_has_too_much_to_do_is_waited_for(status: int, retry_after: str | None, waits: int) -> None:
    judged = verdict(status, 1, now=NOW, random=EVEN, retry_after=retry_after)
    assert judged == Verdict("retry", NOW + waits * seconds, throttled=True)


def test_who_asks_for_less_than_a_later_wait_is_left_in_peace_for_that() -> None:
    judged = verdict(429, 4, now=NOW, random=0.0, retry_after="3600")
    assert judged.again_at == NOW + timedelta(hours=2) * 0.8


def test_the_last_attempt_is_the_last_whatever_it_asks() -> None:
    judged = verdict(503, ATTEMPTS, now=NOW, random=EVEN, retry_after="60")
    assert judged == Verdict("exhausted", throttled=True)


@given(st.text())
def test_no_retry_after_brings_it_down(text: str) -> None:
    wait_asked(text, NOW)
    again = verdict(429, 1, now=NOW, random=EVEN, retry_after=text).again_at
    assert again is not None
    assert 5 * seconds <= again - NOW <= LONGEST_WAIT


def _failing(times: int, circuit: Circuit | None = None, now: datetime = NOW) -> Circuit:
    circuit = circuit or Circuit()
    for _ in range(times):
        circuit = circuit.failed(now)
    return circuit


def test_a_circuit_opens_after_so_many_failures_in_a_row() -> None:
    assert _failing(TRIP - 1).state(NOW) == "closed"
    assert _failing(TRIP).state(NOW) == "open"
    assert not _failing(TRIP).admits(NOW)


def test_one_success_forgives_all_failures() -> None:
    circuit = _failing(TRIP - 1).succeeded()
    assert circuit == Circuit()
    assert _failing(TRIP - 1, circuit).admits(NOW)


def test_after_its_rest_a_circuit_lets_a_single_trial_through() -> None:
    rested = _failing(TRIP)
    later = NOW + 30 * seconds
    assert (rested.state(later - seconds), rested.state(later)) == ("open", "half-open")
    tried = rested.admitted(later)
    assert (rested.admits(later), tried.admits(later)) == (True, False)
    assert tried.succeeded().state(later) == "closed"
    assert tried.failed(later + seconds).state(later + seconds) == "open"


def test_a_trial_nobody_ended_is_followed_by_another() -> None:
    tried = _failing(TRIP).admitted(NOW + 30 * seconds)
    assert tried.admits(NOW + 30 * seconds + TRIAL)


def test_admitting_while_closed_changes_nothing() -> None:
    assert _failing(1).admitted(NOW) == _failing(1)


def test_the_rest_grows_with_each_failed_trial_up_to_a_limit() -> None:
    circuit, now, rests = _failing(TRIP), NOW, []
    for _ in range(8):
        assert circuit.rests_until is not None
        rests.append((circuit.rests_until - now) / seconds)
        now = circuit.rests_until
        circuit = circuit.admitted(now).failed(now)
    assert rests == [30, 60, 120, 240, 480, 900, 900, 900]
    assert _failing(5_000, now=NOW).rests_until is not None
    assert LONGEST_REST == 900 * seconds


def test_what_was_under_way_when_a_circuit_opened_does_not_prolong_its_rest() -> None:
    assert _failing(TRIP + 10).rests_until == _failing(TRIP).rests_until
    assert _failing(TRIP + 10).openings == 1


def test_an_endpoint_that_failed_for_five_days_without_a_break_is_hopeless() -> None:
    failing = _failing(ATTEMPTS).failed(NOW + DISABLE_AFTER)
    assert failing.hopeless(NOW + timedelta(days=5))
    assert not failing.hopeless(NOW + timedelta(days=5) - seconds)


def test_one_message_given_up_long_ago_does_not_make_an_endpoint_hopeless() -> None:
    assert not _failing(ATTEMPTS).hopeless(NOW + timedelta(days=6))


def test_one_success_gives_an_endpoint_five_more_days() -> None:
    again = _failing(20).succeeded().failed(NOW + timedelta(days=4))
    assert not _failing(20, again, NOW + timedelta(days=6)).hopeless(NOW + timedelta(days=8))
    assert _failing(20, again, NOW + timedelta(days=6)).hopeless(NOW + timedelta(days=9))
