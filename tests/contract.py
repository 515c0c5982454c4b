"""Generated requests against the OpenAPI document, by schemathesis, and what came of them.

Left to itself, a generator asks for things that do not exist and is told so. An `Insider` sees to it that many requests
meet what is really there: instances that run, tasks that wait, the official they wait on, the outputs they want.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from itertools import count
from random import Random
from traceback import format_exception
from typing import Any
from uuid import UUID

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.transport import Response
from schemathesis.engine import StopReason, events, from_schema
from schemathesis.generation.case import Case
from schemathesis.generation.meta import TestPhase
from schemathesis.hooks import HookContext
from schemathesis.openapi.checks import RejectedPositiveData

from engine.definition import Cycle, ProcessDefinition
from tests.app.webhooks.endpoint import happened
from tests.journeys.course import Course, example
from tests.world import Agency, Client, Json, completion, kalbar_lakip

PHASES = ("examples", "coverage", "fuzzing", "stateful")
"""Where requests come from: the document's examples, its bounds one by one, chance, and chance after an answer."""

DRAWN = ("fuzzing", "stateful")


@dataclass
class Told:
    """What came of a run: how many requests, how each operation was answered, and what was not as documented."""

    cases: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def __iadd__(self, other: Told) -> Told:
        self.cases += other.cases
        self.answers += other.answers
        self.failures |= other.failures
        return self

    @property
    def operations(self) -> set[str]:
        return {name for name, _ in self.answers}

    @property
    def done(self) -> set[str]:
        """The operations that were carried out at least once."""
        return {name for name, status in self.answers if status < 300}

    @property
    def report(self) -> str:
        """Every finding with a request that shows it and how it was answered."""
        return "\n\n".join(f"{what}\n{shown}" for what, shown in self.failures.items())


