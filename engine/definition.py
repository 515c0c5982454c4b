"""The definition of a process: one SOP sheet as a frozen value, the same in YAML, in memory and over REST.

The aliases are the Indonesian keys of the YAML form, read and never written; a dot in one is a group of the sheet
(`mutu_baku.waktu` stands under `mutu_baku`). Keys are translated, values never: "3 Hari" stays what it is.
Words follow PermenPANRB 35/2012: kegiatan, pelaksana, mutu baku.
"""

from __future__ import annotations

import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]
"""An identifier inside one SOP: activities, roles, parties, nodes."""

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=100)]
"""An identifier in the whole installation: SOPs and agencies."""

Outcome = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
"""What somebody chooses at the end of an activity."""

Printed = Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=r"\S")]
"""Words as they stand on the sheet, verbatim."""

Lines = Annotated[tuple[Printed, ...], Field(max_length=200)]
"""A printed list, item by item."""

Readings = Annotated[dict[str, str], Field(max_length=200)]
"""The cleaned words of printed fields, where they differ."""

Pointers = Annotated[tuple[str, ...], Field(max_length=200)]
"""Names of fields: `candidate_roles`, `time_limit.unit`, `routes.returned.to`, `warnings[0]`."""


class Part(BaseModel):
    """Anything in a definition: frozen, strict, without keys nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_by_name=True, validate_by_alias=False)


class Cycle(StrEnum):
    """How often the SOP runs."""

    YEARLY = "yearly"
    SEMESTER = "semester"
    QUARTERLY = "quarterly"
    MONTHLY = "monthly"
    FIVE_YEARLY = "five_yearly"
    ON_DEMAND = "on_demand"


class ActivityKind(StrEnum):
    """The only two kinds of activity PermenPANRB 35/2012 knows: a box and a diamond."""

    EXECUTION = "execution"
    DECISION = "decision"


class RouteKind(StrEnum):
    """Whether a route leads on or back."""

    FORWARD = "forward"
    RETURN = "return"


class TimeUnit(StrEnum):
    """Units of waktu; hours and minutes are working time, days are working days."""

    MINUTES = "minutes"
    HOURS = "hours"
    WORKDAYS = "workdays"
    WEEKS = "weeks"
    MONTHS = "months"


class NodeKind(StrEnum):
    """Places in the flow that are no printed row."""

    PARALLEL = "parallel"
    """Branches that run side by side."""
    EACH_UNIT = "each_unit"
    """The same activities once for every unit of a kind ("setiap bidang")."""
    WAIT = "wait"
    """Waiting for a party's answer: no task, no clock."""


class SubStepKind(StrEnum):
    """Whether a numbered line inside a row is something to do or a document the row is about."""

    ACTION = "action"
    DOCUMENT = "document"


def _in_the_calendar(text: str) -> str:
    try:
        datetime.date.fromisoformat(text + "-01-01"[len(text) - 4 :] if len(text) < 10 else text)
    except ValueError as wrong:
        told = {
            "message_id": "Tanggal ini tidak ada di kalender.",
            "message_en": "This date is not in the calendar.",
            "expected": "2023-08-31, 2023-08, 2023",
        }
        raise PydanticCustomError("date_impossible", "This date is not in the calendar.", told) from wrong
    return text


class PrintedDate(Part):
    """A date of the identity block: the printed text, and what it says (`2023-08-31`, or `2023-03` without a day)."""

    text: Printed = Field(validation_alias="tercetak")
    date: (
        Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$"), AfterValidator(_in_the_calendar)] | None
    ) = Field(default=None, validation_alias="tanggal")


class Identity(Part):
    """The identity block of the sheet. Null or empty where the sheet prints nothing."""

    number: Printed | None = Field(default=None, validation_alias="nomor")
    created: PrintedDate | None = Field(default=None, validation_alias="tanggal_pembuatan")
    revised: PrintedDate | None = Field(default=None, validation_alias="tanggal_revisi")
    effective: PrintedDate | None = Field(default=None, validation_alias="tanggal_efektif")
    approved_by: Printed | None = Field(default=None, validation_alias="disahkan_oleh")
    printed_title: Printed | None = Field(default=None, validation_alias="nama_sop")
    legal_basis: Lines = Field(default=(), validation_alias="dasar_hukum")
    qualifications: Lines = Field(default=(), validation_alias="kualifikasi_pelaksana")
    related: Lines = Field(default=(), validation_alias="keterkaitan")
    equipment: Lines = Field(default=(), validation_alias="peralatan")
    warnings: Lines = Field(default=(), validation_alias="peringatan")
    records: Lines = Field(default=(), validation_alias="pencatatan")
    readings: Readings = Field(default={}, validation_alias="bacaan")
    """The cleaned words of a printed field (`warnings[0]`), where they differ."""
    inferred: Pointers = Field(default=(), validation_alias="disimpulkan")


class Role(Part):
    """A pelaksana column of the sheet."""

    id: Name
    name: Printed = Field(validation_alias="nama")


class Party(Part):
    """Somebody outside the agency (pihak luar), who holds no task."""

    id: Name
    name: Printed = Field(validation_alias="nama")


class TimeLimit(Part):
    """The waktu of an activity: the printed text and how it is read. A norm in working time, not a duration."""

    text: Printed = Field(validation_alias="tercetak")
    amount: int = Field(gt=0, le=10_000, validation_alias="jumlah")
    unit: TimeUnit = Field(validation_alias="satuan")


