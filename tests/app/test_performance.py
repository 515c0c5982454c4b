"""How long steps really take beside their norms: each round and each holder apart, and the monitoring table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from app.reports.own_time import Figures
from tests.app.past import (
    FRIDAY,
    MONDAY,
    THURSDAY,
    TUESDAY,
    Past,
    a_reviewed_draft,
    a_step,
    at,
    named,
)
from tests.factories import a_definition, a_wait, forward, from_party
from tests.world import Agency, Json, refused

MARCH = {"period": "2025-03"}


@pytest.fixture
def past(an_agency: Callable[..., Agency]) -> Past:
    return Past(an_agency(a_reviewed_draft()))


def path(past: Past, table: str = "") -> str:
    return f"/v1/definitions/{past.agency.definition.key}/performance{table}"


def told(past: Past, **params: Any) -> dict[str, Json]:
    """The steps by activity."""
    return {step["activity"]: step for step in past.agency.http.all(path(past), **params or MARCH)}


def figures(one: Json) -> tuple[int, int, int, int]:
    return one["count"], one["median_minutes"], one["p90_minutes"], one["total_minutes"]


def hands(step: Json) -> dict[tuple[str, str | None, str | None], tuple[int, int, int, int]]:
    return {(one["whose"], one["position"], one["holder"]): figures(one) for one in step["holders"]}


def corrected_once(past: Past) -> Json:
    """A draft that was sent back once; its archiving waits still."""
    draft = past.opened(at(MONDAY, "08:00"))
    past.claimed(draft, at(MONDAY, "10:00"))
    (review,) = past.completed(draft, at(TUESDAY, "10:00"))["opened"]
    (again,) = past.completed(review, at(THURSDAY, "09:00"), "returned")["opened"]
    (review,) = past.completed(again, at(THURSDAY, "11:00"))["opened"]
    return past.completed(review, at(FRIDAY, "14:00"))["opened"][0]


# Rounds and holders


def test_tells_each_round_apart_from_the_norm(past: Past) -> None:
    corrected_once(past)
    steps = told(past)
    draft, review, archive = (steps[name] for name in ("susun", "periksa", "arsip"))
    assert (draft["number"], draft["time_limit"]["text"], draft["norm_minutes"]) == (1, "2 workdays", 900)
    assert figures(draft) == (2, 345, 570, 690)
    assert [(one["round"], figures(one)) for one in draft["rounds"]] == [
        (1, (1, 570, 570, 570)),
        (2, (1, 120, 120, 120)),
    ]
    assert (draft["instances"], draft["latest_round"], draft["in_time"], draft["late"]) == (1, 2, 2, 0)
    assert [one["median_minutes"] for one in review["rounds"]] == [390, 540]
    assert (review["norm_minutes"], review["in_time"], review["late"]) == (450, 1, 1)
    assert (archive["count"], archive["median_minutes"], archive["norm_minutes"], archive["rounds"]) == (
        0,
        None,
        None,
        [],
    )


def test_tells_whose_time_it_was(past: Past) -> None:
    corrected_once(past)
    steps = told(past)
    assert hands(steps["susun"]) == {
        ("holder", "Jabatan staf", "Pejabat staf 1"): (1, 450, 450, 450),
        ("unclaimed", "Jabatan staf", None): (2, 120, 120, 240),
    }
    assert hands(steps["periksa"]) == {("unclaimed", "Jabatan kabid", "Pejabat kabid 1"): (2, 465, 540, 930)}


def test_gives_each_holder_in_turn_their_own_time(past: Past) -> None:
    draft = past.opened(at(MONDAY, "08:00"))
    first, second = (one["official"] for one in draft["candidates"])
    past.claimed(draft, at(MONDAY, "09:00"), first)
    past.released(draft, at(MONDAY, "11:00"), first)
    past.claimed(draft, at(MONDAY, "11:30"), second)
    past.completed(draft, at(MONDAY, "14:00"), by=second)
    assert hands(told(past)["susun"]) == {
        ("holder", "Jabatan staf", "Pejabat staf 1"): (1, 120, 120, 120),
        ("holder", "Jabatan staf", "Pejabat staf 2"): (1, 90, 90, 90),
        ("unclaimed", "Jabatan staf", None): (1, 90, 90, 90),
    }


def test_names_the_holder_of_that_time(past: Past) -> None:
    draft = past.opened(at(MONDAY, "08:00"))
    (review,) = past.completed(draft, at(MONDAY, "09:00"))["opened"]
    past.completed(review, at(MONDAY, "10:00"))
    past.left_office(past.agency.official("kabid"), at(TUESDAY, "08:00"))
    assert hands(told(past)["periksa"]) == {("unclaimed", "Jabatan kabid", "Pejabat kabid 1"): (1, 60, 60, 60)}


def test_subtracts_pauses_and_suspensions(past: Past) -> None:
    started = past.started(at(MONDAY, "08:00"))
    draft = past.waiting(started)
    past.paused(draft, at(MONDAY, "10:00"))
    past.resumed(draft, at(MONDAY, "14:00"))
    past.interrupted(started, "suspend", at(TUESDAY, "08:00"))
    past.interrupted(started, "resume", at(TUESDAY, "09:00"))
    past.completed(draft, at(TUESDAY, "10:00"))
    step = told(past)["susun"]
    assert (step["total_minutes"], step["norm_minutes"]) == (330, 900)
    assert hands(step) == {("unclaimed", "Jabatan staf", None): (1, 330, 330, 330)}


def test_is_not_late_while_its_clock_stands_still(past: Past) -> None:
    draft = past.opened(at(MONDAY, "08:00"))  # due Thursday 08.00
    past.paused(draft, at(TUESDAY, "10:00"))
    past.completed(draft, at(FRIDAY, "10:00"))
    step = told(past)["susun"]
    assert (step["in_time"], step["late"], step["total_minutes"]) == (1, 0, 570)


def test_waiting_for_an_outside_party_is_nobodys_own_time(an_agency: Callable[..., Agency]) -> None:
    collect = a_step("kumpul", forward("tunggu"), role="staf", awaits=(from_party("bpkad"),))
    past = Past(an_agency(a_definition(collect, nodes=(a_wait(),))))
    started = past.started(at(MONDAY, "08:00"))
    task = past.waiting(started)
    past.claimed(task, at(MONDAY, "09:00"))
    past.delivered(task, "bpkad", at(MONDAY, "14:00"))
    past.completed(task, at(MONDAY, "16:00"))
    past.answered(started, "bappeda", at(THURSDAY, "16:00"))
    steps = told(past)
    assert list(steps) == ["kumpul"]
    assert hands(steps["kumpul"]) == {
        ("party", None, None): (1, 300, 300, 300),
        ("holder", "Jabatan staf", "Pejabat staf 1"): (1, 120, 120, 120),
    }


# What counts


def test_judges_work_on_paper_by_when_it_was_done(past: Past) -> None:
    draft = past.opened(at(MONDAY, "08:00"))
    paper = {"performed_at": named(at(MONDAY, "15:00")), "reason": "Dikerjakan di atas kertas"}
    past.completed(draft, at(FRIDAY, "10:00"), **paper)
    step = told(past, **{"from": "2025-03-10", "to": "2025-03-10"})["susun"]
    assert (figures(step), step["in_time"], step["late"]) == ((1, 360, 360, 360), 1, 0)
    assert told(past, **{"from": "2025-03-11"})["susun"]["count"] == 0


def test_does_not_count_what_was_taken_back_withdrawn_or_cancelled(past: Past) -> None:
    started = past.started(at(MONDAY, "08:00"))
    draft = past.waiting(started)
    by = draft["candidates"][0]["official"]
    past.completed(draft, at(MONDAY, "09:00"), by=by)
    assert told(past)["susun"]["count"] == 1
    past.undone(draft, at(MONDAY, "10:00"), by)
    assert [step["count"] for step in told(past).values()] == [0, 0, 0]
    past.interrupted(started, "cancel", at(MONDAY, "11:00"))
    assert [step["count"] for step in told(past).values()] == [0, 0, 0]


def test_a_day_is_that_of_the_agency(past: Past) -> None:
    past.completed(past.opened(at(MONDAY, "08:00")), at(TUESDAY, "06:30"))  # Monday 23.30 UTC
    assert told(past, **{"from": "2025-03-11", "to": "2025-03-11"})["susun"]["count"] == 1
    assert told(past, **{"from": "2025-03-10", "to": "2025-03-10"})["susun"]["count"] == 0


@pytest.mark.parametrize("period", ["2025", "2025-S1", "2025-Q1", "2025-03", "2021-2025"])
def test_counts_within_a_period(past: Past, period: str) -> None:
    past.completed(past.opened(at(MONDAY, "08:00")), at(MONDAY, "09:00"))
    assert told(past, period=period)["susun"]["count"] == 1


@pytest.mark.parametrize("period", ["2024", "2025-S2", "2025-Q2", "2025-02", "2025-04"])
def test_counts_nothing_of_another_period(past: Past, period: str) -> None:
    past.completed(past.opened(at(MONDAY, "08:00")), at(MONDAY, "09:00"))
    assert told(past, period=period)["susun"]["count"] == 0


def test_a_period_that_lasts_ends_now(past: Past) -> None:
    task = past.agency.opened()
    past.agency.http.completed(task)
    report = past.agency.http.json(path(past), params={"period": task["opened_at"][:4]})
    assert report["items"][0]["count"] == 1
    assert report["from"] < task["opened_at"] < report["to"]


def test_tells_steps_that_only_older_versions_have(past: Past) -> None:
    archive = corrected_once(past)
    past.completed(archive, at(FRIDAY, "15:00"))
    own = past.agency.definition
    draft = a_step("susun", forward("kirim"), number=1, role="staf", days=5)
    newer = a_definition(draft, a_step("kirim", number=2, role="staf"), key=own.key, agency=own.agency)
    sent = past.agency.http.post(
        "/v1/definitions", content=newer.model_dump_json(), headers={"Content-Type": "application/json"}
    )
    assert sent.status_code == 201, sent.text
    steps = told(past)
    assert list(steps) == ["susun", "kirim", "periksa", "arsip"]
    assert [step["count"] for step in steps.values()] == [2, 0, 2, 1]
    assert (steps["susun"]["time_limit"]["amount"], steps["susun"]["norm_minutes"]) == (5, 900)
    assert (steps["arsip"]["in_time"], steps["arsip"]["late"]) == (0, 0)


def test_says_what_is_not_settled_about_these_days(past: Past) -> None:
    past.completed(past.opened(at(MONDAY, "08:00")), at(MONDAY, "09:00"))
    assert past.agency.http.json(path(past), params=MARCH)["caveats"] == []
    monday = date(2024, 3, 11)
    past.completed(past.opened(at(monday, "08:00"), "2024"), at(monday, "09:00"))
    (caveat,) = past.agency.http.json(path(past), params={"period": "2024"})["caveats"]
    assert (caveat["kind"], caveat["first"], caveat["last"]) == ("not_loaded", "2024-01-01", "2024-12-31")


# Asking


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"to": "2025-03-31"},
        {"period": "2025-S1", "from": "2025-01-01"},
        {"period": "2025-S1", "to": "2025-03-31"},
        {"period": "Maret"},
        {"period": "1899"},
        {"period": "9999"},
        {"period": "2999"},
        {"from": "2025-03-31", "to": "2025-03-01"},
        {"from": "2999-01-01"},
        {"from": "2025-03-01", "to": "2999-01-01"},
        {"from": "kemarin"},
    ],
)
def test_refuses_a_span_that_is_none(past: Past, params: dict[str, str]) -> None:
    for table in ("", "/monitoring"):
        refused(past.agency.http.get(path(past, table), params=params), 422, "request-invalid")


def test_what_another_agency_does_is_not_there(past: Past, an_agency: Callable[..., Agency]) -> None:
    stranger = an_agency()
    for table in ("", "/monitoring"):
        refused(stranger.http.get(path(past, table), params=MARCH), 404, "not-found")


def test_pages_through_the_steps(past: Past) -> None:
    corrected_once(past)
    assert list(told(past, **MARCH, limit=1)) == ["susun", "periksa", "arsip"]


# Tables


def rows(past: Past, table: str = "") -> list[dict[str, str]]:
    answer = past.agency.http.get(path(past, table), params=MARCH, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_is_a_spreadsheet_of_steps_rounds_and_holders(past: Past) -> None:
    corrected_once(past)
    found = [
        (row["of"], row["round"], row["holder"], row["norm_minutes"], row["total_minutes"])
        for row in rows(past)
        if row["activity"] == "susun"
    ]
    assert found == [
        ("step", "", "", "900", "690"),
        ("round", "1", "", "900", "570"),
        ("round", "2", "", "900", "120"),
        ("holder", "", "Pejabat staf 1", "900", "450"),
        ("unclaimed", "", "", "900", "240"),
    ]


def test_fills_the_monitoring_table(past: Past) -> None:
    corrected_once(past)
    table = past.agency.http.all(path(past, "/monitoring"), **MARCH)
    assert [(row["procedure"], row["norm"], row["count"], row["in_time"], row["late"]) for row in table] == [
        ("Susun", "2 workdays", 2, 2, 0),
        ("Periksa", "1 workdays", 2, 1, 1),
        ("Arsip", None, 0, 0, 0),
    ]
    assert table[1]["notes_id"] == (
        "Dilaksanakan 2 kali; waktu kerja median 7 jam 45 menit, persentil ke-90 9 jam. "
        "Norma 1 workdays (7 jam 30 menit kerja): 1 dari 2 tepat waktu."
    )
    assert table[2]["notes_en"] == "Not carried out."


def test_leaves_to_the_assessor_what_is_the_assessors(past: Past) -> None:
    corrected_once(past)
    lines = rows(past, "/monitoring")
    assert list(lines[0]) == [
        "No",
        "Prosedur",
        "Penilaian (berjalan dengan baik / tidak)",
        "Catatan hasil penilaian",
        "Tindakan yang harus diambil",
        "Paraf penilai",
    ]
    for line in lines:
        number, procedure, assessment, notes, action, initials = line.values()
        assert number, procedure
        assert notes
        assert (assessment, action, initials) == ("", "", "")


# Figures


@pytest.mark.parametrize(
    ("times", "middle", "most"),
    [([7], 7, 7), ([1, 2], 1, 2), ([2, 4], 3, 4), ([*range(1, 11)], 5, 9), ([*range(11)], 5, 9)],
)
def test_nine_of_ten_were_done_within_the_90th_percentile(times: list[int], middle: int, most: int) -> None:
    told = Figures.of([timedelta(minutes=one) for one in reversed(times)])
    assert (told.count, told.median_minutes, told.p90_minutes) == (len(times), middle, most)
    assert told.total_minutes == sum(times)