@dataclass(kw_only=True)
class Insider:
    """Knows what goes on in three agencies that a key serves, and turns requests towards it.

    `agency` works by the sheet, `collecting` has a step that waits for units, `asking` one that waits for a party.
    `tasks` and `instances` are what the API told of, as it told it last.
    """

    agency: Agency
    collecting: Agency
    asking: Agency
    http: Client
    random: Random
    tasks: dict[str, Json] = field(default_factory=dict)
    instances: dict[str, Json] = field(default_factory=dict)
    holidays: dict[str, Json] = field(default_factory=dict)
    deadlines: dict[str, Json] = field(default_factory=dict)
    webhook_endpoints: dict[str, Json] = field(default_factory=dict)
    deliveries: dict[str, Json] = field(default_factory=dict)
    event_consumers: dict[str, Json] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    weeks: Iterator[int] = field(default_factory=count)

    @property
    def agencies(self) -> tuple[Agency, ...]:
        return self.agency, self.collecting, self.asking

    def learn(self, context: HookContext, case: Case, response: Response) -> None:
        """Remember what could be done, and the instances and tasks an answer tells of."""
        if response.status_code < 300:
            self.done.add(_operation(case))
            if response.headers.get("content-type") == ["application/json"]:
                self._remember(response.json())

    def _remember(self, told: Json) -> None:
        if isinstance(told, list):
            for one in told:
                self._remember(one)
        if isinstance(told, dict):
            if "headline" in told:
                self.instances[told["id"]] = told
            if "candidates" in told:
                self.tasks[told["id"]] = told
            if "effective" in told and told["id"]:
                self.holidays[told["id"]] = told
            if "max_in_flight" in told:
                self.webhook_endpoints[told["id"]] = told
            if "in_force" in told:
                self.deadlines[told["id"]] = told
            if "acked_at" in told:
                self.event_consumers[told["id"]] = told
            for part in ("items", "instance", "task", "opened"):
                self._remember(told.get(part))

    def steer(self, context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
        """Turn a request towards what is there, as far as it was meant to be a sound one."""
        operation = _operation(case)
        closely = operation not in self.done or (_is_drawn(case) and self._maybe())
        subject = self._steer_path(case, operation, closely) if _is_sound(case, ParameterLocation.PATH) else None
        if operation in BODIES and _is_sound(case, ParameterLocation.BODY):
            self._steer_body(case, BODIES[operation](self, subject), closely)
        if _is_sound(case, ParameterLocation.HEADER):
            self._steer_headers(case, subject, closely)
        if operation not in self.done and _is_sound(case, ParameterLocation.QUERY):
            case.query.clear()
            case.query.update(QUERIES.get(operation, {}))
        if str(case.query.get("wait", "")).isdigit() and int(case.query["wait"]) <= 60:
            case.query["wait"] = 0  # nobody does anything meanwhile that could be waited for

    def _maybe(self) -> bool:
        return self.random.random() < 0.6

    def _steer_path(self, case: Case, operation: str, closely: bool) -> Json:
        """The task or instance that the request is about, where it is known."""
        if "key" in case.path_parameters and (closely or self._maybe()):
            case.path_parameters["key"] = self.random.choice(self.agencies).definition.key
        if "agency" in case.path_parameters and (closely or self._maybe()):
            case.path_parameters["agency"] = self.random.choice(self.agencies).key
        if "n" in case.path_parameters and closely:
            case.path_parameters["n"] = 1
        if "id" not in case.path_parameters:
            return None
        known: dict[str, Json] = getattr(self, case.path.split("/")[2].replace("-", "_"))
        if case.path_parameters["id"] not in known or not _is_linked(case):
            sound = _is_sound(case, ParameterLocation.BODY)
            subject = self._fresh(operation) if (closely and sound) or not known else self._known(known)
            case.path_parameters["id"] = subject["id"]
        if "replay" in case.path_parameters and closely:
            case.path_parameters["replay"] = self._replayed(case.path_parameters["id"])
        return known.get(case.path_parameters["id"])

    def _known(self, known: dict[str, Json]) -> Json:
        return self.random.choice([*known.values()][-20:])

    def _steer_body(self, case: Case, fitting: Json, closely: bool) -> None:
        """What fits, whole; or, where a body goes to the bounds of the document, what fits beside them."""
        if closely:
            case.media_type, case.body = "application/json", fitting
        elif not _is_drawn(case) and isinstance(case.body, dict) and self._maybe():
            case.body = {name: value for name, value in case.body.items() if name not in ASTRAY} | fitting

    def _fresh(self, operation: str) -> Json:
        """Something the operation can be carried out on."""
        if "webhook" in operation or "replay" in operation or operation == "list_deliveries":
            return self._listening()
        if "delivery" in operation:
            return self._told(self._listening())
        if "consumer" in operation or operation == "acknowledge_events":
            made = self.http.post("/v1/event-consumers", json=self.consumer(None)).json()
            self._remember(made)
            return made
        if "holiday" in operation or "deadline" in operation:
            kind, asked = ("holidays", self.change) if "holiday" in operation else ("deadlines", self.set_deadline)
            made = self.http.post(f"/v1/{kind}", json=asked(None)).json()
            self._remember(made)
            return made
        if operation == "answer_for_party":
            course = self._begun(self.asking)
            course.do("susun_permohonan")
            subject = course.do("kirim_permohonan")["instance"]
        elif operation == "deliver_to_task":
            subject = self._begun(self.collecting).do("minta_bahan")["opened"][0]
        else:
            course = self._begun(self.agency)
            (subject,) = course.tasks()
            if operation == "unclaim_task":
                subject = course.http.claim(subject).json()
            elif operation == "undo_task":
                subject = course.http.completed(subject)["task"]
            elif operation == "resume_task":
                subject = course.http.deed(
                    f"/v1/tasks/{subject['id']}/pause", {"reason": "Uji"}, by=_first(subject)
                ).json()
            elif operation == "resume_instance":
                subject = course.http.interrupt(course.instance, "suspend").json()
            elif operation not in OF_A_TASK and ("task" not in operation or operation == "list_tasks_of_instance"):
                subject = course.instance
        self._remember(subject)
        return subject

    def _listening(self) -> Json:
        """An endpoint that is sent events."""
        made: Json = self.http.post("/v1/webhook-endpoints", json=self.endpoint(None)).json()
        self.agency.world.sql(VERIFIED, UUID(made["id"]))
        self.webhook_endpoints[made["id"]] = made
        return made

    def _told(self, endpoint: Json) -> Json:
        """A delivery to an endpoint."""
        happened(self.agency, 1)
        told: Json = self.http.json(f"/v1/webhook-endpoints/{endpoint['id']}/deliveries")["items"][0]
        self.deliveries[told["id"]] = told
        return told

    def _replayed(self, endpoint: str) -> str:
        """A replay that is under way, where the endpoint is the insider's."""
        asked = self.http.post(f"/v1/webhook-endpoints/{endpoint}/replays", json=self.replay(None))
        if asked.status_code != 201:
            return endpoint
        self.agency.world.sql("UPDATE replays SET status = 'running' WHERE endpoint_id = $1", UUID(endpoint))
        return str(asked.json()["id"])

    def _begun(self, agency: Agency) -> Course:
        return Course(self.http, agency.definition)

    def _steer_headers(self, case: Case, subject: Json, closely: bool) -> None:
        """The official whom it waits on, or who did it, or somebody of the agency."""
        if "Alur-On-Behalf-Of" in case.headers or closely:
            case.headers["Alur-On-Behalf-Of"] = self.random.choice(self._officials(subject or {}))
        if _operation(case) in CONDITIONAL and (closely or self._maybe()):
            case.headers["If-Match"] = "*"
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"kunci-{self.random.randrange(10_000)}"

    def _officials(self, about: Json) -> list[str]:
        theirs = {one.key: one for one in self.agencies}.get(about.get("agency", ""), self.agency)
        did = about.get("performed_by") or about.get("assignee")
        return [did] if did else [one["official"] for one in about.get("candidates", ())] or theirs.officials()

    def start(self, subject: Json) -> Json:
        return {"definition": self.agency.definition.key, "period": None}

    def publish(self, subject: Json) -> Json:
        definition = self.random.choice(self.agencies).definition.model_dump(mode="json")
        return definition | {"title": f"Judul {self.random.randrange(10)}"}

    def complete(self, subject: Json) -> Json:
        outcomes = [one["outcome"] for one in subject["outcomes"]] if subject else []
        return completion(subject, self.random.choice([None, *outcomes])) if subject else {}

    def deliver(self, subject: Json) -> Json:
        awaited = [one["from"] for one in subject["awaits"] if one["delivered_at"] is None] if subject else []
        return {"from": self.random.choice(awaited or ["bappeda"])}

    def calendar(self, subject: Json) -> Json:
        return WHY | {"due_soon_percent": self.random.randrange(50, 100)}

    def change(self, subject: Json) -> Json:
        day = date(2030, 1, 2) + timedelta(weeks=next(self.weeks))  # a Wednesday that nothing is known of yet
        return WHY | {"agency": self.agency.key, "kind": "add", "date": str(day), "name": "Hari jadi"}

    def set_deadline(self, subject: Json) -> Json:
        rule = {"kind": "after_period", "months": self.random.randrange(1, 12)}
        return WHY | {"definition": self.agency.definition.key, "rule": rule}

    def endpoint(self, subject: Json) -> Json:
        return {"url": "http://127.0.0.1:9/", "types": ["*"], "agencies": [self.agency.key]}

    def endpoint_change(self, subject: Json) -> Json:
        return {"per_minute": self.random.randrange(1, 100)}

    def rotation(self, subject: Json) -> Json:
        return {"overlap_hours": 0}

    def replay(self, subject: Json) -> Json:
        return {"since": "2026-01-01", "dry_run": False}

    def withdraw(self, subject: Json) -> Json:
        return WHY

    def consumer(self, subject: Json) -> Json:
        return {"name": f"Pembaca {self.random.random()}", "agencies": [self.agency.key], "types": ["step.*"]}

    def passed(self, subject: Json) -> Json:
        return {"cursor": subject["cursor"] if subject else "0", "rewind": True}

    def answer(self, subject: Json) -> Json:
        awaited = subject["awaited_parties"] if subject else []
        party = self.random.choice(awaited or [{"party": "bappeda", "outcomes": [{"outcome": "selesai"}]}])
        return {"party": party["party"], "outcome": self.random.choice(party["outcomes"])["outcome"]}


@dataclass(kw_only=True)
class Stranger(Insider):
    """Knows all that, but asks for an agency of its own. `met` is what was told of the others all the same."""

    own: Agency
    met: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, own: Agency, insider: Insider) -> Stranger:
        return cls(**vars(insider), own=own)

    def _officials(self, about: Json) -> list[str]:
        return self.own.officials()

    def learn(self, context: HookContext, case: Case, response: Response) -> None:
        secrets = [word for one in self.agencies for word in (one.key, one.definition.key, str(one.id))]
        if response.status_code < 300 and any(one in response.text for one in (*secrets, *self.tasks, *self.instances)):
            self.met.append(f"{_operation(case)}: {response.text}")


