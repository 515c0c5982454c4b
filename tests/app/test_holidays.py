"""National holidays, cuti bersama and Ramadan as they are loaded, and what agencies change of them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import IntegrityError

from app import cli
from app.calendars.catalog import Calendars
from app.calendars.load import Loaded, load, load_missing, stored
from app.calendars.national import PACKAGE, NationalYear, national_year, years_around
from app.clock import now
from app.definitions.catalog import Catalog
from app.instances.journal import Journal
from app.instances.lay_anew import lay_anew
from engine.calendar import Holiday, HolidayKind
from tests.world import Agency, Json, World, refused

DECREE = "SKB 3 Menteri, perubahan kedua"
WHY = {"reason": "Kantor ditutup karena banjir", "legal_basis": "SE Gubernur Nomor 8 Tahun 2026"}


@pytest.fixture(scope="module")
def world(a_world: Callable[[], World]) -> Iterator[World]:
    """A world of its own: what is a holiday concerns everybody in it."""
    made = a_world()
    made.run(load(made.database, [national_year(year) for year in range(2024, 2030)], now()))
    yield made
    assert made.proof().findings == ()


@pytest.fixture
def laid(world: World) -> Callable[[], int]:
    """Lay everything anew that is behind, with the server or before it."""
    journal = Journal(world.database, Catalog(world.database), Calendars(world.database))
    return lambda: world.run(lay_anew(journal, None, now(), 1_000))


@pytest.fixture
def known(world: World) -> Iterator[Callable[[int], NationalYear]]:
    """What is loaded of a year; in the end it is as the package has it again."""

    async def of(year: int) -> NationalYear:
        async with world.database.reading() as connection:
            return (await stored(connection))[year]

    yield lambda year: world.run(of(year))
    world.run(load(world.database, [national_year(year) for year in range(2024, 2030)], now()))


def holidays(agency: Agency, year: int | str, /, **params: Any) -> list[Json]:
    return agency.http.all("/v1/holidays", year=year, **params)


def change(agency: Agency, kind: str, day: date | str, **asked: Any) -> httpx.Response:
    body = WHY | {"agency": agency.key, "kind": kind, "date": str(day), "name": "Banjir"} | asked
    return agency.http.post("/v1/holidays", json=body)


def changed(agency: Agency, kind: str, day: date | str, **asked: Any) -> Json:
    answer = change(agency, kind, day, **asked)
    assert answer.status_code == 201, answer.text
    return answer.json()


def withdraw(agency: Agency, one: Json, **asked: Any) -> httpx.Response:
    return agency.http.post(f"/v1/holidays/{one['id']}/withdraw", json=WHY | {"reason": "Salah input"} | asked)


def calendar(agency: Agency) -> Json:
    return agency.http.json(f"/v1/calendars/{agency.key}")


def due_day(task: Json) -> date:
    return datetime.fromisoformat(task["due_at"]).astimezone(UTC).date()


def events(agency: Agency, task: Json, *types: str) -> list[Json]:
    return [one for one in agency.trail({"id": task["instance_id"]}) if one["type"] in types]


# As they are loaded


def test_the_years_around_now_are_last_year_to_the_year_after_next() -> None:
    assert list(years_around(datetime(2026, 11, 21, tzinfo=UTC))) == [2025, 2026, 2027, 2028]


def test_a_decreed_year_has_both_kinds_with_their_decree(agency: Agency) -> None:
    listed = holidays(agency, 2026)
    kinds = [one["kind"] for one in listed]
    assert (kinds.count("national"), kinds.count("joint_leave"), len(kinds)) == (17, 8, 25)
    first = listed[0]
    assert (first["date"], first["name"], first["name_en"]) == ("2026-01-01", "Tahun Baru Masehi", "New Year's Day")
    assert {one["joint_leave"] for one in listed} == {
        "SKB 3 Menteri Nomor 1497 Tahun 2025, Nomor 2 Tahun 2025 dan Nomor 5 Tahun 2025"
    }
    assert {one["legal_basis"] for one in listed} == {first["joint_leave"]}
    assert not any(one["estimated"] for one in listed)
    page = agency.http.json("/v1/holidays", params={"year": 2026})
    assert page["caveats"] == []
    leave = [one["date"] for one in listed if one["kind"] == "joint_leave"]
    assert leave == [
        *("2026-02-16", "2026-03-18", "2026-03-20", "2026-03-23", "2026-03-24"),
        *("2026-05-15", "2026-05-28", "2026-12-24"),
    ]


def test_a_feast_that_waits_for_the_moon_is_an_estimate_under_its_plain_name(agency: Agency) -> None:
    (feast,) = [one for one in holidays(agency, 2027) if one["date"] == "2027-03-10"]
    assert (feast["name"], feast["name_en"], feast["estimated"]) == ("Hari Raya Idul Fitri", "Eid al-Fitr", True)
    page = agency.http.json("/v1/holidays", params={"year": 2027})
    assert {one["kind"] for one in page["caveats"]} == {"estimated"}
    assert any("Hari Raya Idul Fitri" in one["message_id"] for one in page["caveats"])


def test_a_year_without_cuti_bersama_says_so_in_every_answer(agency: Agency) -> None:
    page = agency.http.json("/v1/holidays", params={"year": 2028})
    assert {one["joint_leave"] for one in page["items"]} == {"belum ditetapkan"}
    assert {one["kind"] for one in page["items"]} == {"national"}
    said = [one["message_id"] for one in page["caveats"] if one["kind"] == "not_decreed"]
    assert said == ["Cuti bersama 2028 belum ditetapkan; hasil ini dapat berubah."]
    rows = list(csv.DictReader(io.StringIO(agency.http.get("/v1/holidays?year=2028&format=csv").text)))
    assert {row["joint_leave"] for row in rows} == {"belum ditetapkan"}
    told = calendar(agency)
    (year,) = [one for one in told["years"] if one["year"] == 2028]
    assert year["joint_leave_basis"] is None
    for answer in (told, agency.http.json("/v1/calendars")["items"][0]):
        assert said[0] in [one["message_id"] for one in answer["caveats"]]


def test_a_year_that_is_not_loaded_says_that(agency: Agency) -> None:
    page = agency.http.json("/v1/holidays", params={"year": "2050"})
    assert page["items"] == []
    assert [one["kind"] for one in page["caveats"]] == ["not_loaded"]


@pytest.mark.parametrize("year", ["20", "dua ribu", "2026,x", "99999", "2026.5", "-2026", "²⁰²⁶"])
def test_a_year_that_is_none_is_refused(agency: Agency, year: str) -> None:
    (mistake,) = refused(agency.http.get("/v1/holidays", params={"year": year}), 422, "request-invalid")["errors"]
    assert mistake["at"] == "year"


def test_holidays_are_listed_by_date_a_page_at_a_time(agency: Agency) -> None:
    together = holidays(agency, "2026,2027", limit=7)
    assert len(together) == 51
    assert [one["date"] for one in together] == sorted(one["date"] for one in together)
    assert holidays(agency, "2026,2027", limit=200) == together


def test_ramadan_is_in_every_calendar_as_an_estimate_with_its_legal_basis(agency: Agency) -> None:
    told = calendar(agency)
    assert told["own"] == []
    fasts = {one["name"]: (one["first"], one["last"]) for one in told["seasons"]}
    assert fasts["Ramadan 1447 H"] == ("2026-02-19", "2026-03-20")
    assert fasts["Ramadan 1448 H"] == ("2027-02-08", "2027-03-09")
    assert all(one["estimated"] and "Nomor 21 Tahun 2023" in one["legal_basis"] for one in told["seasons"])
    (first, friday) = told["seasons"][0]["shifts"]
    assert (first["start"], first["end"], friday["end"]) == ("08:00", "15:00", "15:30")
    assert any(one["name"] == "Ramadan 1448 H" for one in told["caveats"])


def test_an_agency_confirms_ramadan_by_setting_it_itself(agency: Agency) -> None:
    seasons = [one | {"estimated": False, "legal_basis": "Kepmenag 2027"} for one in calendar(agency)["seasons"]]
    body = {"seasons": seasons, "reason": "Sidang isbat", "legal_basis": "Kepmenag 2027"}
    answer = agency.http.put(f"/v1/calendars/{agency.key}", json=body, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["own"] == ["seasons"]
    assert not any(one["name"] == "Ramadan 1448 H" for one in told["caveats"])


def test_names_are_in_indonesian_whatever_the_machine_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "en_US")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert national_year(2026).holidays[-1].name == "Hari Raya Natal"


# Loading anew


def moved_to(year: NationalYear, *, without: str | None = None, also: Holiday | None = None) -> NationalYear:
    """A year as it was decreed anew."""
    days = [day for day in year.holidays if str(day.date) != without]
    days = sorted([*days, *([also] if also else [])], key=lambda day: day.date)
    decreed = {"joint_leave_basis": DECREE, "source": "berkas skb.json", "holidays": tuple(days)}
    return year.model_copy(update=decreed)


def a_day_off(day: date) -> Holiday:
    kind, source = HolidayKind.JOINT_LEAVE, "setneg.go.id"
    return Holiday(date=day, name="Cuti Bersama Baru", name_en="New Joint Leave", kind=kind, source=source)


def test_loading_what_is_loaded_changes_nothing(world: World, agency: Agency) -> None:
    before = calendar(agency)
    assert world.run(load_missing(world.database, now())) == Loaded()
    assert world.run(load(world.database, [national_year(2026)], now())) == Loaded()
    assert calendar(agency) == before


def test_a_changed_decree_gives_every_agency_a_new_calendar_and_moves_what_is_open(
    world: World,
    an_agency: Callable[..., Agency],
    laid: Callable[[], int],
    known: Callable[[int], NationalYear],
) -> None:
    mine, theirs, unused = an_agency(), an_agency(), an_agency()
    done = mine.opened()
    task = mine.http.completed(done)["opened"][0]
    calendar(theirs)
    day = due_day(task)
    decreed = moved_to(known(day.year), also=a_day_off(day))
    loaded = world.run(load(world.database, [decreed], now()))
    assert loaded.years == (day.year,)
    assert loaded.agencies >= 2
    assert any("Cuti Bersama Baru ditambahkan" in line for line in loaded.differences)
    laid()
    for agency in (mine, theirs):
        told = calendar(agency)
        assert (told["version"], told["legal_basis"], told["client"]) == (2, DECREE, None)
        assert "Cuti Bersama Baru ditambahkan" in told["reason"]
    assert calendar(unused)["version"] == 1
    moved = mine.http.json(f"/v1/tasks/{task['id']}")
    assert due_day(moved) > day
    (event,) = events(mine, task, "step.due_changed")
    assert (event["data"]["was"], event["data"]["due_at"]) == (task["due_at"], moved["due_at"])
    assert event["data"]["legal_basis"] == DECREE
    assert mine.http.json(f"/v1/tasks/{done['id']}")["due_at"] == done["due_at"]
    assert world.run(load(world.database, [decreed], now())) == Loaded()


def test_a_day_that_the_decree_takes_away_is_worked_again(
    world: World, agency: Agency, known: Callable[[int], NationalYear]
) -> None:
    calendar(agency)
    loaded = world.run(load(world.database, [moved_to(known(2027), without="2027-12-24")], now()))
    assert "24 Desember 2027 Cuti Bersama Hari Raya Natal dihapus" in loaded.differences
    assert "2027-12-24" not in [one["date"] for one in holidays(agency, 2027)]
    assert [one["version"] for one in agency.http.all(f"/v1/calendars/{agency.key}/versions")] == [2, 1]
    before = agency.http.json(f"/v1/calendars/{agency.key}/versions/1")
    assert "2027-12-24" in [one["date"] for one in before["holidays"]]


def test_a_year_that_is_decreed_at_last_says_so(
    world: World, agency: Agency, known: Callable[[int], NationalYear]
) -> None:
    loaded = world.run(load(world.database, [moved_to(known(2028))], now()))
    assert loaded.differences == (f"Dasar hukum 2028: {DECREE}",)
    page = agency.http.json("/v1/holidays", params={"year": 2028})
    assert {one["joint_leave"] for one in page["items"]} == {DECREE}
    assert "not_decreed" not in {one["kind"] for one in page["caveats"]}


def test_a_confirmed_feast_and_ramadan_are_told(world: World, known: Callable[[int], NationalYear]) -> None:
    year = known(2027)
    days = tuple(day.model_copy(update={"estimated": False}) for day in year.holidays)
    fasts = tuple(
        one.model_copy(update={"estimated": False, "first": one.first + timedelta(days=1)}) for one in year.ramadans
    )
    loaded = world.run(load(world.database, [year.model_copy(update={"holidays": days, "ramadans": fasts})], now()))
    assert "10 Maret 2027 Hari Raya Idul Fitri dipastikan" in loaded.differences
    assert "Ramadan 1448 H: 9 Februari sampai 9 Maret 2027" in loaded.differences


def test_a_later_release_of_the_package_is_asked_again_and_changes_only_what_it_knows_better(
    world: World, agency: Agency, known: Callable[[int], NationalYear]
) -> None:
    calendar(agency)
    earlier = known(now().year).model_copy(update={"source": "holidays 0.100 (Python)"})
    assert world.run(load(world.database, [earlier], now())) == Loaded(), "another release alone is no difference"
    assert known(now().year).source == "holidays 0.100 (Python)"
    assert world.run(load_missing(world.database, now())) == Loaded()
    assert known(now().year).source == PACKAGE
    assert calendar(agency)["version"] == 1


def test_what_a_file_told_is_not_undone_by_the_package(world: World, known: Callable[[int], NationalYear]) -> None:
    year = now().year
    world.run(load(world.database, [moved_to(known(year))], now()))
    assert world.run(load_missing(world.database, now())) == Loaded()
    assert known(year).joint_leave_basis == DECREE


def test_several_who_load_at_once_load_once(world: World, known: Callable[[int], NationalYear]) -> None:
    decreed = [moved_to(known(2029))]

    async def crowd() -> list[Loaded]:
        return list(await asyncio.gather(*(load(world.database, decreed, now()) for _ in range(4))))

    loaded = world.run(crowd())
    assert sorted(len(one.years) for one in loaded) == [0, 0, 0, 1]


def test_loading_is_whole_or_not_at_all(world: World, agency: Agency, known: Callable[[int], NationalYear]) -> None:
    before = calendar(agency), known(2027)
    world.sql("ALTER TABLE calendar_versions ADD CONSTRAINT full_disk CHECK (version < 1) NOT VALID")
    try:
        with pytest.raises(IntegrityError, match="full_disk"):
            world.run(load(world.database, [moved_to(known(2027), without="2027-12-24")], now()))
    finally:
        world.sql("ALTER TABLE calendar_versions DROP CONSTRAINT full_disk")
    assert (calendar(agency), known(2027)) == before


# On the command line


@pytest.fixture
def alur(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command `alur` over this world."""
    monkeypatch.setenv("ALUR_DATABASE_URL", world.addresses.application)
    monkeypatch.setenv("ALUR_MIGRATION_URL", world.addresses.owner)
    return lambda *arguments: cli.main([str(one) for one in arguments])


