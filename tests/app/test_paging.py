"""Lists: pages by cursor without gap or repeat, and the same as CSV."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.world import Agency, refused

LISTS = ["/v1/definitions", "/v1/instances", "/v1/tasks"]


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/instances", "id"),
        ("/v1/instances?order=oldest", "id"),
        ("/v1/tasks", "id"),
        ("/v1/instances/{id}/audit", "seq"),
        ("/v1/instances/{id}/tasks", "id"),
        ("/v1/definitions/{key}/versions", "version"),
    ],
)
def test_pages_follow_each_other_without_gap_or_repeat(agency: Agency, path: str, name: str) -> None:
    for number in range(6):
        changed = agency.definition.model_copy(update={"title": f"Judul {number}"})
        agency.http.post("/v1/definitions", json=changed.model_dump(mode="json"))
        agency.started(str(2000 + number))
    instance = agency.to_the_end("2020")
    path = path.format(id=instance["id"], key=agency.definition.key)
    whole = [one[name] for one in agency.http.json(path, params={"limit": 200})["items"]]
    assert len(whole) >= 6
    for limit in (1, 2, 5, len(whole)):
        assert [one[name] for one in agency.http.all(path, limit=limit)] == whole
    assert whole in (sorted(whole), sorted(whole, reverse=True))
    exact = agency.http.json(path, params={"limit": len(whole)})
    assert exact["next"] is None


def test_the_sops_of_several_agencies_are_paged_by_key(an_agency: Callable[..., Agency]) -> None:
    agencies = [an_agency() for _ in range(4)]
    http = agencies[0].client(also=agencies[1:])
    told = [one["key"] for one in http.all("/v1/definitions", limit=1)]
    assert told == sorted(agency.definition.key for agency in agencies)


def test_what_is_added_meanwhile_never_repeats_what_was_seen(agency: Agency) -> None:
    for period in range(2000, 2004):
        agency.started(str(period))
    first = agency.http.json("/v1/instances", params={"limit": 2})
    agency.started("2010")
    second = agency.http.json("/v1/instances", params={"limit": 2, "cursor": first["next"]})
    periods = [one["period"] for one in first["items"] + second["items"]]
    assert periods == ["2003", "2002", "2001", "2000"]


@pytest.mark.parametrize("path", LISTS)
def test_a_limit_beyond_the_largest_is_the_largest_and_one_below_one_is_refused(agency: Agency, path: str) -> None:
    assert agency.http.get(path, params={"limit": 100_000}).status_code == 200
    for limit in ("0", "-1", "banyak", "1.5"):
        (mistake,) = refused(agency.http.get(path, params={"limit": limit}), 422, "request-invalid")["errors"]
        assert mistake["at"] == "limit"


def test_more_than_two_hundred_are_never_given_at_once(agency: Agency) -> None:
    instance = agency.started()
    with agency.client() as http:
        for _ in range(201):
            http.comment(instance)
    page = agency.http.json(f"/v1/instances/{instance['id']}/audit", params={"limit": 1_000})
    assert (len(page["items"]), page["next"] is None) == (200, False)
    assert len(agency.trail(instance)) == 203


IMPOSSIBLE = (
    None, [], {}, True, 1.5, float("inf"), 10**30, str(10**30), -1, "-1", "9" * 5_000, "a\x00b", "\ud800",
)  # fmt: skip
"""Places that no list has."""


def _cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize("path", [*LISTS, "/v1/instances/{id}/audit", "/v1/definitions/{key}/versions"])
def test_a_cursor_that_is_none_is_refused(agency: Agency, path: str) -> None:
    path = path.format(id=agency.started()["id"], key=agency.definition.key)
    agency.http.comment(agency.http.json("/v1/instances")["items"][0])
    for period in ("2010", "2011"):
        agency.started(period)
    found = agency.http.json(path, params={"limit": 1})
    cursors = ["", "x", "====", "é", "%00", _cursor(None), _cursor([]), _cursor({}), _cursor(["", "", ""])]
    if found["next"]:
        filters, _ = json.loads(base64.urlsafe_b64decode(found["next"]))
        cursors += [_cursor([filters, place]) for place in IMPOSSIBLE]
    for cursor in cursors:
        answer = agency.http.get(path, params={"cursor": cursor})
        assert answer.status_code in (200, 422), f"{cursor}: {answer.text}"
        if answer.status_code == 422:
            assert refused(answer, 422, "request-invalid")["errors"][0]["at"] == "cursor"
    refused(agency.http.get(path, params={"cursor": "x"}), 422, "request-invalid")


def test_a_cursor_belongs_to_its_list_and_its_filters(agency: Agency) -> None:
    for period in ("2001", "2002"):
        agency.started(period)
    cursor = agency.http.json("/v1/instances", params={"limit": 1, "status": "running"})["next"]
    assert agency.http.json("/v1/instances", params={"cursor": cursor, "status": "running", "limit": 9})["items"]
    for path, params in (("/v1/instances", {}), ("/v1/instances", {"status": "cancelled"}), ("/v1/tasks", {})):
        refused(agency.http.get(path, params={**params, "cursor": cursor}), 422, "request-invalid")


@pytest.mark.parametrize("path", [*LISTS, "/v1/instances/{id}/audit", "/v1/instances/{id}/tasks"])
def test_every_list_is_also_csv_with_the_same_names_and_rows(agency: Agency, path: str) -> None:
    path = path.format(id=agency.started()["id"])
    items = agency.http.json(path)["items"]
    asked = [
        agency.http.get(path, headers={"Accept": "text/csv"}),
        agency.http.get(path, params={"format": "csv"}),
        agency.http.get(path, params={"format": "csv"}, headers={"Accept": "application/json"}),
    ]
    for answer in asked:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/csv")
        rows = _rows(answer.text)
        assert len(rows) == len(items)
        assert list(rows[0]) == list(items[0])
        for row, item in zip(rows, items, strict=True):
            for name, value in item.items():
                if isinstance(value, list | dict):
                    assert json.loads(row[name]) == value
                else:
                    assert row[name] == ("" if value is None else str(value))


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/csv, application/json", "text/html"])
def test_otherwise_a_list_is_json(agency: Agency, accept: str) -> None:
    answer = agency.http.get("/v1/instances", headers={"Accept": accept})
    assert answer.headers["content-type"] == "application/json"
    assert agency.http.get("/v1/instances?format=json", headers={"Accept": "text/csv"}).json()["items"] == []


def test_the_pages_of_a_csv_are_linked(agency: Agency) -> None:
    for period in ("2001", "2002", "2003"):
        agency.started(period)
    first = agency.http.get("/v1/instances", params={"format": "csv", "limit": 2})
    following = first.links["next"]["url"]
    second = agency.http.get(following)
    assert [row["period"] for row in _rows(first.text) + _rows(second.text)] == ["2003", "2002", "2001"]
    assert "next" not in second.links


@pytest.mark.parametrize("title", ["=1+1", "+62", "-2", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://a","b")'])
def test_a_cell_that_a_spreadsheet_would_run_is_neutralised(agency: Agency, title: str) -> None:
    agency.started(title=title)
    (row,) = _rows(agency.http.get("/v1/instances?format=csv").text)
    assert row["title"] == f"'{title}"
    assert agency.http.json("/v1/instances")["items"][0]["title"] == title


def test_commas_quotes_and_lines_stay_inside_their_cell(agency: Agency) -> None:
    title = 'LAKIP, "final"\nrevisi; 1'
    agency.started(title=title)
    (row,) = _rows(agency.http.get("/v1/instances?format=csv").text)
    assert row["title"] == title
