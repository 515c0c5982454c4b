"""Who leads and who assists, what a row lists inside itself, and decisions that lead on in several ways."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.journeys.course import Course, example, opened, progress
from tests.world import Agency, World, refused

Make = Callable[..., Agency]


@pytest.fixture
def agency(an_agency: Make) -> Agency:
    return an_agency(example("rapat-persiapan"))


@pytest.fixture
def meeting(agency: Agency) -> Course:
    return Course.of(agency)


def test_a_meeting_is_one_task_of_its_chair(meeting: Course, agency: Agency) -> None:
    (task,) = meeting.tasks()
    assert (task["activity"], task["unit"]) == ("adakan_rapat", None)
    assert task["candidate_roles"] == ["sekretaris"]
    assert task["assisting_roles"] == ["perencana", "bendahara", "notulis"]
    assert [one["official"] for one in task["candidates"]] == [str(one) for one in agency.people["sekretaris"]]
    assert task["requirements"] == ["Undangan rapat", "Daftar hadir"]


@pytest.mark.parametrize("role", ["perencana", "bendahara", "notulis"])
def test_who_attends_a_meeting_cannot_complete_it(meeting: Course, agency: Agency, role: str) -> None:
    official = agency.official(role)
    problem = refused(meeting.tried("adakan_rapat", by=official), 403, "not-a-candidate")
    assert "Sekretaris" in problem["detail_id"]
    refused(meeting.http.claim(meeting.task("adakan_rapat"), by=official), 403, "not-a-candidate")
    assert meeting.http.all("/v1/tasks", **{"for": official}) == []


def test_the_one_who_leads_completes_what_others_assisted_in(meeting: Course, agency: Agency, world: World) -> None:
    meeting.do("adakan_rapat")
    task = meeting.task("susun_notulen")
    assert (task["candidate_roles"], task["assisting_roles"]) == (["notulis"], ["perencana"])
    refused(meeting.tried("susun_notulen", by=agency.official("perencana")), 403, "not-a-candidate")
    end = meeting.do("susun_notulen")["instance"]
    assert (end["status"], progress(end)) == ("completed", (2, 2))
    done = meeting.trail("step.completed")[-1]
    assert (done["role"], done["actor"]) == ("notulis", agency.official("notulis"))
    assert world.findings(end) == []


def test_sub_steps_are_a_checklist_with_their_own_waktu_that_never_blocks(meeting: Course) -> None:
    meeting.do("adakan_rapat")
    listed = meeting.task("susun_notulen")["sub_steps"]
    assert [(one["number"], one["kind"]) for one in listed] == [("a", "action"), ("b", "action"), ("c", "document")]
    limits = [one["time_limit"] and (one["time_limit"]["amount"], one["time_limit"]["unit"]) for one in listed]
    assert limits == [(2, "hours"), (30, "minutes"), None]
    assert meeting.do("susun_notulen")["instance"]["status"] == "completed"


# Several forward outcomes: disposisi-surat


@pytest.fixture
def letter(an_agency: Make) -> Course:
    course = Course.of(an_agency(example("disposisi-surat")))
    course.do("agendakan_surat")
    return course


def test_a_decision_offers_every_outcome_with_where_it_leads(letter: Course) -> None:
    assert [(one["outcome"], one["kind"], one["to"]) for one in letter.task("disposisikan")["outcomes"]] == [
        ("dijawab", "forward", "jawab_surat"),
        ("untuk_diketahui", "forward", "arsipkan"),
        ("tidak_ditindaklanjuti", "forward", None),
        ("returned", "return", "agendakan_surat"),
    ]


@pytest.mark.parametrize(
    ("outcome", "then", "done"),
    [
        ("dijawab", ["jawab_surat", "arsipkan"], (4, 4)),
        ("untuk_diketahui", ["arsipkan"], (3, 4)),
        ("tidak_ditindaklanjuti", [], (2, 4)),
    ],
)
def test_each_forward_outcome_leads_its_own_way(
    letter: Course, world: World, outcome: str, then: list[str], done: tuple[int, int]
) -> None:
    step = letter.do("disposisikan", outcome)
    assert step["task"]["outcome"] == outcome
    for activity in then:
        assert opened(step) == {(activity, None)}
        step = letter.do(activity)
    assert opened(step) == set()
    assert (step["instance"]["status"], progress(step["instance"])) == ("completed", done)
    (chosen,) = [event for event in letter.trail("step.completed") if event["activity"] == "disposisikan"]
    assert (chosen["outcome"], chosen["to"]) == (outcome, (then or [None])[0])
    assert world.findings(step["instance"]) == []


@pytest.mark.parametrize("outcome", ["approved", "disposisi", ">joined", "state"])
def test_an_outcome_that_is_not_offered_is_refused_by_those_that_are(letter: Course, outcome: str) -> None:
    problem = refused(chosen(letter, outcome), 422, "outcome-unknown")
    assert "untuk_diketahui" in problem["detail_id"]


def test_several_forward_outcomes_need_one_to_be_named(letter: Course) -> None:
    refused(chosen(letter, None), 422, "outcome-unknown")


def chosen(letter: Course, outcome: str | None) -> httpx.Response:
    """What choosing an outcome of the disposition is answered with, whether the sheet knows it or not."""
    task = letter.task("disposisikan")
    body = {"outcome": outcome} if outcome else {}
    return letter.http.deed(f"/v1/tasks/{task['id']}/complete", body, by=task["candidates"][0]["official"])