def test_what_is_shown_can_be_changed_in_a_file_and_loaded(
    alur: Callable[..., int],
    agency: Agency,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    known: Callable[[int], NationalYear],
) -> None:
    task, file = agency.opened(), tmp_path / "skb.json"
    day = due_day(task)
    capsys.readouterr()
    assert alur("holidays", "show", day.year) == 0
    (year,) = json.loads(capsys.readouterr().out)
    year["joint_leave_basis"] = DECREE
    year["holidays"].append({"date": str(day), "name": "Baru", "kind": "joint_leave", "source": "setneg.go.id"})
    file.write_text(json.dumps([year]))
    assert alur("holidays", "load", "--file", file) == 0
    said = capsys.readouterr().out
    assert "Baru ditambahkan" in said
    assert known(day.year).source == "berkas skb.json"
    assert due_day(agency.http.json(f"/v1/tasks/{task['id']}")) > day, "laid anew before the command ended"
    assert alur("holidays", "load", "--file", file) == 0
    assert "up to date" in capsys.readouterr().out
    assert alur("holidays", "load", day.year) == 0
    assert "Baru dihapus" in capsys.readouterr().out


def test_a_file_with_mistakes_is_refused_with_all_of_them(
    alur: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path, known: Callable[[int], NationalYear]
) -> None:
    before, file = known(2027), tmp_path / "skb.json"
    capsys.readouterr()
    day = {"date": "2027-02-30", "name": "", "kind": "libur", "source": "x"}
    file.write_text(json.dumps([{"year": 2027, "legal_basis": "SKB", "source": "x", "holidays": [day]}]))
    assert alur("holidays", "load", "--file", file) == 1
    said = capsys.readouterr().err
    assert all(place in said for place in ("[0].holidays[0].date", "[0].holidays[0].name", "[0].holidays[0].kind"))
    twice = {"date": "2026-02-03", "name": "Libur", "kind": "joint_leave", "source": "x"}
    file.write_text(json.dumps([{"year": 2027, "legal_basis": "SKB", "source": "x", "holidays": [twice, twice]}]))
    assert alur("holidays", "load", "--file", file) == 1
    assert capsys.readouterr().err.count("2026-02-03") >= 2
    undecreed = twice | {"date": "2027-02-03"}
    file.write_text(json.dumps([{"year": 2027, "legal_basis": "SKB", "source": "x", "holidays": [undecreed]}]))
    assert alur("holidays", "load", "--file", file) == 1
    assert "belum ditetapkan" not in capsys.readouterr().out
    assert alur("holidays", "load", "--file", tmp_path / "tidak-ada.json") == 1
    assert known(2027) == before


