"""Problems (RFC 9457): in both languages, all mistakes at once, whatever a client sends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app import errors
from engine.errors import Refused
from tests.world import PROBLEM, Agency, World, refused

JSON = {"Content-Type": "application/json"}


def _kinds(kind: type[Refused] = Refused) -> Iterator[type[Refused]]:
    for one in kind.__subclasses__():
        if one.__module__ in ("engine.errors", "app.errors"):
            yield one
            yield from _kinds(one)


@pytest.mark.parametrize("kind", list(_kinds()))
def test_every_refusal_has_a_status_and_words_in_both_languages(kind: type[Refused]) -> None:
    told = errors.KINDS[kind]
    assert 400 <= told.status <= 599
    assert all((told.title_id, told.title_en))
    assert told.detail_id.endswith(".")
    assert (kind.__doc__ or "").endswith(".")


def test_the_table_holds_nothing_else() -> None:
    assert set(errors.KINDS) == set(_kinds())


def test_every_problem_type_is_an_address_that_tells_what_it_means(world: World) -> None:
    anyone = world.client(None)
    for kind, told in errors.KINDS.items():
        page = anyone.json(f"/problems/{errors.slug(kind)}")
        assert (page["status"], page["title_id"], page["title_en"]) == (told.status, told.title_id, told.title_en)
    refused(anyone.get("/problems/tidak-ada"), 404, "not-found")


@pytest.mark.parametrize(
    ("accepted", "english"),
    [
        (None, False),
        ("id", False),
        ("en", True),
        ("en-US,en;q=0.9", True),
        ("id,en;q=0.8", False),
        ("en;q=0.5, id-ID;q=0.7", False),
        ("de,en;q=0.1", True),
        ("en;q=0", False),
        ("*", False),
        ("en;q=banyak", True),
        (",;=", False),
    ],
)
def test_detail_and_title_follow_the_language_and_both_are_always_there(
    agency: Agency, accepted: str | None, english: bool
) -> None:
    headers = {"Accept-Language": accepted} if accepted else {}
    answer = agency.http.post("/v1/instances", json={"definition": 7}, headers=headers)
    problem = refused(answer, 422, "request-invalid")
    assert problem["detail"] == problem["detail_en" if english else "detail_id"]
    assert problem["title"] == ("Request invalid" if english else "Permintaan keliru")
    for mistake in problem["errors"]:
        assert mistake["message"] == mistake["message_en" if english else "message_id"]


def test_all_mistakes_are_told_at_once_each_where_it_stands(agency: Agency) -> None:
    wrong = {
        "definition": 7,
        "period": "",
        "version": "satu",
        "duplicate": {"reason": " "},
        "reference": {"system": "x", "letter_date": "kemarin"},
        "warna": "biru",
    }
    problem = refused(agency.http.post("/v1/instances", json=wrong), 422, "request-invalid")
    told = {mistake["at"] for mistake in problem["errors"]}
    assert told == {
        "definition",
        "period",
        "version",
        "duplicate.reason",
        "reference.id",
        "reference.letter_date",
        "warna",
    }
    for mistake in problem["errors"]:
        assert mistake["message_id"] != mistake["message_en"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"{", (1, 2)),
        (b'{"definition": "x",\n  "period": }', (2, 13)),
        (b"tidak", (1, 1)),
        (b'{"definition": "x"} lagi', (1, 21)),
    ],
)
def test_malformed_json_is_a_problem_that_names_the_place(agency: Agency, body: bytes, place: tuple[int, int]) -> None:
    answer = agency.http.post("/v1/instances", content=body, headers=JSON)
    (mistake,) = refused(answer, 422, "request-invalid")["errors"]
    assert (mistake["line"], mistake["column"]) == place


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"definition": "a\\u0000b"}',
        b'{"definition": "\\ud800"}',
        b'{"definition": "x", "title": "\\udfff"}',
        b'{"definition": "x", "warna\\ud800": 1}',
        b'{"definition": "x", "data": {"a": "\\u0000"}}',
        b'{"definition": "x", "data": {"\\u0000": 1}}',
        b'{"definition": "x", "data": {"a": "\\ud800"}}',
        b'{"definition": "x", "data": {"\\ud800": 1}}',
        b'{"definition": "x", "data": {"a": NaN}}',
        b'{"definition": "x", "data": {"a": 1e400}}',
        b'{"definition": "x", "data": {"a": 123456789012345678901234567890}}',
        b'{"definition": "x", "data": {"a": ' + b"9" * 5_000 + b"}}",
        b'{"definition": "x", "data": {"a": "' + b"x" * 20_000 + b'"}}',
        b'{"definition": "x", "data": ' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}",
        b'{"definition": "x", "data": ' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}",
        b'{"definition": "x", "data": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b'{"definition": "x", "data": {"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
    ids=range(22),
)
def test_a_body_that_cannot_be_stored_is_refused(agency: Agency, body: bytes) -> None:
    known = body.replace(b'"definition": "x"', b'"period": "2025", "definition": "%s"' % agency.definition.key.encode())
    refused(agency.http.post("/v1/instances", content=known, headers=JSON), 422, "request-invalid")
    assert agency.http.all("/v1/instances") == []


def test_data_comes_back_as_it_was_sent(agency: Agency) -> None:
    data = {"a": [1, 2.5, None, True, {"é": "\u2028 \\u0000 \x7f"}], "": "", "z": -0.5, "b": 2**53}
    assert agency.started(data=data)["data"] == data


@pytest.mark.parametrize("text", ["a\\u0000b", "\\ud800"])
def test_words_that_no_database_stores_are_refused(agency: Agency, text: str) -> None:
    task = agency.opened()
    body = f'{{"text": "{text}"}}'.encode()
    path = f"/v1/instances/{task['instance_id']}/comments"
    refused(agency.http.post(path, content=body, headers=JSON), 422, "request-invalid")
    for field in (b'"outcome"', b'"note"', b'"reason"'):
        wrong = body.replace(b'"text"', field)
        answer = agency.http.post(
            f"/v1/tasks/{task['id']}/complete", content=wrong, headers={**JSON, "Alur-On-Behalf-Of": agency.official()}
        )
        assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM), answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/v1/definitions/a%00b",
        "/v1/definitions/a%00b/versions",
        "/v1/definitions/a%00b/versions/1",
        "/v1/definitions/%ED%A0%80",
        "/v1/instances/a%00b",
        "/v1/tasks/%FF",
        "/v1/definitions?q=%00",
        "/v1/definitions?agency=a%00",
        "/v1/instances?q=%00",
        "/v1/instances?period=%00",
        "/v1/instances?definition=a,%00",
        "/v1/instances?candidate_role=%00",
        "/v1/instances?agency=%00",
        "/v1/instances?q=%ED%A0%80",
        "/v1/tasks?q=%00",
        "/v1/tasks?unit=%00",
        "/v1/tasks?status=%00",
        "/v1/tasks?done_by=%00",
        "/v1/tasks?instance=1",
        "/v1/tasks?for=%00",
        "/v1/tasks?due_before=kapan",
    ],
)
def test_an_address_with_impossible_characters_is_no_fault_of_ours(agency: Agency, path: str) -> None:
    answer = agency.http.get(path)
    assert answer.status_code in (200, 404, 422), answer.text
    assert answer.status_code == 200 or answer.headers["content-type"] == PROBLEM


def test_the_trail_takes_no_impossible_characters(agency: Agency) -> None:
    answer = agency.http.get(f"/v1/instances/{agency.started()['id']}/audit?type=%00")
    assert answer.status_code in (200, 422), answer.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/png"])
def test_a_body_of_another_kind_is_a_problem(agency: Agency, kind: str) -> None:
    body = b'{"definition": "x"}'
    answer = agency.http.post("/v1/instances", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.headers["content-type"]) in ((415, PROBLEM), (422, PROBLEM)), answer.text


def _in_pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@pytest.mark.parametrize("path", ["/v1/instances", "/v1/definitions"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_huge_body_is_refused_announced_or_not(agency: Agency, path: str, announced: bool) -> None:
    body = b'{"definition": "' + b"x" * 3_000_000 + b'"}'
    answer = agency.http.post(path, content=body if announced else _in_pieces(body), headers=JSON)
    refused(answer, 413, "body-too-large")


@pytest.mark.parametrize("path", ["/v1/definitions", "/v1/instances", "/v1/tasks"])
def test_an_unknown_query_parameter_is_refused(agency: Agency, path: str) -> None:
    (mistake,) = refused(agency.http.get(path, params={"statsu": "running"}), 422, "request-invalid")["errors"]
    assert mistake["at"] == "statsu"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1", "/v1/instance", "/v1/instances/", "/v1/tasks/x/y/z", "/favicon.ico"]
)
def test_an_unknown_path_is_a_problem(agency: Agency, path: str) -> None:
    refused(agency.http.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/v1/instances"), ("DELETE", "/v1/tasks"), ("GET", "/v1/tasks/1/claim"), ("PATCH", "/healthz")],
)
def test_a_wrong_method_is_a_problem_and_says_which_are_right(agency: Agency, method: str, path: str) -> None:
    answer = agency.http.request(method, path)
    refused(answer, 405, "method-not-allowed")
    assert answer.headers["allow"]


@pytest.mark.parametrize("id", ["1", "x", "../1", "00000000-0000-0000-0000-00000000000g"])
def test_an_id_that_cannot_be_one_is_a_problem(agency: Agency, id: str) -> None:
    answer = agency.http.get(f"/v1/instances/{id}/audit")
    assert (answer.status_code, answer.headers["content-type"]) in ((404, PROBLEM), (422, PROBLEM))


def test_an_id_that_is_none_is_not_found(agency: Agency) -> None:
    for path in ("/v1/instances/{}", "/v1/instances/{}/audit", "/v1/instances/{}/tasks", "/v1/tasks/{}"):
        refused(agency.http.get(path.format(agency.id)), 404, "not-found")


def test_a_fact_with_braces_in_it_is_told_as_it_is(agency: Agency) -> None:
    task = agency.opened()
    answer = agency.http.complete(task, **{"note": "{status}"})
    assert answer.status_code == 200
    following = answer.json()["opened"][0]
    body = {"outcome": "{offered}"}
    wrong = agency.http.deed(f"/v1/tasks/{following['id']}/complete", body, by=following["candidates"][0]["official"])
    assert "completed" in refused(wrong, 422, "outcome-unknown")["detail_id"]
