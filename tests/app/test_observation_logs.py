"""What the server logs: one line a request, whole, and nothing that a client or an error could slip in."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

import pytest

from app.embedded import Addresses
from app.migrate import migrate
from app.observation.exchange import CURRENT, Exchange, parent_in
from app.observation.logs import JsonLines, TextLines, without_secrets
from tests.app.process import Process, process
from tests.world import Agency, Client, World, refused

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture(scope="module")
def addresses(fresh_database: Callable[[], Addresses], runner: asyncio.Runner) -> Addresses:
    addresses = fresh_database()
    runner.run(migrate(addresses.owner, addresses.application))
    return addresses


@pytest.fixture(scope="module")
def server(addresses: Addresses) -> Iterator[Process]:
    with process(addresses.application) as server:
        yield server


@pytest.fixture(scope="module")
def office(addresses: Addresses, server: Process, runner: asyncio.Runner) -> Iterator[Agency]:
    world = World(addresses, server.url, runner)
    yield world.an_agency()
    world.close_clients()
    runner.run(world.database.close())


def raw(url: str, request: bytes) -> bytes:
    """What a server answers to bytes, until it closes the connection."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.settimeout(30)
        connection.sendall(request)
        answered = b""
        while piece := connection.recv(65_536):
            answered += piece
        return answered


def test_a_request_is_one_line_that_tells_all_about_it(office: Agency, server: Process) -> None:
    task = office.opened("2001")
    answer = office.http.complete(task, "completed")
    entry = server.request(answer.headers["request-id"])
    moment, duration = datetime.fromisoformat(entry.pop("moment")), entry.pop("duration_ms")
    assert moment.utcoffset() is not None
    assert 0 < duration < 60_000
    assert re.fullmatch(r"[0-9a-f]{32}", entry.pop("trace_id"))
    assert re.fullmatch(r"[0-9a-f]{16}", entry.pop("span_id"))
    entry.pop("client", None)
    assert entry == {
        "level": "info",
        "logger": "alur.request",
        "message": "POST /v1/tasks/{id}/complete 200",
        "request_id": answer.headers["request-id"],
        "method": "POST",
        "route": "/v1/tasks/{id}/complete",
        "path": f"/v1/tasks/{task['id']}/complete",
        "status": 200,
    }


def test_a_refusal_names_its_problem_type(office: Agency, server: Process) -> None:
    answer = office.http.complete(office.opened("2002"), outputs=[])
    refused(answer, 422, "output-missing")
    entry = server.request(answer.headers["request-id"])
    assert (entry["level"], entry["status"], entry["problem"]) == ("info", 422, "output-missing")


def test_a_stranger_and_a_lost_client_are_logged_without_a_route(office: Agency, server: Process) -> None:
    for path, status, problem in (("/v1/tasks", 401, "identity-missing"), ("/tidak/ada", 404, "not-found")):
        entry = server.request(office.world.client(None).get(path).headers["request-id"])
        assert (entry["status"], entry["problem"], entry["route"], entry["path"]) == (status, problem, None, path)


@pytest.mark.parametrize("given", ["a", "0199c0de-7f", "Root=1-67891233-abcdef012345678912345678", "x" * 128])
def test_a_sane_request_id_is_taken_over(office: Agency, server: Process, given: str) -> None:
    answer = office.http.get("/healthz", headers={"Request-Id": given})
    assert answer.headers["request-id"] == given
    assert server.request(given)["path"] == "/healthz"


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, 'a"b', "a,b", "é", "a\tb", "{}"])
def test_any_other_request_id_is_replaced(office: Agency, given: str) -> None:
    answer = office.http.get("/healthz", headers={"Request-Id": given.encode()})
    assert re.fullmatch(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", answer.headers["request-id"])


def test_a_trace_is_continued_with_a_span_of_our_own(office: Agency, server: Process) -> None:
    entry = server.request(office.http.get("/healthz", headers={"traceparent": PARENT}).headers["request-id"])
    assert entry["trace_id"] == TRACE
    assert entry["span_id"] != SPAN


def test_two_parents_are_none(office: Agency, server: Process) -> None:
    answer = office.http.get("/healthz", headers=[("traceparent", PARENT), ("traceparent", PARENT)])
    assert server.request(answer.headers["request-id"])["trace_id"] != TRACE


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (PARENT, 1),
        (f"00-{TRACE}-{SPAN}-00", 0),
        (f"00-{TRACE}-{SPAN}-ff", 255),
        (f" 00-{TRACE}-{SPAN}-01\t", 1),
        (f"01-{TRACE}-{SPAN}-03", 3),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", 1),
        (f"cc-{TRACE}-{SPAN}-01-", 1),
    ],
)
def test_a_valid_traceparent_is_read(header: str, flags: int) -> None:
    parent = parent_in(header.encode())
    assert parent is not None
    assert (parent.trace_id, parent.span_id, parent.flags) == (TRACE, SPAN, flags)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        TRACE,
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0x",
        f"0-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01.what",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01",
    ],
)
def test_a_traceparent_that_is_wrong_in_the_least_is_none(header: str) -> None:
    assert parent_in(header.encode()) is None