@pytest.mark.parametrize("years", [["27"], ["2028-2027"], ["1999"], ["2026", "besok"], ["2101"]])
def test_years_that_are_none_are_refused(
    alur: Callable[..., int], capsys: pytest.CaptureFixture[str], years: list[str]
) -> None:
    assert alur("holidays", "load", *years) == 1
    assert "2002" in capsys.readouterr().err


def test_migrating_loads_what_is_missing(
    fresh_database: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = fresh_database()
    monkeypatch.setenv("ALUR_DATABASE_URL", addresses.application)
    monkeypatch.setenv("ALUR_MIGRATION_URL", addresses.owner)
    assert cli.main(["migrate"]) == 0
    said = capsys.readouterr().out
    assert all(f"Hari libur {year} dimuat" in said for year in years_around(now()))
    assert cli.main(["migrate"]) == 0
    assert "dimuat" not in capsys.readouterr().out


# What an agency changes


def test_a_day_off_added_today_moves_what_is_open_and_not_what_is_closed(
    agency: Agency, laid: Callable[[], int]
) -> None:
    done = agency.opened()
    task = agency.http.completed(done)["opened"][0]
    closed = agency.http.json(f"/v1/tasks/{done['id']}")
    official = agency.official()
    body = WHY | {"agency": agency.key, "kind": "add", "date": str(due_day(task)), "name": "Banjir"}
    answer = agency.http.deed("/v1/holidays", body, by=official)
    assert answer.status_code == 201, answer.text
    one = answer.json()
    laid()
    moved = agency.http.json(f"/v1/tasks/{task['id']}")
    assert due_day(moved) > due_day(task)
    assert agency.http.json(f"/v1/tasks/{done['id']}") == closed
    (event,) = events(agency, task, "step.due_changed")
    assert (event["data"]["was"], event["data"]["due_at"]) == (task["due_at"], moved["due_at"])
    assert (event["data"]["because"], event["data"]["legal_basis"]) == ("calendar", WHY["legal_basis"])
    told = calendar(agency)
    assert (told["version"], told["reason"], told["legal_basis"], told["official"]) == (2, *WHY.values(), official)
    assert told["client"] == one["client"]
    assert [(day["kind"], day["date"]) for day in told["changes"]] == [("add", one["date"])]


def test_a_change_is_found_again_with_who_when_and_why(agency: Agency) -> None:
    day = date(2026, 8, 18)
    answer = change(agency, "add", day, name_en="Flood")
    one = answer.json()
    assert answer.headers["location"] == f"/v1/holidays/{one['id']}"
    assert agency.http.json(answer.headers["location"]) == one
    assert (one["agency"], one["kind"], one["date"], one["effective"]) == (agency.key, "add", "2026-08-18", True)
    assert (one["reason"], one["legal_basis"], one["withdrawn"]) == (*WHY.values(), None)
    assert one["client"]
    assert one["created_at"]
    assert one in holidays(agency, 2026)
    assert one in holidays(agency, 2026, agency=str(agency.id))


def test_a_holiday_is_worked_or_taken_on_another_day(agency: Agency) -> None:
    changed(agency, "remove", "2026-12-24")
    changed(agency, "move", "2026-12-25", to="2026-12-28")
    told = calendar(agency)
    assert [(day["kind"], day["date"], day["to"]) for day in told["changes"]] == [
        ("remove", "2026-12-24", None),
        ("move", "2026-12-25", "2026-12-28"),
    ]
    assert told["version"] == 3
    (moved,) = [one for one in holidays(agency, 2026) if one["kind"] == "move"]
    assert moved["to"] == "2026-12-28"


@pytest.mark.parametrize(
    ("kind", "asked", "places"),
    [
        ("add", {"date": "2026-12-25"}, {"date"}),
        ("remove", {"date": "2026-12-23"}, {"date"}),
        ("move", {"date": "2026-12-25"}, {"to"}),
        ("move", {"date": "2026-12-25", "to": "2026-12-24"}, {"to"}),
        ("move", {"date": "2026-12-23", "to": "2026-12-24"}, {"date", "to"}),
        ("add", {"date": "2026-12-23", "to": "2026-12-22"}, {"to"}),
    ],
)
def test_a_change_that_does_not_fit_is_refused_in_the_words_of_the_request(
    agency: Agency, kind: str, asked: Json, places: set[str]
) -> None:
    changed(agency, "add", "2026-01-02")
    problem = refused(change(agency, kind, **({"day": asked.pop("date")} | asked)), 422, "calendar-invalid")
    assert {one["at"] for one in problem["errors"]} == places
    refused(change(agency, "remove", "2026-01-02"), 422, "calendar-invalid")
    assert calendar(agency)["version"] == 2


def test_every_mistake_in_the_form_of_a_change_is_told(agency: Agency) -> None:
    body = {"agency": agency.key, "kind": "libur", "date": "2026-02-30", "name": " ", "to": 5, "nama": "x"}
    problem = refused(agency.http.post("/v1/holidays", json=body), 422, "request-invalid")
    places = {one["at"] for one in problem["errors"]}
    assert places == {"kind", "date", "name", "to", "nama", "legal_basis", "reason"}


def test_a_change_is_withdrawn_with_a_reason_and_stays_to_be_seen(agency: Agency, laid: Callable[[], int]) -> None:
    task = agency.opened()
    one = changed(agency, "add", due_day(task))
    laid()
    answer = withdraw(agency, one)
    assert answer.status_code == 200, answer.text
    gone = answer.json()
    assert (gone["effective"], gone["withdrawn"]["reason"]) == (False, "Salah input")
    assert (gone["withdrawn"]["client"], gone["withdrawn"]["legal_basis"]) == (one["client"], WHY["legal_basis"])
    laid()
    assert agency.http.json(f"/v1/tasks/{task['id']}")["due_at"] == task["due_at"]
    first, second = events(agency, task, "step.due_changed")
    assert first["data"]["was"] == second["data"]["due_at"] == task["due_at"]
    assert [one["version"] for one in agency.http.all(f"/v1/calendars/{agency.key}/versions")] == [3, 2, 1]
    year = due_day(task).year
    assert one["id"] not in [other["id"] for other in holidays(agency, year)]
    assert gone in holidays(agency, year, withdrawn="true")
    problem = refused(withdraw(agency, one), 409, "already-withdrawn")
    assert problem["existing"]["id"] == one["id"]
    changed(agency, "add", one["date"])


def test_a_change_that_is_sent_again_is_made_once(agency: Agency) -> None:
    body = WHY | {"agency": agency.key, "kind": "add", "date": "2026-07-01", "name": "HUT Provinsi"}
    first = agency.http.deed("/v1/holidays", body, key="hut")
    again = agency.http.deed("/v1/holidays", body, key="hut")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    refused(agency.http.deed("/v1/holidays", body | {"date": "2026-07-02"}, key="hut"), 422, "idempotency-key-reused")
    path = f"/v1/holidays/{first.json()['id']}/withdraw"
    gone = agency.http.deed(path, WHY, key="cabut")
    assert agency.http.deed(path, WHY, key="cabut").json() == gone.json()
    assert calendar(agency)["version"] == 3


def test_holidays_of_another_agency_are_not_there(an_agency: Callable[..., Agency]) -> None:
    mine, theirs = an_agency(), an_agency()
    one = changed(theirs, "add", "2026-07-01")
    refused(mine.http.get(f"/v1/holidays/{one['id']}"), 404, "not-found")
    refused(withdraw(mine, one), 404, "not-found")
    body = WHY | {"agency": theirs.key, "kind": "add", "date": "2026-07-02", "name": "Banjir"}
    refused(mine.http.post("/v1/holidays", json=body), 404, "not-found")
    assert one["id"] not in [other["id"] for other in holidays(mine, 2026)]
    assert calendar(theirs)["version"] == 2
    refused(mine.client("read").post("/v1/holidays", json=body | {"agency": mine.key}), 403, "scope-missing")
    both = mine.client(also=[theirs], official=theirs.official())
    refused(both.post("/v1/holidays", json=body | {"agency": mine.key}), 403, "official-not-allowed")


def test_a_local_day_off_that_the_nation_takes_over_waits_until_it_is_given_up_again(
    world: World, agency: Agency, known: Callable[[int], NationalYear]
) -> None:
    day = date(2027, 8, 18)
    one, before = changed(agency, "add", day), known(2027)
    world.run(load(world.database, [moved_to(before, also=a_day_off(day))], now()))
    told = calendar(agency)
    assert (told["version"], told["changes"]) == (3, [])
    assert agency.http.json(f"/v1/holidays/{one['id']}")["effective"] is False
    refused(change(agency, "remove", day), 422, "calendar-invalid")
    changed(agency, "add", "2027-08-19")
    world.run(load(world.database, [before], now()))
    assert agency.http.json(f"/v1/holidays/{one['id']}")["effective"] is True
    assert [day["date"] for day in calendar(agency)["changes"]] == ["2027-08-18", "2027-08-19"]


def test_what_was_set_is_never_rewritten_in_the_database(world: World, agency: Agency) -> None:
    changed(agency, "add", "2026-07-01")
    for statement in (
        "UPDATE holiday_changes SET date = '2026-07-02'",
        "DELETE FROM holiday_changes",
        "UPDATE calendar_versions SET reason = 'lain'",
        "DELETE FROM calendar_versions",
        "UPDATE calendars SET content = '{}'",
    ):
        with pytest.raises(Exception, match="append-only"):
            world.sql(statement, role="owner")