class SubStep(Part):
    """A numbered line inside one activity. A checklist, never a task."""

    number: Printed = Field(validation_alias="nomor")
    name: Printed = Field(validation_alias="uraian")
    kind: SubStepKind = Field(validation_alias="jenis")
    time_limit: TimeLimit | None = Field(default=None, validation_alias="waktu")
    readings: Readings = Field(default={}, validation_alias="bacaan")


class Source(Part):
    """Whose material a step collects: every unit of a kind, or one party. Exactly one of the two."""

    units: Name | None = Field(default=None, validation_alias="unit")
    party: Name | None = Field(default=None, validation_alias="pihak")


class Route(Part):
    """Where an outcome leads: an activity or a node; null ends the branch, or at the outermost level the instance."""

    outcome: Outcome = Field(validation_alias="hasil")
    kind: RouteKind = Field(validation_alias="jenis")
    to: Name | None = Field(validation_alias="ke")


class Activity(Part):
    """One printed row of the sheet (kegiatan). `name` is the whole printed cell."""

    id: Name
    number: int = Field(ge=1, le=999, validation_alias="nomor")
    name: Printed = Field(validation_alias="uraian")
    kind: ActivityKind = Field(validation_alias="jenis")
    candidate_roles: tuple[Name, ...] = Field(min_length=1, max_length=50, validation_alias="pelaksana")
    assisting_roles: tuple[Name, ...] = Field(default=(), max_length=50, validation_alias="pendamping")
    requirements: Lines = Field(default=(), validation_alias="mutu_baku.kelengkapan")
    time_limit: TimeLimit | None = Field(default=None, validation_alias="mutu_baku.waktu")
    output: Printed | None = Field(default=None, validation_alias="mutu_baku.output")
    remark: Printed | None = Field(default=None, validation_alias="keterangan")
    sub_steps: tuple[SubStep, ...] = Field(default=(), max_length=200, validation_alias="sub_langkah")
    awaits: tuple[Source, ...] = Field(default=(), max_length=50, validation_alias="menunggu")
    """Whose material the step collects: a checklist of deliveries, no tasks of their own."""
    sends_to: tuple[Name, ...] = Field(default=(), max_length=20, validation_alias="dikirim_ke")
    """The parties the step hands its output to."""
    routes: tuple[Route, ...] = Field(min_length=1, max_length=20, validation_alias="alur")
    readings: Readings = Field(default={}, validation_alias="bacaan")
    """The cleaned words of a printed cell (`name`, `output`), where they differ."""
    inferred: Pointers = Field(default=(), validation_alias="disimpulkan")
    """Names of the fields that are not printed but chosen (`candidate_roles`, `routes.returned.to`)."""

    @property
    def expected_outputs(self) -> tuple[str, ...]:
        """The printed outputs, each of which needs an entry on a forward outcome."""
        return (self.output,) if self.output else ()


class Branch(Part):
    """One of the branches of a parallel node: the activities and nodes in it, the first of which begins it."""

    id: Name
    members: tuple[Name, ...] = Field(min_length=1, max_length=400, validation_alias="isi")


class Node(Part):
    """A place in the flow that is no printed row. Which fields it has depends on its kind.

    parallel: `branches`, `at_least` (all of them if null), `to`.
    each_unit: `units` (a kind of unit), `members`, `at_least`, `or_once` (one pass without a unit where the agency has
    none of the kind), `to`.
    wait: `party`, `routes` (the answers it may give).
    """

    id: Name
    kind: NodeKind = Field(validation_alias="jenis")
    branches: tuple[Branch, ...] = Field(default=(), max_length=50, validation_alias="cabang")
    units: Name | None = Field(default=None, validation_alias="unit")
    members: tuple[Name, ...] = Field(default=(), max_length=400, validation_alias="isi")
    at_least: int | None = Field(default=None, ge=1, le=1_000, validation_alias="paling_sedikit")
    or_once: bool = Field(default=False, validation_alias="atau_sekali")
    to: Name | None = Field(default=None, validation_alias="ke")
    party: Name | None = Field(default=None, validation_alias="pihak")
    routes: tuple[Route, ...] = Field(default=(), max_length=20, validation_alias="alur")
    inferred: Pointers = Field(default=(), validation_alias="disimpulkan")


class ProcessDefinition(Part):
    """One SOP. Which version of its key it is, is known only once it is published."""

    key: Key = Field(validation_alias="kunci")
    title: Printed = Field(validation_alias="judul")
    agency: Key = Field(validation_alias="instansi")
    identity: Identity = Field(default=Identity(), validation_alias="identitas")
    roles: tuple[Role, ...] = Field(min_length=1, max_length=50, validation_alias="peran")
    cycle: tuple[Cycle, ...] = Field(min_length=1, max_length=6, validation_alias="siklus")
    activities: tuple[Activity, ...] = Field(min_length=1, max_length=400, validation_alias="kegiatan")
    nodes: tuple[Node, ...] = Field(default=(), max_length=100, validation_alias="simpul")
    parties: tuple[Party, ...] = Field(default=(), max_length=50, validation_alias="pihak")
    inferred: Pointers = Field(default=(), validation_alias="disimpulkan")
