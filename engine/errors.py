"""What the engine may refuse, and what it may find wrong in an SOP.

Refused                       a command that cannot be carried out; the class is the reason, its docstring the sentence
├── TaskUnknown               no such task in this instance
├── TaskClosed                the task is no longer open
├── TaskClaimed               another official holds the task
├── TaskNotClaimed            nobody holds the task
├── TaskPaused                its clock stands still already
├── TaskNotPaused             its clock is running
├── AssigneeMismatch          only who claimed a task may give it back
├── NotACandidate             the performer holds none of the roles that may act
├── OutcomeUnknown            the activity offers no such outcome
├── OutputMissing             a printed output has no entry
├── OutputUnexpected          more entries than the sheet prints outputs
├── ReasonMissing             a return needs a reason
├── DeliveriesMissing         not everybody has handed in, and no reason is given for going on
├── SourceUnknown             the step does not wait for material of that unit or party
├── AlreadyDelivered          that unit or party has handed in
├── UnitsRequired             a return into an each-unit node must say which units
├── UnitsMissing              the agency has too few units for this SOP
├── StartNotPossible          a cycle cannot begin in the middle there
├── PartyNotAwaited           nobody waits for an answer of that party
├── PartyAmbiguous            the party is awaited twice: say which node
├── NotUndoable               what the step opened has been acted on
├── NotThePerformer           only who did or recorded a step may undo it
├── PerformedAtImpossible     work cannot have been done before it opened, or in the future
├── EvidenceMissing           somebody else's signature needs evidence and a reason
├── PeriodMismatch            the period does not fit the cycle of the SOP
├── InstanceSuspended         nothing moves until it is resumed
├── InstanceNotSuspended      only a suspended instance can be resumed
└── InstanceEnded             completed or cancelled: nothing more happens here
DefinitionRejected            an SOP that cannot be published, with every mistake at once
TrailContradiction            a recorded event that the compiled machine could not have produced
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing wrong in what somebody handed in: where, what, and what would be right.

    `at` is a path in the words of the document (`kegiatan[3].alur[0].ke`), empty for the whole of it.
    `line` and `column` count from 1 and are null where the document has no lines.
    """

    at: str
    message_id: str
    message_en: str
    expected: str | None = None
    line: int | None = None
    column: int | None = None


class Refused(Exception):
    """The engine refuses a command."""

    def __init__(self, *errors: Mistake, **facts: Any) -> None:
        super().__init__(type(self).__doc__)
        self.errors = errors
        self.facts = facts

    def __str__(self) -> str:
        return (type(self).__doc__ or "").format(**self.facts)


class TaskUnknown(Refused):
    """There is no such task in this instance."""


class TaskClosed(Refused):
    """The task is {status}; it can no longer be acted on."""


class TaskClaimed(Refused):
    """The task is already claimed."""


class TaskNotClaimed(Refused):
    """Nobody has claimed the task, so it cannot be given back."""


class TaskPaused(Refused):
    """The clock of this task is stopped already."""


class TaskNotPaused(Refused):
    """The clock of this task is running."""


class AssigneeMismatch(Refused):
    """Only the official who claimed the task may give it back."""


class NotACandidate(Refused):
    """The official holds none of the positions that may do this activity ({roles})."""


class OutcomeUnknown(Refused):
    """The activity has no outcome "{outcome}"; it offers {offered}."""


class OutputMissing(Refused):
    """The activity cannot be completed before every printed output has an entry, or the reason why it is missing."""


class OutputUnexpected(Refused):
    """More outputs are given than the sheet prints for this outcome; further documents belong in attachments."""


class ReasonMissing(Refused):
    """Sending work back needs a reason."""


class DeliveriesMissing(Refused):
    """Material is still missing from {missing}; wait for it, or say why the step goes on without it."""


class SourceUnknown(Refused):
    """This step does not wait for material of "{source}"; it waits for {awaited}."""


class AlreadyDelivered(Refused):
    """The material of "{source}" has already been received."""


class UnitsRequired(Refused):
    """Say in units which units the work goes back to: {offered}."""


class UnitsMissing(Refused):
    """The agency has {there} units of the kind "{kind}"; this SOP needs at least {needed}."""


class StartNotPossible(Refused):
    """A cycle cannot begin at "{activity}"; it can begin at {offered}."""


class PartyNotAwaited(Refused):
    """Nobody waits for an answer of "{party}" at the moment."""


class PartyAmbiguous(Refused):
    """An answer of "{party}" is awaited in more than one place; name the node (and the unit, after @): {nodes}."""


class NotUndoable(Refused):
    """The step can no longer be undone: what it opened has been acted on, or it was not completed."""


class NotThePerformer(Refused):
    """Only the official who did the step, or who recorded it, may undo it."""


class PerformedAtImpossible(Refused):
    """performed_at lies in the future, or before the task was opened."""


class EvidenceMissing(Refused):
    """Recording work done on paper needs a reason, and another's signature also evidence."""


class PeriodMismatch(Refused):
    """The period does not fit the cycle of this SOP."""


class InstanceSuspended(Refused):
    """The instance is suspended; resume it first."""


class InstanceNotSuspended(Refused):
    """The instance is not suspended."""


class InstanceEnded(Refused):
    """The instance is {status}; nothing more can be done in it."""


class DefinitionRejected(Exception):
    """The SOP has mistakes and was not published."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("; ".join(f"{found.at}: {found.message_en}" for found in mistakes))
        self.mistakes = mistakes


class TrailContradiction(Exception):
    """An event in the trail is not one that the compiled machine could have produced at that place."""
