"""The numbers of one server, in a registry of its own: what was answered, and what stands at the moment of a scrape.

No label names an agency, a person or anything else that a client chooses: their number is bounded by the code.
"""

from __future__ import annotations

from functools import cache, partial
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import generate_latest

from app.observation.census import Census
from app.observation.exchange import Exchange
from app.observation.traffic import Traffic

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
OTHER = "other"
"""Stands for every method that no route takes."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds of the classes of durations."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more line for each, which nobody reads


class Metrics:
    """The numbers of one server."""

    def __init__(self, traffic: Traffic) -> None:
        self._registry = CollectorRegistry()
        counter = partial(Counter, registry=self._registry)
        gauge = partial(Gauge, registry=self._registry)

        self._requests = counter("alur_http_requests", "Requests answered.", ("route", "method", "status"))
        self._durations = Histogram(
            "alur_http_request_duration_seconds",
            "From a request's headers to the end of its answer.",
            ("route", "method"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._refusals = counter("alur_refusals", "Requests refused, by problem type.", ("reason",))
        self._repeats = counter("alur_repeated_answers", "First answers given again for an Idempotency-Key.")
        self._starts = counter("alur_starts", "Instances started.")
        self._steps = counter("alur_steps", "Steps carried forward (completed) or sent back (returned).", ("kind",))
        for kind in _STEPS.values():
            self._steps.labels(kind)  # told as zero until there is one

        in_flight = gauge("alur_http_requests_in_flight", "Requests under /v1/ in hand.")
        in_flight.set_function(lambda: traffic.in_flight)
        in_flight_limit = gauge("alur_http_requests_in_flight_limit", "Requests under /v1/ taken at once.")
        in_flight_limit.set(traffic.limit)
        self._in_use = gauge("alur_pool_connections_in_use", "Connections to the database that steps are using.")
        self._size = gauge("alur_pool_connections_limit", "Connections to the database that steps may use at once.")
        self._database_up = gauge("alur_database_up", "Whether the database answers in time.")
        self._tasks = gauge("alur_tasks", "Tasks that wait, over all servers.", ("status",))
        self._overdue = gauge("alur_tasks_overdue", "Tasks that wait and are late, over all servers.", ("status",))
        self._instances = gauge("alur_instances", "Instances that have not ended, over all servers.", ("status",))
        gauge("alur_build_info", "What runs here.", ("version",)).labels(version("alur")).set(1)
        ProcessCollector(registry=self._registry)

        self._answered = cache(self._of)  # bounded as the labels are, which cost more to look up

    def count(
        self, exchange: Exchange, method: str, route: str, status: int | None, reason: str | None, seconds: float
    ) -> None:
        """Count a request that has come to its end. `status` is null where nobody was there to be answered."""
        requests, durations = self._answered(route, method if method in METHODS else OTHER, status)
        requests.inc()
        durations.observe(seconds)
        if reason is not None:
            self._refusals.labels(reason).inc()
        if exchange.is_repeat:
            self._repeats.inc()
        elif status is not None and status < 300:
            self._count_deeds(exchange.events)

    def _count_deeds(self, events: tuple[str, ...]) -> None:
        for event in events:
            if event == "instance.started":
                self._starts.inc()
            elif event in _STEPS:
                self._steps.labels(_STEPS[event]).inc()

    def _of(self, route: str, method: str, status: int | None) -> tuple[Counter, Histogram]:
        counted = self._requests.labels(route, method, "none" if status is None else str(status))
        return counted, self._durations.labels(route, method)

    def text(self, *, database_up: bool, in_use: int, size: int, census: Census | None) -> bytes:
        """Everything in Prometheus text format 0.0.4; what is not known at the moment is left out."""
        self._database_up.set(database_up)
        self._in_use.set(in_use)
        self._size.set(size)
        self._tasks.clear()
        self._overdue.clear()
        self._instances.clear()
        if census is not None:
            for status, number in census.tasks.items():
                self._tasks.labels(status).set(number)
            for status, number in census.overdue.items():
                self._overdue.labels(status).set(number)
            for status, number in census.instances.items():
                self._instances.labels(status).set(number)
        return generate_latest(self._registry)


_STEPS = {"step.completed": "completed", "step.returned": "returned"}
