"""Spans for a collector, where one is named: right ones, in the background, whatever becomes of the collector."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from app.migrate import ROOT
from app.settings import Settings
from tests.app.process import process
from tests.world import Agency, World, served

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

Told = dict[str, str | int]


class Collector(ThreadingHTTPServer):
    """Takes spans down as they arrive, in protobuf over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for _, request in self.received
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def services(self) -> set[str | int]:
        return {
            _told(resource.resource.attributes)["service.name"]
            for _, request in self.received
            for resource in request.resource_spans
        }


class _Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _told(attributes: Any) -> Told:
    return {one.key: one.value.int_value or one.value.string_value for one in attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, name="collector")
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


@contextmanager
def traced(world: World, monkeypatch: pytest.MonkeyPatch, endpoint: str, **environment: str) -> Iterator[Agency]:
    """An agency served by a server that sends its spans somewhere."""
    for name, value in ({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} | environment).items():
        monkeypatch.setenv(name, value)
    with served(Settings(database_url=world.addresses.application, port=0)) as url:
        here = World(world.addresses, url, world.runner)
        yield here.an_agency()
        here.close_clients()
        here.runner.run(here.database.close())


def test_a_request_is_one_span_under_the_span_of_its_caller(
    world: World, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with traced(world, monkeypatch, collector.url) as office:
        task = office.opened()
        office.http.get(f"/v1/tasks/{task['id']}?", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        office.http.get("/v1/tasks", params={"q": "Siti"})
    assert {path for path, _ in collector.received} == {"/v1/traces"}
    assert collector.services() == {"alur"}
    (span,) = [span for span in collector.spans if span.name == "GET /v1/tasks/{id}"]
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.kind) == (TRACE, PARENT, Span.SPAN_KIND_SERVER)
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert span.start_time_unix_nano < span.end_time_unix_nano
    assert _told(span.attributes) == {
        "http.request.method": "GET",
        "http.route": "/v1/tasks/{id}",
        "http.response.status_code": 200,
        "url.path": f"/v1/tasks/{task['id']}",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
    }
    (root,) = [span for span in collector.spans if span.name == "POST /v1/instances"]
    assert root.parent_span_id == b""
    assert "Siti" not in str(collector.spans)
    assert len({span.span_id for span in collector.spans}) == len(collector.spans)


def test_a_span_tells_errors_of_ours_and_not_of_the_client(
    a_world: Callable[[], World], collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with traced(a_world(), monkeypatch, collector.url) as office:
        office.http.get("/v1/tidak-ada")
        office.world.client(None).request("PROPFIND", "/healthz")
        office.world.sql("REVOKE ALL ON alembic_version FROM alur_app; SELECT 1")
        office.world.client(None).get("/readyz")
    named = {span.name: span for span in collector.spans}
    lost, odd, unready = named["GET"], named["HTTP /healthz"], named["GET /readyz"]
    assert "error.type" not in _told(lost.attributes)
    assert lost.status.code == Status.STATUS_CODE_UNSET
    told = _told(odd.attributes)
    assert (told["http.request.method"], told["http.request.method_original"]) == ("_OTHER", "PROPFIND")
    assert _told(unready.attributes)["error.type"] == "503"
    assert unready.status.code == Status.STATUS_CODE_ERROR


def test_a_caller_that_does_not_sample_is_followed(
    world: World, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with traced(world, monkeypatch, collector.url, OTEL_SERVICE_NAME="alur-uji") as office:
        office.http.get("/healthz", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
        office.http.get("/readyz", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    assert [span.name for span in collector.spans] == ["GET /readyz"]
    assert collector.services() == {"alur-uji"}


@contextmanager
def _deaf() -> Iterator[str]:
    """A collector that lets everybody in and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def _gone() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("collecting", [_deaf, _gone])
def test_a_collector_that_does_not_answer_fails_no_request_and_holds_nobody_up(
    world: World, monkeypatch: pytest.MonkeyPatch, collecting: Callable[[], Any]
) -> None:
    with collecting() as endpoint:
        # so few fit that most are dropped, and they are sent as they come
        few = {"OTEL_BSP_MAX_QUEUE_SIZE": "4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1", "OTEL_BSP_SCHEDULE_DELAY": "1"}
        with traced(world, monkeypatch, endpoint, **few) as office:
            for _ in range(50):
                assert office.http.get("/healthz").status_code == 200
            assert office.to_the_end()["status"] == "completed"
            told = time.monotonic()
        assert time.monotonic() - told < 25


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, to its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ALUR_", "OTEL_"))}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=kept | environment, capture_output=True, text=True)  # noqa: S603 - this very Python


def test_named_but_not_installed_is_a_sentence(tmp_path: Path, world: World) -> None:
    hidden = "import sys\nsys.modules['opentelemetry.sdk'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    environment = {
        "PYTHONPATH": str(tmp_path),
        "ALUR_DATABASE_URL": world.addresses.application,
        "ALUR_PORT": "0",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces",
    }
    done = run("-m", "app.cli", "serve", **environment)
    assert done.returncode == 1
    assert "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" in done.stderr
    assert 'pip install "alur[telemetry]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_of_it_is_imported_where_no_collector_is_named() -> None:
    script = (
        "import sys; from app.main import create_app; from app.settings import Settings; create_app(Settings());"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = run("-c", script)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_ids_in_the_log_are_those_of_the_span(world: World, collector: Collector) -> None:
    with process(world.addresses.application, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as server:
        entry = server.request(httpx.get(f"{server.url}/healthz").headers["request-id"])
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
    (span,) = [span for span in collector.spans if span.name == "GET /healthz"]
    assert (span.trace_id.hex(), span.span_id.hex()) == (entry["trace_id"], entry["span_id"])
