"""What the engine may refuse, and what it may find wrong in an SOP.

Refused                       a command that cannot be carried out; the class is the reason, its docstring the sentence
├── TaskUnknown               no such task in this instance
├── TaskClosed                the task is no longer open
├── TaskClaimed               another official holds the task
├── TaskNotClaimed            nobody holds the task
├── AssigneeMismatch          only who claimed a task may give it back
├── NotACandidate             the performer holds none of the roles that may act
├── OutcomeUnknown            the activity offers no such outcome
├── OutputMissing             a printed output has no entry
├── OutputUnexpected          more entries than the sheet prints outputs
├── ReasonMissing             a return needs a reason
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
