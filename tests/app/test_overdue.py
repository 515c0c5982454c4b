"""What is late, by how much, on whom: as the lists of tasks and instances tell it, now and at any earlier moment."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.clock import now
from engine.definition import ProcessDefinition
from tests.app.past import (
    FRIDAY,
    HOLIDAY,
    MONDAY,
    NEXT_MONDAY,
    THURSDAY,
    TUESDAY,
    Past,
    a_calendar,
    a_reviewed_draft,
    a_step,
    at,
    ids,
    named,
)
from tests.factories import a_definition, each_unit
from tests.world import Agency, Json

SATURDAY = date(2025, 3, 15)


@pytest.fixture
def past(an_agency: Callable[..., Agency]) -> Past:
    return Past(an_agency(a_reviewed_draft()))


def tasks(past: Past, moment: datetime | str | None = None, **asked: Any) -> list[Json]:
    """The tasks that fit, now or as they stood at a moment or on a day."""
    if moment is not None:
        asked["as_of"] = moment if isinstance(moment, str) else named(moment)
    return past.agency.http.all("/v1/tasks", **asked)


def instances(past: Past, moment: datetime | str | None = None, **asked: Any) -> list[Json]:
    if moment is not None:
        asked["as_of"] = moment if isinstance(moment, str) else named(moment)
    return past.agency.http.all("/v1/instances", **asked)


def live(past: Past, moment: datetime | str) -> Json:
    """The one task that waited on somebody then."""
    (task,) = tasks(past, moment, status="open,claimed")
    return task


# Tasks


def test_a_late_task_names_its_position_its_holder_and_how_late_it_is(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    assert task["due_at"] == named(at(THURSDAY, "14:00")), "two working days on, over a holiday"
    assert tasks(past, at(THURSDAY, "14:00"), overdue=True) == []
    (late,) = tasks(past, at(FRIDAY, "09:30"), overdue=True)
    assert late["id"] == task["id"]
    assert late["overdue"] is True
    assert late["working_minutes_late"] == 120 + 120, "Thursday 14.00-16.00, Friday 07.30-09.30"
    assert late["position"] == "Jabatan staf"
    assert late["held_since"] == named(at(MONDAY, "14:00"))
    assert late["round"] == 1
    (today,) = tasks(past, overdue=True)
    assert today["id"] == task["id"]
    assert today["working_minutes_late"] > 240


def test_every_task_is_late_or_not(past: Past) -> None:
    first = past.opened(at(MONDAY, "14:00"), "2023")
    second = past.opened(at(TUESDAY, "08:00"), "2024")
    review = past.completed(past.opened(at(TUESDAY, "08:00"), "2022"), at(TUESDAY, "09:00"))["opened"][0]
    untimed = past.completed(review, at(TUESDAY, "10:00"))["opened"][0]
    for moment, late in (
        (at(THURSDAY, "14:00"), []),
        (at(THURSDAY, "15:00"), [first["id"]]),
        (at(FRIDAY, "08:01"), [first["id"], second["id"]]),
        (None, [first["id"], second["id"]]),
    ):
        is_late, in_time, all_of_them = (
            tasks(past, moment, **asked) for asked in ({"overdue": True}, {"overdue": False}, {})
        )
        assert ids(is_late) == late
        assert sorted(ids(is_late) + ids(in_time)) == sorted(ids(all_of_them))
        assert [one["overdue"] for one in is_late + in_time] == [True] * len(is_late) + [False] * len(in_time)
        assert untimed["id"] in ids(in_time), "without a printed time it is never late"


def test_tells_what_is_soon_due_from_four_fifths_of_the_time_on(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))  # 900 minutes: 120, 450 and 330; four fifths are 720
    moments = {at(THURSDAY, "09:59"): [], at(THURSDAY, "10:00"): [task["id"]], at(THURSDAY, "14:01"): []}
    for moment, soon in moments.items():
        assert ids(tasks(past, moment, due_soon=True)) == soon, moment
        assert ids(tasks(past, moment, due_soon=False)) == ([] if soon else [task["id"]])
    assert tasks(past, due_soon=True) == [], "by now it is late"
    past.paused(task, at(THURSDAY, "09:00"))
    assert tasks(past, at(THURSDAY, "10:00"), due_soon=True) == [], "its clock stands still"


def test_what_is_due_soon_now_is_told_as_well(an_agency: Callable[..., Agency]) -> None:
    past = Past(an_agency(a_definition(a_step("susun", days=20))))
    fresh = past.opened(now() - timedelta(days=4), "2024")
    task = past.opened(now() - timedelta(days=25), "2025")  # 17 to 19 working days ago, whatever day it is
    assert ids(tasks(past, due_soon=True)) == [task["id"]]
    assert ids(tasks(past, due_soon=False)) == [fresh["id"]]


def test_lists_what_is_due_before_a_moment_or_before_a_day_begins(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    for before, found in {
        named(at(THURSDAY, "14:00")): [],
        "2025-03-13T14:00:01+07:00": [task["id"]],
        "2025-03-13": [],
        "2025-03-14": [task["id"]],
    }.items():
        assert ids(tasks(past, due_before=before)) == found, before
        assert ids(tasks(past, at(MONDAY, "15:00"), due_before=before)) == found, before
    past.completed(task, at(TUESDAY, "09:00"))
    assert task["id"] not in ids(tasks(past, due_before="2025-03-14")), "what is done waits for nothing"


def by_unit() -> ProcessDefinition:
    return a_definition(
        a_step("isi", number=1, role="operator"),
        a_step("rekap", number=2, role="kasubbag"),
        nodes=(each_unit("isi", to="rekap"),),
    )


def test_what_is_late_is_narrowed_by_unit_role_assignee_sop_agency_and_period(
    an_agency: Callable[..., Agency],
) -> None:
    divided = Past(an_agency(by_unit(), bidang=("anggaran", "aset")))
    plain = Past(an_agency(a_reviewed_draft()))
    http = divided.agency.client(also=[plain.agency])
    started = divided.started(at(MONDAY, "08:00"))
    first = plain.opened(at(MONDAY, "08:00"), "2023")
    second = plain.completed(plain.opened(at(MONDAY, "08:00"), "2024"), at(MONDAY, "09:00"))["opened"][0]
    by = first["candidates"][1]["official"]
    plain.claimed(first, at(MONDAY, "10:00"), by)
    per_unit = {
        task["unit"]: task["id"] for task in divided.agency.http.json(f"/v1/instances/{started['id']}/tasks")["items"]
    }
    plain_key, divided_key = plain.agency.definition.key, divided.agency.definition.key
    for filters, found in (
        ({}, {*per_unit.values(), first["id"], second["id"]}),
        ({"unit": "aset"}, {per_unit["aset"]}),
        ({"unit": "aset,anggaran"}, set(per_unit.values())),
        ({"candidate_role": "operator"}, set(per_unit.values())),
        ({"candidate_role": "kabid"}, {second["id"]}),
        ({"assignee": by}, {first["id"]}),
        ({"definition": plain_key}, {first["id"], second["id"]}),
        ({"definition": f"{plain_key},{divided_key}", "period": "2023,2025"}, {*per_unit.values(), first["id"]}),
        ({"agency": divided.agency.key}, set(per_unit.values())),
        ({"period": "2024"}, {second["id"]}),
        ({"period": "2024", "candidate_role": "staf"}, set()),
    ):
        for moment in ({}, {"as_of": named(at(NEXT_MONDAY, "08:00"))}):
            assert set(ids(http.all("/v1/tasks", overdue=True, **filters, **moment))) == found, filters


def test_pages_come_in_the_order_of_due_dates_also_over_zones(an_agency: Callable[..., Agency]) -> None:
    west = Past(an_agency(a_reviewed_draft()))
    east = Past(an_agency(a_reviewed_draft(), timezone="Asia/Jayapura"), zone="Asia/Jayapura")
    http = west.agency.client(also=[east.agency])
    opened = [
        past.opened(at(MONDAY, clock), str(2030 + at_))
        for at_, (past, clock) in enumerate(
            [(west, "11:00"), (east, "09:00"), (west, "08:00"), (east, "10:00"), (west, "09:30"), (east, "08:00")]
        )
    ]
    in_order = ids(sorted(opened, key=lambda task: (task["due_at"], task["id"])))
    for asked in ({}, {"as_of": named(at(FRIDAY, "16:00"))}, {"as_of": "2025-03-14"}, {"due_before": "2025-03-20"}):
        for limit in (2, 3, 50):
            late = {"overdue": True} | asked
            assert ids(http.all("/v1/tasks", limit=limit, **late)) == in_order, asked


def test_a_spreadsheet_of_late_tasks_goes_on_page_by_page(past: Past) -> None:
    late = [past.opened(at(MONDAY, f"{8 + which:02}:00"), str(2020 + which))["id"] for which in range(3)]
    asked = {"overdue": True, "format": "csv", "limit": 2, "as_of": "2025-03-14"}
    first = past.agency.http.get("/v1/tasks", params=asked)
    rest = past.agency.http.get(first.links["next"]["url"])
    rows = [row for page in (first, rest) for row in csv.DictReader(io.StringIO(page.text))]
    assert [row["id"] for row in rows] == late
    assert "next" not in rest.links
    assert next((row["overdue"], row["position"], row["working_minutes_late"]) for row in rows) == (
        "True",
        "Jabatan staf",
        str(420 + 450),
    ), "due Thursday 08.00, told at the end of Friday"


def test_what_is_late_elsewhere_is_not_there(past: Past, an_agency: Callable[..., Agency]) -> None:
    past.opened(at(MONDAY, "08:00"))
    others = Past(an_agency(a_reviewed_draft()))
    for asked in ({}, {"agency": past.agency.key}, {"definition": past.agency.definition.key}):
        for moment in (None, at(NEXT_MONDAY, "08:00")):
            assert tasks(others, moment, overdue=True, **asked) == []
            assert instances(others, moment, overdue=True, **asked) == []


# As things stood


def test_a_task_is_seen_from_its_opening_on(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    review = past.completed(task, at(FRIDAY, "09:30"))["opened"][0]
    assert tasks(past, at(MONDAY, "13:59")) == []
    assert ids(tasks(past, at(MONDAY, "14:00"))) == [task["id"]]
    (then,) = tasks(past, at(FRIDAY, "09:29"))
    assert (then["id"], then["status"], then["overdue"]) == (task["id"], "open", True)
    assert (then["closed_at"], then["outcome"], then["performed_by"]) == (None, None, None)
    after = {one["id"]: one for one in tasks(past, at(FRIDAY, "09:30"))}
    assert (after[task["id"]]["status"], after[task["id"]]["overdue"]) == ("completed", False)
    assert after[review["id"]]["status"] == "open"


def test_a_day_means_its_end_where_the_agency_is(an_agency: Callable[..., Agency]) -> None:
    moment = at(FRIDAY, "00:30", ZoneInfo("Asia/Jayapura"))  # Thursday 22.30 in Jakarta
    east = Past(an_agency(a_reviewed_draft(), timezone="Asia/Jayapura"), zone="Asia/Jayapura")
    west = Past(an_agency(a_reviewed_draft()))
    for past in (east, west):
        past.completed(past.opened(at(MONDAY, "08:00")), moment)
    assert [live(past, "2025-03-13")["activity"] for past in (east, west)] == ["susun", "periksa"]
    assert [live(past, "2025-03-14")["activity"] for past in (east, west)] == ["periksa", "periksa"]
    assert [live(past, "2025-03-14T00:29:00+09:00")["activity"] for past in (east, west)] == ["susun", "susun"]


def test_the_holder_of_then_is_named(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    first, second = (one["official"] for one in task["candidates"])
    past.claimed(task, at(MONDAY, "15:00"), first)
    past.released(task, at(TUESDAY, "08:00"), first)
    past.claimed(task, at(TUESDAY, "09:00"), second)
    names = {one["official"]: one["name"] for one in task["candidates"]}
    for moment, holder, since in (
        (at(MONDAY, "14:30"), None, at(MONDAY, "14:00")),
        (at(MONDAY, "15:00"), first, at(MONDAY, "15:00")),
        (at(TUESDAY, "08:30"), None, at(TUESDAY, "08:00")),
        (at(FRIDAY, "09:00"), second, at(TUESDAY, "09:00")),
    ):
        then = live(past, moment)
        assert (then["assignee"], then["held_since"]) == (holder, named(since)), moment
        assert then["holder"] == (names[holder] if holder else None)
        assert then["status"] == ("claimed" if holder else "open")
        if holder:
            assert ids(tasks(past, moment, assignee=holder)) == [task["id"]]
            assert [one["official"] for one in then["candidates"]] == [holder]


def test_who_held_the_position_then_is_named(past: Past) -> None:
    review = past.completed(past.opened(at(MONDAY, "08:00")), at(MONDAY, "10:00"))["opened"][0]
    before = live(past, at(MONDAY, "11:00"))
    past.left_office(review["candidates"][0]["official"], at(TUESDAY, "00:00"))
    assert live(past, at(MONDAY, "11:00"))["holder"] == before["holder"] == "Pejabat kabid 1"
    after = live(past, at(TUESDAY, "11:00"))
    assert (after["position"], after["holder"], after["candidates"]) == ("Jabatan kabid", None, [])


def test_what_came_back_is_the_second_round_and_was_the_first(past: Past) -> None:
    task = past.opened(at(MONDAY, "08:00"))
    review = past.completed(task, at(MONDAY, "10:00"))["opened"][0]
    again = past.completed(review, at(TUESDAY, "09:00"), "returned")["opened"][0]
    assert (live(past, at(MONDAY, "09:00"))["id"], live(past, at(MONDAY, "09:00"))["round"]) == (task["id"], 1)
    assert live(past, at(MONDAY, "11:00"))["id"] == review["id"]
    (late,) = tasks(past, at(FRIDAY, "09:30"), overdue=True)
    assert (late["id"], late["round"]) == (again["id"], 2)
    assert late["due_at"] == named(at(FRIDAY, "09:00")), "two working days from when it came back"
    assert late["returned"]["from"] == "periksa"


def test_what_an_undo_took_back_never_was(past: Past) -> None:
    task = past.opened(at(MONDAY, "08:00"))
    done = past.completed(task, at(MONDAY, "10:00"))
    past.undone(task, at(MONDAY, "11:00"), done["task"]["performed_by"])
    assert ids(tasks(past, at(MONDAY, "10:30"))) == [task["id"]]
    assert live(past, at(MONDAY, "10:30"))["id"] == task["id"]
    (then,) = instances(past, at(MONDAY, "10:30"))
    assert ids(then["open_tasks"]) == [task["id"]]
    (late,) = tasks(past, at(THURSDAY, "09:00"), overdue=True)
    assert (late["id"], late["working_minutes_late"]) == (task["id"], 60), "its time ran on meanwhile"


def test_a_due_date_is_told_as_it_was_before_the_calendar_changed(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    done = past.opened(at(MONDAY, "14:00"), "2024")
    past.completed(done, at(TUESDAY, "07:30"))
    past.work_by(a_calendar("Asia/Jakarta", THURSDAY), at(TUESDAY, "08:00"), "Kamis diliburkan")
    due = {
        moment: [one["due_at"] for one in tasks(past, moment) if one["id"] == task["id"]]
        for moment in (at(TUESDAY, "07:59"), at(TUESDAY, "08:00"), None)
    }
    assert list(due.values()) == [
        [named(at(THURSDAY, "14:00"))],
        [named(at(FRIDAY, "14:00"))],
        [named(at(FRIDAY, "14:00"))],
    ]
    assert task["id"] not in ids(tasks(past, at(FRIDAY, "14:00"), overdue=True))
    assert task["id"] in ids(tasks(past, at(FRIDAY, "14:01"), overdue=True))
    closed = past.agency.http.json(f"/v1/tasks/{done['id']}")
    assert closed["due_at"] == named(at(THURSDAY, "14:00")), "what is closed stays as it was"


def test_what_was_late_until_the_calendar_changed_was_late_then(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    past.work_by(a_calendar("Asia/Jakarta", THURSDAY), at(THURSDAY, "15:00"), "Kamis diliburkan")
    (late,) = tasks(past, at(THURSDAY, "14:30"), overdue=True)
    assert (late["id"], late["due_at"], late["working_minutes_late"]) == (task["id"], named(at(THURSDAY, "14:00")), 30)
    assert [one["overdue"] for one in instances(past, at(THURSDAY, "14:30"))] == [True]
    assert tasks(past, at(THURSDAY, "15:00"), overdue=True) == []
    assert instances(past, at(THURSDAY, "15:00"), overdue=True) == []


def test_lateness_of_then_is_counted_by_the_calendar_of_then(past: Past) -> None:
    past.opened(at(MONDAY, "14:00"))
    (before,) = tasks(past, at(NEXT_MONDAY, "08:00"), overdue=True)
    past.work_by(a_calendar("Asia/Jakarta", FRIDAY), at(NEXT_MONDAY, "09:00"), "Jumat ternyata libur")
    (after,) = tasks(past, at(NEXT_MONDAY, "08:00"), overdue=True)
    assert after["working_minutes_late"] == before["working_minutes_late"] == 120 + 450 + 30
    (today,) = tasks(past, at(NEXT_MONDAY, "09:00"), overdue=True)
    assert today["working_minutes_late"] == 120 + 90


# Clocks that stand still


def test_a_paused_task_is_not_late_meanwhile(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    past.paused(task, at(TUESDAY, "08:00"), "Menunggu berkas dari BKAD")
    standing = past.agency.http.json(f"/v1/tasks/{task['id']}")
    assert (standing["overdue"], standing["working_minutes_late"]) == (False, None)
    assert standing["paused"]["reason"] == "Menunggu berkas dari BKAD"
    assert tasks(past, overdue=True) == []
    past.resumed(task, at(THURSDAY, "08:00"))
    then = live(past, at(THURSDAY, "07:45"))
    assert (then["paused"]["since"], then["paused"]["reason"]) == (
        named(at(TUESDAY, "08:00")),
        "Menunggu berkas dari BKAD",
    )
    assert then["due_at"] == named(at(THURSDAY, "14:00"))
    after = live(past, at(THURSDAY, "08:00"))
    assert (after["paused"], after["due_at"]) == (None, named(at(FRIDAY, "14:30"))), "420 and 30 minutes on"
    assert tasks(past, at(FRIDAY, "14:30"), overdue=True) == []
    (late,) = tasks(past, at(FRIDAY, "14:40"), overdue=True)
    assert late["working_minutes_late"] == 10


def test_lateness_freezes_while_a_task_is_paused(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    past.paused(task, at(THURSDAY, "15:00"))
    (today,) = tasks(past, overdue=True)
    assert today["working_minutes_late"] == 60
    past.resumed(task, at(FRIDAY, "15:30"))
    for moment, late in {at(THURSDAY, "14:30"): 30, at(FRIDAY, "15:00"): 60, at(FRIDAY, "16:00"): 90}.items():
        (then,) = tasks(past, moment, overdue=True)
        assert then["working_minutes_late"] == late, moment


def test_suspending_stops_every_clock_but_not_the_deadline(past: Past) -> None:
    past.obliged("03-14", at(date(2024, 1, 2), "08:00"))
    instance = past.started(at(MONDAY, "14:00"), "2024")
    past.interrupted(instance, "suspend", at(MONDAY, "15:00"))
    assert tasks(past, overdue=True) == []
    (suspended,) = instances(past, overdue=True)
    assert (suspended["status"], suspended["deadline_passed"]) == ("suspended", True)
    past.interrupted(instance, "resume", at(NEXT_MONDAY, "09:00"))
    assert tasks(past, at(SATURDAY, "10:00"), overdue=True) == []
    assert instances(past, at(FRIDAY, "23:59"), overdue=True) == []
    (then,) = instances(past, at(SATURDAY, "00:00"), deadline_passed=True)
    assert (then["status"], then["overdue"], then["open_tasks"][0]["overdue"]) == ("suspended", True, False)
    assert then["deadline"].startswith("2025-03-14T16:59:59"), "the last moment of that day in Jakarta"
    # 840 minutes were left of 900: Monday 360 from 9.00, Tuesday 450, Wednesday 30
    assert live(past, at(NEXT_MONDAY, "09:00"))["due_at"] == named(at(date(2025, 3, 19), "08:00"))


# How it ended


def test_how_late_it_was_done_is_kept(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    past.completed(task, at(FRIDAY, "09:30"))
    for moment in (None, at(FRIDAY, "09:30"), at(NEXT_MONDAY, "12:00")):
        (done,) = tasks(past, moment, status="completed")
        assert (done["overdue"], done["working_minutes_late"]) == (False, 240), moment


def test_work_recorded_on_paper_is_judged_by_when_it_was_done(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    paper = {"performed_at": at(THURSDAY, "13:00").isoformat(), "reason": "Ditandatangani di kertas"}
    done = past.completed(task, at(FRIDAY, "10:00"), **paper)
    assert (done["task"]["overdue"], done["task"]["working_minutes_late"]) == (False, None), "done in time"
    (review,) = done["opened"]
    assert review["opened_at"] == named(at(THURSDAY, "13:00"))
    assert review["due_at"] == named(at(FRIDAY, "11:30")), "a working day from then ends with the span before 13.00"
    assert live(past, at(THURSDAY, "15:00"))["id"] == review["id"]
    assert task["id"] not in ids(tasks(past, at(THURSDAY, "15:00"), overdue=True))
    assert live(past, at(THURSDAY, "12:30"))["id"] == task["id"]


def test_a_completion_is_as_late_as_the_paper(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))
    paper = {"performed_at": at(THURSDAY, "14:45").isoformat(), "reason": "Ditandatangani di kertas"}
    done = past.completed(task, at(NEXT_MONDAY, "10:00"), **paper)
    assert done["task"]["working_minutes_late"] == 45


# One answer everywhere


def test_view_list_and_filter_agree_at_every_moment(past: Past) -> None:
    past.obliged("03-14", at(date(2024, 1, 2), "08:00"))
    owed = past.started(at(MONDAY, "14:00"), "2024")
    started = past.started(at(MONDAY, "09:00"), "2025")
    task = past.waiting(started)
    past.claimed(task, at(TUESDAY, "08:00"))
    past.paused(task, at(THURSDAY, "08:30"))
    past.resumed(task, at(THURSDAY, "09:30"))
    review = past.completed(task, at(THURSDAY, "11:00"))["opened"][0]
    past.completed(review, at(FRIDAY, "14:00"))
    past.interrupted(owed, "suspend", at(NEXT_MONDAY, "08:00"))
    hours = [
        (day, clock)
        for day in (MONDAY, TUESDAY, HOLIDAY, THURSDAY, FRIDAY, NEXT_MONDAY)
        for clock in ("09:00", "14:01")
    ]
    seen = set()
    for moment in [*(at(*hour) for hour in hours), None]:
        all_tasks, cycles = tasks(past, moment), instances(past, moment)
        late = {one["id"] for one in all_tasks if one["overdue"]}
        assert set(ids(tasks(past, moment, overdue=True))) == late, moment
        shown = [task for cycle in cycles for task in cycle["open_tasks"]]
        assert {one["id"] for one in shown if one["overdue"]} == late, moment
        assert {one["id"] for one in all_tasks if one["status"] in ("open", "claimed")} == set(ids(shown)), moment
        for name in ("overdue", "deadline_passed"):
            true, false = (ids(instances(past, moment, **{name: wanted})) for wanted in (True, False))
            assert set(true) == {one["id"] for one in cycles if one[name]}, (name, moment)
            assert set(false) == set(ids(cycles)) - set(true), (name, moment)
        for cycle in cycles:
            its_late = any(task["overdue"] for task in cycle["open_tasks"])
            assert cycle["overdue"] == (its_late or cycle["deadline_passed"])
            assert ("terlambat" in cycle["headline"]) == its_late, cycle["headline"]
        seen.add((len(late), sum(one["overdue"] for one in cycles)))
    assert len(seen) > 2, "the moments differ"
    for cycle in cycles:
        viewed = past.agency.http.json(f"/v1/instances/{cycle['id']}")
        assert {name: viewed[name] for name in cycle} == cycle
    for task in all_tasks:
        assert past.agency.http.json(f"/v1/tasks/{task['id']}")["overdue"] == task["overdue"]


def test_an_instance_is_told_as_far_as_it_had_come(past: Past) -> None:
    past.obliged("03-14", at(date(2024, 1, 2), "08:00"))
    started = past.started(at(MONDAY, "14:00"), "2024")
    review = past.completed(past.waiting(started), at(TUESDAY, "09:00"))["opened"][0]
    archive = past.completed(review, at(THURSDAY, "09:00"))["opened"][0]
    past.completed(archive, at(NEXT_MONDAY, "09:00"))
    assert instances(past, at(MONDAY, "13:59")) == []
    told = [
        (
            one["status"],
            one["progress"]["done"],
            [task["activity"] for task in one["open_tasks"]],
            one["deadline_passed"],
        )
        for moment in (at(MONDAY, "15:00"), at(TUESDAY, "12:00"), at(SATURDAY, "08:00"), at(NEXT_MONDAY, "09:00"))
        for one in instances(past, moment)
    ]
    assert told == [
        ("running", 0, ["susun"], False),
        ("running", 1, ["periksa"], False),
        ("running", 2, ["arsip"], True),
        ("completed", 3, [], True),
    ]
    (ended,) = instances(past, deadline_passed=True)
    assert ended["id"] == started["id"], "it ended too late, and stays so"
    assert instances(past, at(TUESDAY, "12:00"), candidate_role="kabid") != []
    assert instances(past, at(TUESDAY, "12:00"), candidate_role="staf") == []


def test_what_is_to_come_is_not_known(past: Past) -> None:
    for path in ("/v1/tasks", "/v1/instances"):
        answer = past.agency.http.get(path, params={"as_of": "2900-01-01"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["at"] == "as_of"


def test_a_holiday_that_is_added_later_does_not_change_how_late_finished_work_was(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))  # due Thursday 14.00
    past.completed(task, at(FRIDAY, "09:30"))
    before = past.agency.http.json(f"/v1/tasks/{task['id']}")["working_minutes_late"]
    past.work_by(a_calendar("Asia/Jakarta", FRIDAY), at(NEXT_MONDAY, "08:00"))
    assert past.agency.http.json(f"/v1/tasks/{task['id']}")["working_minutes_late"] == before == 240
