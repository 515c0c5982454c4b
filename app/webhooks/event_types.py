"""The catalogue of events for people and machines: what each type means in both languages, and the shape of its `data`.

What is written is drawn elsewhere, without these models (`app/instances/telling.py`, `app/webhooks/telling.py`); the
tests hold every message against them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.webhooks.catalogue import ENDPOINT_DISABLED, OBLIGATION_LATE
from engine.events import Because
from engine.state import InstanceStatus


class Told(BaseModel):
    """Anything that is told; what is not described here is never sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SentenceTold(Told):
    """What happened, in one sentence that can be shown to people."""

    id: str = Field(description="In Indonesian.")
    en: str = Field(description="In English.")


class PersonalTold(Told):
    """Who acted and what they wrote; only where it was granted, and never a NIP."""

    name: str | None
    reason: str | None
    note: str | None


class ReferenceTold(Told):
    """How the system that started the instance names it."""

    system: str
    id: str
    letter_number: str | None


class InstanceTold(Told):
    """The instance; `status` is the one after all that happened at once."""

    id: UUID
    definition: str
    version: int
    title: str
    agency: str
    period: str | None
    reference: ReferenceTold | None
    status: InstanceStatus


class ByTold(Told):
    """The official who acted, by id and office. Null: the client itself or the engine."""

    official: UUID
    position: str | None
    capacity: str | None = Field(description="definitif, plt or plh")
    acting_for: UUID | None


LeftOut = Annotated[int, Field(gt=0, description="How many more there are that are not listed; absent: none.")]


class StepWaitingTold(Told):
    """A step (kegiatan) of the sheet, on whom it waits and by when."""

    task_id: UUID
    activity: str
    number: int = Field(description="As printed on the sheet.")
    name: str
    unit: str | None
    candidate_roles: list[str]
    candidate_roles_left_out: LeftOut | None = None
    position: str | None = Field(description="The position that holds it, or those that may take it.")
    due_at: AwareDatetime | None


class StepTold(StepWaitingTold):
    """The step that something happened to."""

    round: int = Field(description="How many times it has been opened.")
    outcome: str | None = Field(description="How it ended, where this event ended it.")


class PartyTold(Told):
    """A party or unit outside the step."""

    id: str
    name: str


class InstanceEventTold(Told):
    """What is told of every event of an instance."""

    instance: InstanceTold
    by: ByTold | None
    link: str
    sentence: SentenceTold
    personal: PersonalTold | None = None


class StepEventTold(InstanceEventTold):
    """What is told of every event of a step."""

    step: StepTold


class FollowingTold(InstanceEventTold):
    """What an event let wait: steps, and parties whose answer is awaited."""

    opened: list[StepWaitingTold]
    opened_left_out: LeftOut | None = None
    asked: list[PartyTold]
    asked_left_out: LeftOut | None = None


class InstanceStartedTold(FollowingTold):
    """A cycle that began."""

    deadline: AwareDatetime | None


class DeadlineChangedTold(InstanceEventTold):
    """Another statutory deadline, null: none any more."""

    deadline: AwareDatetime | None
    was: AwareDatetime | None


class DeadlineAtRiskTold(InstanceEventTold):
    """A deadline, and when the work is expected to end."""

    deadline: AwareDatetime
    expected_end: AwareDatetime


class DeadlinePassedTold(InstanceEventTold):
    """A deadline that passed."""

    deadline: AwareDatetime


class StepEndedTold(StepEventTold, FollowingTold):
    """A step that ended; `performed_at` where it was done earlier on paper."""

    performed_at: AwareDatetime | None


class StepUndoneTold(StepEventTold, FollowingTold):
    """A step that waits again, with all that waits again beside it."""


class MaterialReceivedTold(StepEventTold):
    """Material, and from whom."""

    source: PartyTold


class DueChangedTold(StepEventTold):
    """Another due date, and why."""

    was: AwareDatetime | None
    because: Because


class StepEscalatedTold(StepEventTold):
    """Lateness, and before whom it was brought; `level` counts from 1."""

    level: int
    superior: str


class PartyAskedTold(InstanceEventTold):
    """The party whose answer is awaited, and the node of the flow that waits."""

    node: str
    party: PartyTold


class PartyAnsweredTold(PartyAskedTold, FollowingTold):
    """An answer, and what it let wait."""

    outcome: str


class ObligationTold(Told):
    """What an agency owes for a period; late since its deadline or since the latest moment to start."""

    definition: str
    version: int
    title: str
    agency: str
    period: str
    late_since: AwareDatetime
    deadline: AwareDatetime | None
    latest_start: AwareDatetime | None


class ObligationLateTold(Told):
    """An obligation that is late and not under way."""

    obligation: ObligationTold
    link: str
    sentence: SentenceTold


class EndpointTold(Told):
    """A webhook endpoint; of its address only the host."""

    id: UUID
    host: str
    failing_since: AwareDatetime | None


