"""What somebody may ask of an instance, and in which offices they ask it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from engine.state import DoneOutside, Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A position an official holds at the moment of the deed, and the role it may play in this SOP.

    `capacity` is definitif, plt or plh; `acting_for` is the office holder replaced by an acting one,
    `mandate` the decree that says so. `unit` is null where the role is not bound to a unit.
    """

    role: str
    position: str
    unit: str | None = None
    capacity: str = "definitif"
    acting_for: UUID | None = None
    mandate: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """Who acts: an official with offices, or (official null) the client itself.

    `position` is the title they hold, for deeds that need no office of this SOP.
    """

    official: UUID | None = None
    name: str | None = None
    position: str | None = None
    offices: tuple[Office, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """How the starting system names the instance, and the letter that ordered it."""

    system: str
    id: str
    letter_number: str | None = None
    letter_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAt:
    """Where a cycle already under way begins here, why, and what was done outside before."""

    activity: str
    reason: str
    done: tuple[DoneOutside, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """`units` are the agency's units by kind; `definition_hash` seals what the SOP said into the trail."""

    by: Performer
    agency: str
    period: str | None
    title: str
    reference: Reference | None = None
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    start_at: StartAt | None = None
    deadline: Deadline | None = None
    definition_hash: str | None = None
    duplicate_of: UUID | None = None
    reason: str | None = None
    input: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    by: Performer
    task: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclaim:
    by: Performer
    task: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """`units` says which units a return into an each-unit node reopens.

    `performed_at` and `recorded_by` tell of work done earlier on paper, which somebody else may have typed in;
    `evidence` is what shows it.
    """

    by: Performer
    task: UUID
    units: tuple[str, ...] = ()
    performed_at: datetime | None = None
    recorded_by: UUID | None = None
    evidence: tuple[Output, ...] = ()
    outcome: str | None = None
    outputs: tuple[Output, ...] = ()
    attachments: tuple[Output, ...] = ()
    note: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    by: Performer
    task: UUID
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Material of a unit or party arrived at a collecting step."""

    by: Performer
    task: UUID
    source: str
    reference: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A party's answer came in. `node` is needed only where the party is awaited twice, `unit` where for many units."""

    by: Performer
    party: str
    outcome: str | None = None
    node: str | None = None
    unit: str | None = None
    reference: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    by: Performer
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspend:
    by: Performer
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    by: Performer
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    by: Performer
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    by: Performer
    task: UUID
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOn:
    """Let the clock of a paused step run again."""

    by: Performer
    task: UUID
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A statutory deadline and what it rests on."""

    at: datetime
    legal_basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayAnew:
    """The calendar or the statutory deadline is another one: lay what is open anew.

    `legal_basis` is that of the change of the calendar.
    """

    deadline: Deadline | None
    legal_basis: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Tell what has become due.

    `superiors` are the positions above each task's, nearest first; `expected_end` is when the instance would end if
    every step took the time its sheet gives it, null where that is not known.
    """

    superiors: Mapping[UUID, tuple[str, ...]] = field(default_factory=dict)
    expected_end: datetime | None = None