def insider_of(an_agency: Callable[..., Agency], seed: int) -> Insider:
    """Three agencies with nothing going on yet, and a key that may do everything in them.

    Their SOPs run on demand, so that any number of cycles can be started.
    """
    agency = an_agency(_on_demand(kalbar_lakip()))
    collecting = an_agency(_on_demand(example("pengumpulan-bahan")), bidang=("koperasi", "ukm"))
    asking = an_agency(example("permohonan-rekomendasi"))
    agency.world.sql("INSERT INTO signing_keys VALUES ('whpk_', '-', now()) ON CONFLICT DO NOTHING")
    return Insider(
        agency=agency,
        collecting=collecting,
        asking=asking,
        http=agency.client(also=[collecting, asking]),
        random=Random(seed),  # noqa: S311  a run to be repeated, no secret
    )


def _on_demand(definition: ProcessDefinition) -> ProcessDefinition:
    return definition.model_copy(update={"cycle": (Cycle.ON_DEMAND,)})


CONDITIONAL = ("replace_calendar", "change_consumer", "change_webhook_endpoint")
"""Operations that want an If-Match."""

VERIFIED = "UPDATE webhook_endpoints SET status = 'enabled', verified_at = now() WHERE id = $1"
"""So that an endpoint is sent events, though nobody answers for it."""