def test_neither_queries_nor_bodies_nor_keys_are_logged(office: Agency, server: Process) -> None:
    instance = office.started("2003", title="Judul Rahasia", data={"nama": "Budi"})
    answers = [
        office.http.get("/v1/tasks", params={"q": "Siti Rahasia"}),
        office.http.get("/v1/tasks", params={"tidak_dikenal": "Siti Rahasia"}),
        office.http.comment(instance, "Komentar Rahasia"),
        office.http.get(f"/v1/tasks/{office.http.key}"),
        office.world.client(None).get(f"/{office.http.key}"),
    ]
    for answer in answers:
        server.request(answer.headers["request-id"])
    said = "".join(server.said)
    assert office.http.key is not None
    assert not [word for word in ("Rahasia", "Budi", "Siti", office.http.key) if word in said]
    assert "alur_***" in said


FORGED = '{"level":"error","message":"forged"}'


def test_no_request_forges_a_line(office: Agency, server: Process) -> None:
    before = len(server.said)
    paths = [f"/%0A{FORGED}", "/%0D%0Aforged", "/%1B[2Jforged", "/%E2%80%A8forged", '/"forged', "/x" * 5_000]
    ids = [office.http.get(path).headers["request-id"] for path in paths]
    ids.append(office.http.get("/healthz", headers={"Request-Id": FORGED}).headers["request-id"])
    ids.append(
        office.http.get("/healthz", headers={"User-Agent": FORGED, "X-Forwarded-For": FORGED}).headers["request-id"]
    )
    for request_id in ids:
        server.request(request_id)
    entries = server.entries()[before:]
    assert [entry["request_id"] for entry in entries] == ids
    assert {entry["level"] for entry in entries} == {"info"}
    assert all(line.isascii() and line.isprintable() for line in (line.rstrip("\n") for line in server.said))
    assert max(map(len, server.said)) < 2_000


def test_what_uvicorn_has_to_say_looks_the_same(server: Process) -> None:
    assert b" 400 " in raw(server.url, b"BUKAN HTTP\r\n\r\n")
    entry = server.entry(lambda entry: entry["logger"] == "uvicorn.error")
    assert (entry["level"], entry["message"]) == ("warning", "Invalid HTTP request received.")


def test_an_unexpected_error_is_logged_once_with_its_trace_and_without_the_words_in_it(
    fresh_database: Callable[[], Addresses], runner: asyncio.Runner
) -> None:
    addresses = fresh_database()
    runner.run(migrate(addresses.owner, addresses.application))
    with process(addresses.application) as server:
        world = World(addresses, server.url, runner)
        office = world.an_agency()
        world.sql("ALTER TABLE instances ADD CONSTRAINT ck_surprise CHECK (title <> 'Budi punya rahasia'); SELECT 1")
        answer = office.http.start(office.definition.key, period="2001", title="Budi punya rahasia")
        refused(answer, 500, "internal-error")
        request_id = answer.headers["request-id"]
        line = server.request(request_id)
        assert (line["status"], line["level"]) == (500, "info")
        (error,) = [entry for entry in server.entries() if entry["level"] == "error"]
        assert (error["logger"], error["request_id"], error["trace_id"]) == ("alur", request_id, line["trace_id"])
        assert error["error"] == "CheckViolationError"
        assert "Traceback" in error["trace"]
        assert "ck_surprise" in error["trace"]
        assert "Budi" not in "".join(server.said)
        world.close_clients()
        runner.run(world.database.close())


