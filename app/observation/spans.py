"""One OpenTelemetry span a request. Imported only where a collector is named (`telemetry`).

Spans leave in the background, and are dropped where nobody takes them: a collector that is gone costs no request
anything. The attributes are those of the semantic conventions for HTTP servers, save the query and the client: the
names and addresses in them stay here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from importlib.metadata import version
from time import monotonic
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from app.observation.exchange import Exchange, Parent

LAST_WORDS = 3.0
"""Seconds that the spans of the last requests have to leave when the server stops."""

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
"""The methods that the semantic conventions know; any other is `_OTHER`."""


class Spans:
    """Where the spans of one server go: to the collector that OpenTelemetry's variables name."""

    def __init__(self, service: str) -> None:
        resource = Resource.create({"service.name": service, "service.version": version("alur")})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("alur", version("alur"))

    def begin(self, scope: Mapping[str, Any], exchange: Exchange) -> Span:
        """Begin the span of a request; the exchange takes its ids, so that lines and spans find each other."""
        method = scope["method"]
        attributes = {
            "http.request.method": method,
            "url.scheme": scope["scheme"],
            "url.path": scope["path"],
            "network.protocol.version": scope["http_version"],
        }
        if method not in METHODS:
            attributes |= {"http.request.method": "_OTHER", "http.request.method_original": method}
            method = "HTTP"
        span = self._tracer.start_span(method, _continued(exchange.parent), SpanKind.SERVER, attributes)
        context = span.get_span_context()
        exchange.trace_id, exchange.span_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        return Span(span, method)

    async def close(self) -> None:
        """Send what is left, for at most `LAST_WORDS`: a collector that is gone holds nobody up."""
        sending = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        sending.start()
        end = monotonic() + LAST_WORDS
        while sending.is_alive() and monotonic() < end:
            await asyncio.sleep(0.02)


class Span:
    """The span of one request."""

    def __init__(self, span: trace.Span, name: str) -> None:
        self._span, self._name = span, name

    def end(self, route: str | None, status: int | None) -> None:
        """End it with what was answered; `status` is null where nothing was."""
        if route is not None:
            self._span.update_name(f"{self._name} {route}")
            self._span.set_attribute("http.route", route)
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
        if status is None or status >= 500:
            self._span.set_attribute("error.type", str(status or "incomplete"))
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


def _continued(parent: Parent | None) -> Context:
    """The context of the caller's span, or an empty one: whatever else is current is not the parent."""
    if parent is None:
        return Context()
    known = TraceFlags(parent.flags & (TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID))
    caller = SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=known)
    return trace.set_span_in_context(NonRecordingSpan(caller), Context())