WHY = {"reason": "Uji", "legal_basis": "Surat Edaran Uji"}

OF_A_TASK = {"explain_due_date"}
"""Operations on a task whose name does not say so."""

ENDLESS = ("stream_events",)
"""Operations whose answers do not end while there may be something to tell."""

QUERIES = {key: {"period": "2026"} for key in ("report_obligations", "report_performance", "report_monitoring")}
"""What an operation cannot be carried out without."""

BODIES = {
    "start_instance": Insider.start,
    "publish_definition": Insider.publish,
    "complete_task": Insider.complete,
    "deliver_to_task": Insider.deliver,
    "answer_for_party": Insider.answer,
    "replace_calendar": Insider.calendar,
    "add_holiday_change": Insider.change,
    "withdraw_holiday_change": Insider.withdraw,
    "add_deadline": Insider.set_deadline,
    "create_webhook_endpoint": Insider.endpoint,
    "change_webhook_endpoint": Insider.endpoint_change,
    "rotate_webhook_secret": Insider.rotation,
    "replay_events": Insider.replay,
    "add_consumer": Insider.consumer,
    "change_consumer": Insider.consumer,
    "acknowledge_events": Insider.passed,
    "withdraw_one_deadline": Insider.withdraw,
}
"""The operations whose bodies must fit what is there."""


ASTRAY = {"agency", "version", "start_at", "performed_by", "performed_at", "node", "unit", "units"}
"""Fields that lead elsewhere when they are drawn at random."""


def _first(task: Json) -> str:
    return str(task["candidates"][0]["official"])


def _operation(case: Case) -> str:
    return str(case.operation.definition.raw["operationId"])