class EndpointDisabledTold(Told):
    """An endpoint that is sent nothing more, and why."""

    endpoint: EndpointTold
    reason: Literal["gone", "failing", "administrator"]
    link: str
    sentence: SentenceTold


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of event: what it means, and the shape of its `data`."""

    description_id: str
    description_en: str
    data: type[Told]


KINDS: dict[str, Kind] = {
    "instance.started": Kind("Satu pelaksanaan SOP dimulai.", "A cycle of an SOP began.", InstanceStartedTold),
    "instance.completed": Kind(
        "Pelaksanaan selesai; tidak ada langkah tersisa.", "The instance ended; no step is left.", InstanceEventTold
    ),
    "instance.cancelled": Kind(
        "Pelaksanaan dibatalkan sebelum selesai.", "The instance was given up before its end.", InstanceEventTold
    ),
    "instance.suspended": Kind(
        "Pelaksanaan ditangguhkan; jam semua langkah berhenti.",
        "The instance was suspended; the clocks of all steps stand still.",
        InstanceEventTold,
    ),
    "instance.resumed": Kind(
        "Pelaksanaan yang ditangguhkan dilanjutkan.", "A suspended instance goes on.", InstanceEventTold
    ),
    "instance.commented": Kind(
        "Sebuah catatan ditambahkan; isinya hanya untuk penerima yang diberi hak.",
        "A comment was added; its words are only for receivers that were granted them.",
        InstanceEventTold,
    ),
    "instance.calendar_changed": Kind(
        "Kalender kerja instansi berubah; batas waktu yang bergeser menyusul satu per satu.",
        "The agency's working calendar changed; the due dates that this moves follow one by one.",
        InstanceEventTold,
    ),
    "instance.deadline_changed": Kind(
        "Tenggat menurut peraturan berubah atau tidak ada lagi.",
        "The statutory deadline became another one, or there is none any more.",
        DeadlineChangedTold,
    ),
    "instance.deadline_at_risk": Kind(
        "Tenggat akan terlewat bila setiap langkah memakai waktu bakunya.",
        "The deadline will be missed if every step takes the time its sheet gives it.",
        DeadlineAtRiskTold,
    ),
    "instance.deadline_passed": Kind(
        "Tenggat terlewat sebelum pelaksanaan selesai.",
        "The deadline passed before the instance ended.",
        DeadlinePassedTold,
    ),
    "step.opened": Kind(
        "Sebuah langkah mulai menunggu pelaksananya.", "A step began to wait on somebody.", StepEventTold
    ),
    "step.claimed": Kind("Seorang pejabat mengambil langkah.", "An official took a step.", StepEventTold),
    "step.released": Kind(
        "Pejabat yang mengambil langkah melepasnya kembali.",
        "The official who had taken a step gave it back.",
        StepEventTold,
    ),
    "step.completed": Kind(
        "Sebuah langkah diselesaikan dengan hasil yang meneruskan alur.",
        "A step ended with an outcome that leads on.",
        StepEndedTold,
    ),
    "step.returned": Kind(
        "Sebuah langkah mengembalikan pekerjaan.", "A step ended by sending the work back.", StepEndedTold
    ),
    "step.undone": Kind(
        "Penyelesaian atau pengembalian yang keliru dibatalkan; juga dikirim kepada pelanggan step.completed.",
        "A mistaken completion or return was taken back; also sent to those who asked for step.completed.",
        StepUndoneTold,
    ),
    "step.withdrawn": Kind(
        "Sebuah langkah ditarik karena tidak diperlukan lagi.", "A step is no longer needed.", StepEventTold
    ),
    "step.material_received": Kind(
        "Bahan yang ditunggu sebuah langkah diterima.", "Material that a step waits for came in.", MaterialReceivedTold
    ),
    "step.paused": Kind("Jam sebuah langkah dihentikan.", "The clock of a step was stopped.", StepEventTold),
    "step.resumed": Kind("Jam sebuah langkah berjalan lagi.", "The clock of a step runs again.", StepEventTold),
    "step.due_changed": Kind(
        "Batas waktu langkah yang masih terbuka berubah.", "The due date of an open step changed.", DueChangedTold
    ),
    "step.due_soon": Kind("Batas waktu sebuah langkah sudah dekat.", "The due date of a step is near.", StepEventTold),
    "step.overdue": Kind(
        "Sebuah langkah melewati batas waktunya.", "A step is still open after its due date.", StepEventTold
    ),
    "step.escalated": Kind(
        "Keterlambatan sebuah langkah disampaikan ke jabatan di atasnya.",
        "The lateness of a step was brought before the next position up.",
        StepEscalatedTold,
    ),
    "party.asked": Kind(
        "Alur menunggu jawaban pihak luar.", "The flow came to wait for a party's answer.", PartyAskedTold
    ),
    "party.answered": Kind(
        "Jawaban pihak luar diterima dan alur berlanjut.",
        "A party's answer came in, and the flow went on.",
        PartyAnsweredTold,
    ),
    OBLIGATION_LATE: Kind(
        "Kewajiban yang terlambat dan belum dimulai; diumumkan sekali.",
        "An obligation is late and not under way; announced once.",
        ObligationLateTold,
    ),
    ENDPOINT_DISABLED: Kind(
        "Sebuah endpoint webhook dinonaktifkan; tidak ada lagi yang dikirim ke sana.",
        "A webhook endpoint was disabled; nothing more is sent to it.",
        EndpointDisabledTold,
    ),
}
"""Every type of `catalogue.TYPES`."""


@cache
def schema_of(type_: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the `data` of a type. Raises KeyError."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return dialect | KINDS[type_].data.model_json_schema()


class CloudEvent(BaseModel):
    """A CloudEvent 1.0 in structured mode. What it holds beyond `data` is the same for every type."""

    specversion: Literal["1.0"]
    id: UUID = Field(description="The same for every attempt, every endpoint and the feed; `webhook-id` says it, too.")
    source: str = Field(description="/v1/agencies/ and the key of the agency.")
    type: str
    time: datetime
    subject: str = Field(description="What it is about, such as the id of the instance.")
    datacontenttype: Literal["application/json"]
    dataschema: str = Field(description="Where the JSON Schema of `data` is.")
    sequence: str | None = Field(
        default=None, description="The place in the trail of its instance, ten digits; absent where there is none."
    )
    previous: UUID | None = Field(
        default=None, description="The event of the same instance that this receiver was sent before; absent: none."
    )
    partitionkey: UUID | None = Field(default=None, description="The instance, where there is one.")
    data: dict[str, Any]