def test_above_info_no_request_is_logged(addresses: Addresses) -> None:
    with process(addresses.application, ALUR_LOG_LEVEL="warning") as server:
        with Client(server.url, None) as anyone:
            anyone.get("/healthz")
        raw(server.url, b"BUKAN HTTP\r\n\r\n")
        server.entry(lambda entry: entry["logger"] == "uvicorn.error")
        assert len(server.said) == 1


def test_a_line_of_text_has_the_same_facts(addresses: Addresses) -> None:
    with process(addresses.application, ALUR_LOG_FORMAT="text") as server:
        with Client(server.url, None) as anyone:
            anyone.get('/a"b', headers={"Request-Id": "uji-1"})
        raw(server.url, b"BUKAN HTTP\r\n\r\n")
        assert re.fullmatch(
            r"\S+ INFO    GET unrouted 404 logger=alur.request request_id=uji-1 trace_id=\w{32} span_id=\w{16} "
            r"method=GET route=None path=/a%22b status=404 duration_ms=\S+ problem=not-found\n",
            server.line(lambda line: "uji-1" in line),
        )
        told = server.line(lambda line: "uvicorn" in line)
        assert re.fullmatch(r"\S+ WARNING Invalid HTTP request received\. logger=uvicorn\.error\n", told)


# Lines by themselves


def entry(
    form: logging.Formatter, message: str, *values: object, error: BaseException | None = None, **told: object
) -> str:
    """What a form makes of a message, an error and further facts."""
    stream = io.StringIO()
    lines = logging.StreamHandler(stream)
    lines.setFormatter(form)
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("uji", logging.WARNING, __file__, 1, message, values, info)
    if told:
        record.told = told
    lines.handle(record)
    return stream.getvalue()


def raised(message: str) -> ValueError:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


HOSTILE = "satu\ndua\r\x1b[31m\x00\x85\u2028tiga \ud800"


@pytest.mark.parametrize("form", [JsonLines(), TextLines()])
def test_a_message_stays_on_its_line(form: logging.Formatter) -> None:
    said = entry(form, "kata %s", HOSTILE, path=HOSTILE)
    assert len(said.splitlines()) == 1
    assert said.rstrip("\n").isprintable()


def test_a_trace_in_text_is_indented_so_that_no_line_of_it_begins_an_entry() -> None:
    forged = "x\n2026-01-01T00:00:00+00:00 ERROR   forged\n\u2028\x1b[2J"
    first, *rest = entry(TextLines(), "gagal", error=raised(forged)).splitlines()
    assert first.endswith("error=ValueError")
    assert any("forged" in line for line in rest)
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_a_trace_in_json_is_whole() -> None:
    told = json.loads(entry(JsonLines(), "gagal", error=raised("satu\ndua")))
    assert told["error"] == "ValueError"
    assert told["trace"].endswith("ValueError: satu\ndua")


def test_a_line_outside_any_request_has_no_ids_and_one_inside_has_them() -> None:
    assert "request_id" not in json.loads(entry(JsonLines(), "sepi"))
    token = CURRENT.set(Exchange("r-1", TRACE, SPAN))
    try:
        told = json.loads(entry(JsonLines(), "ramai"))
    finally:
        CURRENT.reset(token)
    assert (told["request_id"], told["trace_id"], told["span_id"]) == ("r-1", TRACE, SPAN)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("key alur_0123456789abcdefghijABCDEFGHIJ0123456789abc123456 used", "key alur_*** used"),
        ("Authorization: Bearer eyJhbGciOi.J9", "Authorization: Bearer ***"),
        ("at postgresql+asyncpg://alur:rahasia@db:5432/alur", "at postgresql+asyncpg://alur:***@db:5432/alur"),
        ("at postgresql://alur@db/alur", "at postgresql://alur@db/alur"),
        ("x: violates\nDETAIL:  Failing row contains (Budi,\nSiti\n).\nHINT: y", "x: violates\nDETAIL: ***\nHINT: y"),
        (
            "x\nDETAIL:  Key (name)=(Budi) already exists.\n\nThe above exception was",
            "x\nDETAIL: ***\n\nThe above exception was",
        ),
        ("at [type=x, input_value='Budi\nSiti', input_type=str]", "at [type=x, input_value=***, input_type=str]"),
    ],
)
def test_secrets_and_quoted_words_are_left_out(text: str, kept: str) -> None:
    assert without_secrets(text) == kept