def _is_drawn(case: Case) -> bool:
    """Whether the request was drawn at random. The others enumerate the bounds of the document."""
    return case.meta is not None and case.meta.phase.name is not TestPhase.COVERAGE


def _is_linked(case: Case) -> bool:
    """Whether the request follows from an answer before it."""
    return case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL


def _is_sound(case: Case, location: ParameterLocation) -> bool:
    """Whether this part of a request was meant to be as documented."""
    return case.meta is not None and not case.meta.is_negative_at(location)


RULES = re.compile(
    r"cursor|after|status|type|kind|for|instance|assignee|done_by"  # words and ids in lists of a parameter
    r"|as_of|due_before|from|to|period|year|date"  # days and moments of our time, and periods as the cycle has them
    r"|rule(\..*)?|per_minute|max_in_flight|overlap_hours"  # whole numbers, which JSON may write as 9.0
    r"|event_on|agency|definition"  # names and days of what is there
    r"|url|types.*|private_networks.*|agencies.*|since|until|reason"  # where webhooks may go, and what there is
    r"|data|.*performed_at"  # numbers beyond JSON, and years beyond ours
)
"""Where a request may be wrong although no schema says so. Whatever else is refused as invalid is told as sound."""


STRANGE = re.compile(r"%00|\\u0085|\\ufeff")
"""NUL in an address, and what is white space to some readers of a pattern and to others not."""


def _is_untold(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Whether a finding is one: a sound request may be refused by the SOP, or by a rule that no schema can say."""
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = response.json()
    sent = f"{response.request.url} {response.request.body!r}"
    ruled = STRANGE.search(sent) or all(RULES.fullmatch(mistake["at"]) for mistake in problem["errors"])
    return problem["type"] == "/problems/request-invalid" and not ruled


def attacked(
    url: str,
    key: str,
    insider: Insider,
    *,
    seed: int,
    examples: int,
    phases: Sequence[str] = PHASES,
    modes: str = "all",
    skipped: Sequence[str] = (),
) -> Told:
    """Send generated requests under an API key, `examples` for each operation, and check every answer.

    `modes` is `positive` for sound requests only.
    What the document bounds is enumerated as well, where `coverage` is among the phases, except for the operations
    that are `skipped` there.
    """
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": {"Authorization": f"Bearer {key}"},
            "cache": {"enabled": False},
            "generation": {"mode": modes, "max-examples": examples, "database": "none"},
            "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
            "operations": [
                {"include-operation-id": name, "phases": {"coverage": {"enabled": False}}} for name in skipped
            ]
            + [{"include-operation-id": name, "enabled": False} for name in ENDLESS],
            "continue-on-failure": True,
        }
    )
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
    schema.hook("filter_failure")(_is_untold)
    told = Told()
    with _steered(insider):
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                told += _told(event)
            elif isinstance(event, events.NonFatalError):
                told.failures[f"{event.label}: {event.info.title}"] = "".join(format_exception(event.value))
            elif isinstance(event, events.EngineFinished) and event.stop_reason is not StopReason.COMPLETED:
                told.failures[f"The run was not finished: {event.stop_reason}"] = ""
    return told


@contextmanager
def _steered(insider: Insider) -> Iterator[None]:
    hooks = partial(insider.steer), partial(insider.learn)
    schemathesis.hook("before_call")(hooks[0])
    schemathesis.hook("after_call")(hooks[1])
    try:
        yield
    finally:
        for hook in hooks:
            schemathesis.hooks.unregister(hook)


def _told(event: events.ScenarioFinished) -> Told:
    recorder = event.recorder
    told = Told(cases=len(recorder.interactions))
    for case, interaction in recorder.interactions.items():
        status = interaction.response.status_code if interaction.response else 0
        told.answers[_operation(recorder.cases[case].value), status] += 1
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                failure, answer = check.failure_info.failure, recorder.interactions[case].response
                what = f"{failure.operation}: {failure.title}: {failure.message}"
                told.failures[what] = f"{check.failure_info.code_sample}\n{answer.text if answer else ''}"
    return told
