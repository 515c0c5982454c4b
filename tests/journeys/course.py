"""One running SOP as a test carries it on: what waits, what is done next, what the trail says."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import httpx

from engine.definition import Cycle, ProcessDefinition
from engine.reader import read_yaml
from tests.world import Agency, Client, Json

EXAMPLES = Path(__file__).parent / "examples"

PERIODS = {
    Cycle.YEARLY: "2025",
    Cycle.SEMESTER: "2025-S1",
    Cycle.QUARTERLY: "2025-Q1",
    Cycle.MONTHLY: "2025-01",
    Cycle.FIVE_YEARLY: "2025-2029",
    Cycle.ON_DEMAND: None,
}

Waiting = tuple[str, str | None]
"""An activity and the unit it is of."""


@cache
def example(key: str) -> ProcessDefinition:
    """One of the small SOPs beside these tests."""
    file = EXAMPLES / f"{key}.yaml"
    return read_yaml(file.read_bytes(), file.name)


def period_of(definition: ProcessDefinition) -> str | None:
    """A period that fits the first cycle of an SOP."""
    return PERIODS[definition.cycle[0]]


class Course:
    """An instance that was just started, and all that is done in it over HTTP."""

    def __init__(self, http: Client, definition: ProcessDefinition, **given: object) -> None:
        self.http, self.definition = http, definition
        answer = http.start(definition.key, **{"period": period_of(definition)} | given)
        assert answer.status_code == 201, answer.text
        self.id: str = answer.json()["id"]

    @classmethod
    def of(cls, agency: Agency, **given: object) -> Course:
        """The SOP of an agency, started."""
        return cls(agency.http, agency.definition, **given)

    @property
    def instance(self) -> Json:
        """The instance as it is now."""
        return self.http.json(f"/v1/instances/{self.id}")

    def tasks(self, status: str = "open,claimed") -> list[Json]:
        """Its tasks, the live ones unless told."""
        return self.http.all(f"/v1/instances/{self.id}/tasks", status=status)

    @property
    def waiting(self) -> set[Waiting]:
        """What waits on somebody."""
        return {(task["activity"], task["unit"]) for task in self.tasks()}

    def task(self, activity: str, unit: str | None = None) -> Json:
        """The live task of an activity (of a unit)."""
        (task,) = [one for one in self.tasks() if (one["activity"], one["unit"]) == (activity, unit)]
        return task

    def closed(self, task: Json) -> Json:
        """A task as it is now, however it ended."""
        return self.http.json(f"/v1/tasks/{task['id']}")

    def do(self, activity: str, outcome: str | None = None, unit: str | None = None, **given: object) -> Json:
        """Complete the task of an activity (of a unit), which must succeed."""
        return self.http.completed(self.task(activity, unit), outcome, **given)

    def tried(
        self, activity: str, outcome: str | None = None, unit: str | None = None, **given: object
    ) -> httpx.Response:
        """What completing the task of an activity (of a unit) is answered with."""
        return self.http.complete(self.task(activity, unit), outcome, **given)

    def answered(self, party: str, **given: object) -> Json:
        """The instance after a party's answer, which must be taken."""
        answer = self.http.answer(self.instance, party, **given)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    def undone(self, task: Json, **given: object) -> Json:
        """What taking a completion back led to; it must succeed."""
        answer = self.http.undo(task, **given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def trail(self, *types: str) -> list[Json]:
        """The events of its trail, of these types where any are named."""
        events = self.http.all(f"/v1/instances/{self.id}/audit")
        return [event for event in events if not types or event["type"] in types]


def opened(step: Json) -> set[Waiting]:
    """What a step opened."""
    return {(task["activity"], task["unit"]) for task in step["opened"]}


def progress(instance: Json) -> tuple[int, int]:
    """How many rows of an instance are done, of how many."""
    return instance["progress"]["done"], instance["progress"]["total"]
