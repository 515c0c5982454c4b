"""Reports for supervisors: what is late and since when, what is owed, what stands still, how long things take."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from app.clock import new_id
from engine.definition import Cycle, ProcessDefinition
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
    named,
)
from tests.factories import a_definition, a_wait, each_unit, forward, from_party, from_units
from tests.world import Agency, Client, Json, refused

SATURDAY = date(2025, 3, 15)


@pytest.fixture
def past(an_agency: Callable[..., Agency]) -> Past:
    return Past(an_agency(a_reviewed_draft()))


def report(past: Past, name: str, moment: datetime | None = None, **asked: Any) -> Json:
    return told_to(past.agency.http, name, moment, **asked)


def told_to(http: Client, name: str, moment: datetime | None = None, **asked: Any) -> Json:
    then = {"as_of": named(moment)} if moment else {}
    return http.json(f"/v1/reports/{name}", params=asked | then)


def spreadsheet(http: Client, name: str, **asked: Any) -> list[Json]:
    """All pages of a report as a spreadsheet."""
    page = http.get(f"/v1/reports/{name}", params=asked | {"format": "csv"})
    rows = []
    while True:
        assert page.status_code == 200, page.text
        rows += csv.DictReader(io.StringIO(page.text))
        if "next" not in page.links:
            return rows
        page = http.get(page.links["next"]["url"])


# Overdue


def test_counts_what_is_late_by_age_in_working_days(past: Past) -> None:
    task = past.opened(at(MONDAY, "14:00"))  # due Thursday 14.00
    ages = {
        at(THURSDAY, "14:00"): None,
        at(THURSDAY, "14:01"): "up_to_1_day",
        at(FRIDAY, "14:00"): "up_to_1_day",
        at(FRIDAY, "14:01"): "up_to_3_days",
        at(NEXT_MONDAY, "09:00"): "up_to_3_days",
        at(date(2025, 3, 18), "14:01"): "up_to_1_week",
        at(date(2025, 3, 20), "14:01"): "up_to_1_month",
        at(date(2025, 4, 13), "12:00"): "up_to_1_month",
        at(date(2025, 4, 14), "09:00"): "over_1_month",
    }
    for moment, age in ages.items():
        told = report(past, "overdue", moment)
        found = [name for name, count in told["totals"]["ageing"].items() if count]
        assert found == ([age] if age else []), moment
    (group,) = report(past, "overdue", at(FRIDAY, "09:30"))["items"]
    assert (group["agency"], group["key"], group["count"]) == (past.agency.key, past.agency.key, 1)
    oldest = group["oldest"]
    assert (oldest["task_id"], oldest["working_minutes_late"], oldest["position"]) == (task["id"], 240, "Jabatan staf")


@pytest.mark.parametrize("by", ["agency", "unit", "definition", "candidate_role", "assignee"])
def test_counts_by(past: Past, by: str) -> None:
    first = past.opened(at(MONDAY, "08:00"), "2024")
    past.claimed(first, at(MONDAY, "09:00"))
    past.opened(at(MONDAY, "08:00"), "2025")
    told = report(past, "overdue", group_by=by)
    then = report(past, "overdue", at(NEXT_MONDAY, "08:00"), group_by=by)
    keys = {
        "agency": [past.agency.key],
        "unit": ["sekretariat"],
        "definition": [past.agency.definition.key],
        "candidate_role": ["staf"],
        "assignee": [None, first["candidates"][0]["official"]],
    }
    for one in (told, then):
        assert [group["key"] for group in one["items"]] == keys[by]
        assert sum(group["count"] for group in one["items"]) == one["totals"]["count"] == 2
        assert all(group["name"] for group in one["items"] if group["key"])


def collected_by_unit() -> ProcessDefinition:
    return a_definition(
        a_step("isi", number=1, role="operator"),
        a_step("rekap", forward("kirim"), number=2, role="kasubbag"),
        a_step("kirim", number=3, role="staf", candidate_roles=("staf", "arsiparis")),
        nodes=(each_unit("isi", to="rekap"),),
    )


GROUPED: dict[str, Callable[[Json], list[tuple[str | None, str | None]]]] = {
    "agency": lambda task: [(task["agency"], task["agency"])],
    "unit": lambda task: [(task["agency"], task["unit"] or "sekretariat")],
    "definition": lambda task: [(None, task["definition"])],
    "candidate_role": lambda task: [(None, role) for role in task["candidate_roles"]],
    "assignee": lambda task: [(task["agency"], task["assignee"])],
}
"""The groups in which a late task is counted."""


def test_groups_and_totals_are_those_of_the_list_at_every_moment(an_agency: Callable[..., Agency]) -> None:
    divided = Past(an_agency(collected_by_unit(), bidang=("anggaran", "aset")))
    east = Past(an_agency(a_reviewed_draft(), timezone="Asia/Jayapura"), zone="Asia/Jayapura")
    http = divided.agency.client(also=[east.agency])
    cycle = divided.started(at(MONDAY, "08:00"))
    tasks = {task["unit"]: task for task in divided.agency.http.json(f"/v1/instances/{cycle['id']}/tasks")["items"]}
    divided.completed(tasks["aset"], at(THURSDAY, "15:00"))
    rest = divided.completed(tasks["anggaran"], at(FRIDAY, "10:00"))["opened"][0]
    divided.completed(rest, at(NEXT_MONDAY, "15:00"))
    first = east.opened(at(MONDAY, "08:00"), "2023")
    east.claimed(first, at(TUESDAY, "08:00"))
    second = east.opened(at(TUESDAY, "13:00"), "2024")
    east.paused(second, at(FRIDAY, "15:00"))
    counted = set()
    for moment in (
        at(MONDAY, "12:00"),
        *(at(day, clock) for day in (TUESDAY, THURSDAY, FRIDAY, NEXT_MONDAY) for clock in ("09:00", "15:30")),
        at(date(2025, 3, 20), "12:00"),
        None,
    ):
        asked = {"overdue": True} | ({"as_of": named(moment)} if moment else {})
        late = http.all("/v1/tasks", **asked)
        counted.add(len(late))
        for by, groups_of in GROUPED.items():
            told = told_to(http, "overdue", moment, group_by=by)
            groups = {(group["agency"], group["key"]): group for group in told["items"]}
            expected = Counter(group for task in late for group in groups_of(task))
            assert {key: group["count"] for key, group in groups.items()} == expected, (by, moment)
            assert told["totals"]["count"] == len(late) == sum(told["totals"]["ageing"].values())
            assert told["totals"]["ageing"]["stopped"] == sum(task["paused"] is not None for task in late)
            for key, group in groups.items():
                assert sum(group["ageing"].values()) == group["count"]
                oldest = next(task for task in late if key in groups_of(task))
                assert group["oldest"]["task_id"] == oldest["id"], (by, moment)
                shared = set(group["oldest"]) & set(oldest)
                assert {name: group["oldest"][name] for name in shared} == {name: oldest[name] for name in shared}
                assert {"position", "holder", "held_since", "round", "working_minutes_late"} <= shared
    assert counted == {0, 2, 3}, "the moments differ"


def test_a_task_that_was_claimed_counts_for_the_unit_of_who_claimed_it(past: Past) -> None:
    agency, unit, position = past.agency, new_id(), new_id()
    first, second = (str(one) for one in agency.people["staf"])
    agency.world.sql(
        f"""
        INSERT INTO units (id, agency_id, key, kind, name)
            VALUES ('{unit}', '{agency.id}', 'aset', 'bidang', 'Bidang Aset');
        INSERT INTO positions (id, agency_id, unit_id, title)
            VALUES ('{position}', '{agency.id}', '{unit}', 'Staf Aset');
        INSERT INTO role_bindings (id, agency_id, role, position_id)
            VALUES ('{new_id()}', '{agency.id}', 'staf', '{position}');
        UPDATE holders SET position_id = '{position}' WHERE official_id = '{second}';
        """  # noqa: S608  identities made here
    )
    for period, official in (("2023", None), ("2024", first), ("2025", second)):
        task = past.opened(at(MONDAY, "08:00"), period)
        if official:
            past.claimed(task, at(MONDAY, "09:00"), official)
    for moment in (None, at(NEXT_MONDAY, "08:00")):
        told = report(past, "overdue", moment, group_by="unit")
        counted = {group["key"]: (group["count"], group["oldest"]["period"]) for group in told["items"]}
        assert counted == {None: (1, "2023"), "sekretariat": (1, "2024"), "aset": (1, "2025")}, (
            "one waits on both units"
        )


def test_groups_come_page_by_page_and_as_a_spreadsheet(past: Past) -> None:
    first = past.opened(at(MONDAY, "08:00"), "2023")
    past.completed(first, at(MONDAY, "10:00"))
    for period in ("2024", "2025"):
        past.opened(at(MONDAY, "08:00"), period)
    asked = {"group_by": "candidate_role", "as_of": named(at(NEXT_MONDAY, "08:00"))}
    whole = report(past, "overdue", **asked)
    page = report(past, "overdue", **asked, limit=1)
    rest = report(past, "overdue", **asked, limit=1, cursor=page["next"])
    assert [group["key"] for group in whole["items"]] == ["staf", "kabid"], "those with most come first"
    assert [*page["items"], *rest["items"]] == whole["items"]
    assert (rest["next"], rest["totals"]) == (None, whole["totals"])
    rows = spreadsheet(past.agency.http, "overdue", **asked, limit=1)
    assert [(row["key"], row["count"], row["oldest_position"]) for row in rows] == [
        ("staf", "2", "Jabatan staf"),
        ("kabid", "1", "Jabatan kabid"),
    ]
    assert rows[0]["oldest_working_minutes_late"] == str(480 - 60 + 450 + 30), "from Thursday 8.00 to Monday 8.00"


def test_ages_are_counted_by_the_calendar_of_then(past: Past) -> None:
    past.opened(at(MONDAY, "14:00"))
    before = report(past, "overdue", at(FRIDAY, "14:30"))["totals"]["ageing"]
    past.work_by(a_calendar("Asia/Jakarta", FRIDAY), at(NEXT_MONDAY, "09:00"), "Jumat ternyata libur")
    assert report(past, "overdue", at(FRIDAY, "14:30"))["totals"]["ageing"] == before
    assert before["up_to_3_days"] == 1


def test_counts_nothing_of_other_agencies(past: Past, an_agency: Callable[..., Agency]) -> None:
    past.opened(at(MONDAY, "08:00"))
    others = Past(an_agency(a_reviewed_draft()))
    for by in GROUPED:
        told = report(others, "overdue", group_by=by, agency=past.agency.key)
        assert (told["items"], told["totals"]["count"]) == ([], 0)


# Obligations


IN_TIME = at(date(2024, 1, 2), "08:00")
"""When deadlines are set, unless something else is told."""


def owed(past: Past, moment: datetime | None = None, period: str = "2024", **asked: Any) -> Json:
    """The one obligation of a period."""
    (one,) = report(past, "obligations", moment, period=period, **asked)["items"]
    return one


def test_tells_what_is_owed(past: Past) -> None:
    one = owed(past, period="2025")
    assert (one["status"], one["late"], one["deadline"], one["position"]) == (
        "not_started",
        False,
        None,
        "Jabatan staf",
    )


def test_what_was_never_started_is_late_after_its_latest_start(past: Past) -> None:
    past.obliged("03-14", IN_TIME)  # a Friday; three working days back from 16.30, over the holiday on Wednesday
    one = owed(past, at(MONDAY, "08:00"))
    assert (one["status"], one["late"], one["deadline_on"]) == ("not_started", False, "2025-03-14")
    assert one["latest_start"] == named(at(TUESDAY, "07:30"))
    late = owed(past, at(TUESDAY, "09:00"))
    assert (late["status"], late["late"], late["late_since"]) == ("not_started", True, one["latest_start"])
    assert late["working_minutes_late"] == 90, "of Tuesday"
    assert (late["position"], late["legal_basis"], late["instance"]) == ("Jabatan staf", "Peraturan Uji", None)
    assert owed(past)["late"] is True


def test_an_obligation_goes_from_not_started_to_its_end(past: Past) -> None:
    past.obliged("03-14", IN_TIME)
    instance = past.started(at(MONDAY, "09:00"), "2024")
    review = past.completed(past.waiting(instance), at(TUESDAY, "10:00"))["opened"][0]
    archive = past.completed(review, at(THURSDAY, "10:00"))["opened"][0]
    past.completed(archive, at(NEXT_MONDAY, "09:00"))
    told = [
        (one["status"], one["late"], one["position"])
        for one in (
            owed(past, moment)
            for moment in (
                at(MONDAY, "08:59"),
                at(MONDAY, "09:00"),
                at(TUESDAY, "10:00"),
                at(FRIDAY, "23:59"),
                at(SATURDAY, "00:00"),
                at(NEXT_MONDAY, "09:00"),
                None,
            )
        )
    ]
    assert told == [
        ("not_started", False, "Jabatan staf"),
        ("running", False, "Jabatan staf"),
        ("running", False, "Jabatan kabid"),
        ("running", False, "Jabatan arsiparis"),
        ("running", True, "Jabatan arsiparis"),
        ("completed", True, None),
        ("completed", True, None),
    ]
    ended = owed(past)
    assert ended["instance"]["id"] == instance["id"]
    assert ended["late_since"].startswith("2025-03-14T16:59:59")
    assert ended["working_minutes_late"] == 90, "Monday from 7.30"
    assert "Selesai" in ended["instance"]["headline"]


def test_what_was_given_up_is_still_owed(past: Past) -> None:
    past.obliged("03-14", IN_TIME)
    instance = past.started(at(MONDAY, "09:00"), "2024")
    past.interrupted(instance, "suspend", at(MONDAY, "10:00"))
    assert owed(past)["status"] == "running", "suspended is under way"
    past.interrupted(instance, "cancel", at(MONDAY, "11:00"))
    told = [owed(past, at(MONDAY, clock))["status"] for clock in ("08:00", "09:30", "10:30", "11:00")]
    assert told == ["not_started", "running", "running", "cancelled"]
    given_up = owed(past, at(THURSDAY, "09:00"))
    assert (given_up["late"], given_up["position"]) == (True, "Jabatan staf")
    past.started(at(TUESDAY, "09:00"), "2024")
    assert owed(past, at(TUESDAY, "09:00"))["status"] == "running", "the one that runs counts"


def test_tells_several_periods_and_agencies_with_totals_filters_and_pages(an_agency: Callable[..., Agency]) -> None:
    first, second = sorted((Past(an_agency(a_reviewed_draft())) for _ in range(2)), key=lambda past: past.agency.key)
    http = first.agency.client(also=[second.agency])
    first.obliged("03-14", IN_TIME)
    second.obliged("03-14", IN_TIME)
    first.started(at(MONDAY, "09:00"), "2024")
    asked = {"period": "2023,2024", "as_of": named(at(TUESDAY, "09:00"))}
    told = told_to(http, "obligations", **asked)
    stands = [(one["agency"], one["period"], one["status"], one["late"]) for one in told["items"]]
    assert stands == [
        (first.agency.key, "2023", "not_started", True),
        (first.agency.key, "2024", "running", False),
        (second.agency.key, "2023", "not_started", True),
        (second.agency.key, "2024", "not_started", True),
    ]
    assert told["totals"] == {
        "count": 4,
        "not_started": 3,
        "running": 1,
        "completed": 0,
        "cancelled": 0,
        "late": 3,
    }
    for filters, found in (
        ({"late": True}, [0, 2, 3]),
        ({"late": False}, [1]),
        ({"status": "running"}, [1]),
        ({"agency": second.agency.key}, [2, 3]),
        ({"definition": first.agency.definition.key}, [0, 1]),
        ({"status": "not_started", "late": False}, []),
    ):
        narrowed = told_to(http, "obligations", **asked, **filters)
        assert narrowed["items"] == [told["items"][which] for which in found], filters
        assert narrowed["totals"]["count"] == len(found)
    assert http.all("/v1/reports/obligations", limit=3, **asked) == told["items"]
    rows = spreadsheet(http, "obligations", limit=3, **asked)
    assert [(row["agency"], row["period"], row["status"], row["late"]) for row in rows] == [
        (agency, period, status, str(late)) for agency, period, status, late in stands
    ]


def test_only_periods_of_the_sop_s_cycle_are_owed(an_agency: Callable[..., Agency]) -> None:
    quarterly = Past(an_agency(a_reviewed_draft(cycle=(Cycle.QUARTERLY,))))
    told = report(quarterly, "obligations", period="2024,2024-Q1,2024-Q2,2024-S1")
    assert [one["period"] for one in told["items"]] == ["2024-Q1", "2024-Q2"]
    refused(quarterly.agency.http.get("/v1/reports/obligations", params={"period": "2024-Q5"}), 422, "request-invalid")


def test_a_deadline_of_one_period_goes_before_and_what_held_before_holds_again(past: Past) -> None:
    past.obliged("03-14", IN_TIME)
    own = past.obliged("03-28", at(MONDAY, "12:00"), "2024", "SE Gubernur 1/2025")
    past.withdrawn(own, at(FRIDAY, "12:00"))
    told = [owed(past, at(day, "13:00")) for day in (date(2025, 3, 7), TUESDAY, FRIDAY)]
    assert [(one["deadline_on"], one["legal_basis"], one["late"]) for one in told] == [
        ("2025-03-14", "Peraturan Uji", False),
        ("2025-03-28", "SE Gubernur 1/2025", False),
        ("2025-03-14", "Peraturan Uji", True),
    ]
    assert owed(past)["deadline_on"] == "2025-03-14"
    assert owed(past, at(TUESDAY, "13:00"), "2025")["deadline_on"] == "2026-03-14", "the other years stay"


def test_what_runs_follows_the_deadline_that_was_moved(past: Past) -> None:
    past.obliged("03-14", IN_TIME)
    past.started(at(MONDAY, "09:00"), "2024")
    past.obliged("03-28", at(TUESDAY, "12:00"), "2024")
    assert owed(past)["deadline_on"] == "2025-03-28"
    told = [owed(past, at(TUESDAY, clock)) for clock in ("11:59", "12:00")]
    assert [one["deadline_on"] for one in told] == ["2025-03-14", "2025-03-28"]
    assert told[0]["legal_basis"] == "Peraturan Uji"
    assert (owed(past, at(SATURDAY, "08:00"))["late"], owed(past)["late"]) == (False, True)


# Stalled


def still(past: Past, moment: datetime | None = None, **asked: Any) -> list[Json]:
    return past.agency.http.all("/v1/reports/stalled", **({"as_of": named(moment)} if moment else {}), **asked)


def test_tells_whose_clock_was_stopped_since_when_and_why(past: Past) -> None:
    task = past.opened(at(MONDAY, "08:00"))
    past.paused(task, at(MONDAY, "10:00"), "Menunggu berkas dari BKAD")
    for moment in (None, at(TUESDAY, "09:00")):
        (one,) = still(past, moment)
        assert (one["kind"], one["task_id"], one["reason"]) == ("paused", task["id"], "Menunggu berkas dari BKAD")
        assert (one["since"], one["by_name"]) == (named(at(MONDAY, "10:00")), task["candidates"][0]["name"])
        assert (one["position"], one["held_since"]) == ("Jabatan staf", named(at(MONDAY, "08:00")))
    assert (one["working_minutes"], one["working_days"]) == (300 + 90, 1)
    past.resumed(task, at(THURSDAY, "10:00"))
    assert still(past) == []
    assert still(past, at(MONDAY, "09:59")) == []
    assert [one["kind"] for one in still(past, at(THURSDAY, "09:59"))] == ["paused"]
    assert still(past, at(THURSDAY, "10:00")) == []


def test_tells_which_cycles_are_suspended(past: Past) -> None:
    instance = past.started(at(MONDAY, "08:00"))
    past.interrupted(instance, "suspend", at(MONDAY, "10:00"), "Menunggu arahan Bupati")
    for moment in (None, at(TUESDAY, "09:00")):
        (one,) = still(past, moment)
        assert (one["kind"], one["instance_id"], one["reason"]) == (
            "suspended",
            instance["id"],
            "Menunggu arahan Bupati",
        )
        assert (one["since"], one["position"], one["task_id"]) == (named(at(MONDAY, "10:00")), "Jabatan staf", None)
    past.interrupted(instance, "resume", at(THURSDAY, "10:00"))
    past.interrupted(instance, "suspend", at(FRIDAY, "10:00"), "Lagi")
    assert [one["reason"] for one in still(past)] == ["Lagi"]
    assert [one["reason"] for one in still(past, at(THURSDAY, "09:00"))] == ["Menunggu arahan Bupati"]
    assert still(past, at(THURSDAY, "10:00")) == []
    past.interrupted(instance, "cancel", at(NEXT_MONDAY, "10:00"))
    assert still(past) == []
    assert [one["kind"] for one in still(past, at(FRIDAY, "11:00"))] == ["suspended"]


def with_a_party() -> ProcessDefinition:
    return a_definition(
        a_step("susun", forward("tunggu"), number=1, role="staf"),
        a_step("arsip", number=2, role="arsiparis", days=None),
        nodes=(a_wait(forward("arsip")),),
    )


def test_tells_which_party_does_not_answer(an_agency: Callable[..., Agency]) -> None:
    past = Past(an_agency(with_a_party()))
    instance = past.started(at(MONDAY, "08:00"))
    past.completed(past.waiting(instance), at(MONDAY, "10:00"))
    for moment in (None, at(THURSDAY, "09:00")):
        (one,) = still(past, moment)
        assert (one["kind"], one["instance_id"], one["party"], one["name"]) == (
            "party",
            instance["id"],
            "bappeda",
            "Bappeda",
        )
        assert one["since"] == named(at(MONDAY, "10:00"))
    assert (one["working_minutes"], one["working_days"]) == (300 + 450 + 90, 2)
    past.answered(instance, "bappeda", at(FRIDAY, "09:00"))
    assert still(past) == []
    assert still(past, at(MONDAY, "09:59")) == []
    assert [one["party"] for one in still(past, at(FRIDAY, "08:59"))] == ["bappeda"]
    assert still(past, at(FRIDAY, "09:00")) == []


def test_a_party_is_no_longer_waited_for_once_the_cycle_is_given_up(an_agency: Callable[..., Agency]) -> None:
    past = Past(an_agency(with_a_party()))
    instance = past.started(at(MONDAY, "08:00"))
    past.completed(past.waiting(instance), at(MONDAY, "10:00"))
    past.interrupted(instance, "cancel", at(TUESDAY, "10:00"))
    assert still(past) == still(past, at(TUESDAY, "10:00")) == []
    assert [one["kind"] for one in still(past, at(TUESDAY, "09:00"))] == ["party"]


def test_tells_how_many_of_how_many_have_delivered(an_agency: Callable[..., Agency]) -> None:
    collecting = a_definition(a_step("himpun", role="kasubbag", awaits=(from_units(), from_party("bkad"))))
    past = Past(an_agency(collecting, bidang=("anggaran", "aset")))
    task = past.opened(at(MONDAY, "08:00"))
    past.delivered(task, "aset", at(MONDAY, "10:00"))
    past.delivered(task, "bkad", at(TUESDAY, "10:00"))
    seen = [
        (one["delivered"], one["expected"], one["missing"])
        for moment in (at(MONDAY, "09:00"), at(MONDAY, "10:00"), at(TUESDAY, "11:00"), None)
        for one in still(past, moment)
    ]
    assert [(delivered, expected) for delivered, expected, _ in seen] == [(0, 3), (1, 3), (2, 3), (2, 3)]
    assert [sorted(missing) for _, _, missing in seen] == [
        ["anggaran", "aset", "bkad"],
        ["anggaran", "bkad"],
        ["anggaran"],
        ["anggaran"],
    ]
    (now,) = still(past)
    assert (now["kind"], now["task_id"], now["since"]) == ("material", task["id"], named(at(MONDAY, "08:00")))
    past.delivered(task, "anggaran", at(THURSDAY, "10:00"))
    assert still(past) == []
    assert len(still(past, at(THURSDAY, "09:59"))) == 1


def test_tells_what_lies_with_somebody_who_left_office(past: Past) -> None:
    task = past.opened(at(MONDAY, "08:00"))
    official = task["candidates"][0]["official"]
    past.claimed(task, at(MONDAY, "09:00"), official)
    assert still(past) == []
    past.left_office(official, at(TUESDAY, "00:00"))
    for moment in (None, at(TUESDAY, "10:00")):
        (one,) = still(past, moment)
        assert (one["kind"], one["task_id"], one["by"]) == ("holder", task["id"], official)
        assert (one["since"], one["by_name"]) == (named(at(TUESDAY, "00:00")), task["candidates"][0]["name"])
    assert still(past, at(MONDAY, "23:59")) == []
    past.released(task, at(THURSDAY, "08:00"), official)
    assert still(past) == []
    assert len(still(past, at(HOLIDAY, "08:00"))) == 1


def test_the_longest_comes_first_page_by_page_and_by_kind(past: Past) -> None:
    first = past.opened(at(MONDAY, "08:00"), "2023")
    second = past.started(at(MONDAY, "08:00"), "2024")
    third = past.opened(at(MONDAY, "08:00"), "2025")
    past.paused(third, at(TUESDAY, "09:00"))
    past.interrupted(second, "suspend", at(TUESDAY, "08:00"))
    past.paused(first, at(MONDAY, "10:00"))
    for moment in (None, at(FRIDAY, "08:00")):
        whole = still(past, moment)
        assert [(one["kind"], one["period"]) for one in whole] == [
            ("paused", "2023"),
            ("suspended", "2024"),
            ("paused", "2025"),
        ]
        for limit in (1, 2):
            assert [one["period"] for one in still(past, moment, limit=limit)] == ["2023", "2024", "2025"]
        assert [one["period"] for one in still(past, moment, kind="suspended")] == ["2024"]
        assert [one["period"] for one in still(past, moment, kind="paused,holder")] == ["2023", "2025"]
        assert len(still(past, moment, definition=past.agency.definition.key)) == 3
        assert still(past, moment, definition="sop-lain") == []
        then = {"as_of": named(moment)} if moment else {}
        rows = spreadsheet(past.agency.http, "stalled", limit=2, **then)
        assert [(row["kind"], row["period"]) for row in rows] == [(one["kind"], one["period"]) for one in whole]


def test_what_stands_still_elsewhere_is_not_there(past: Past, an_agency: Callable[..., Agency]) -> None:
    past.paused(past.opened(at(MONDAY, "08:00")), at(MONDAY, "10:00"))
    others = Past(an_agency(a_reviewed_draft()))
    for moment in (None, at(TUESDAY, "08:00")):
        assert still(others, moment) == []
        assert still(others, moment, agency=past.agency.key) == []
