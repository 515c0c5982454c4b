"""The verdict on what was done under fire: the trails as they stand in the database, against what clients were told."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.soak.history import Entry, Operation, Outcome, violations
from tests.world import Agency

TRAIL = """
SELECT e.canonical, p.words FROM audit_events e LEFT JOIN audit_personal p ON p.event_id = e.id
WHERE e.agency_id = $1 ORDER BY e.instance_id, e.seq
"""


@dataclass(frozen=True)
class Tally:
    """How much was asked and what became of it."""

    operations: int
    acknowledged: int
    refused: int
    unknown: int
    """For which an answer was missing at least once."""
    resolved: int
    """Of those: the ones whose client knows in the end."""
    events: int

    def __str__(self) -> str:
        return (
            f"{self.operations} operations: {self.acknowledged} acknowledged, {self.refused} refused, "
            f"{self.unknown} unheard of which {self.resolved} resolved; {self.events} events"
        )


def judge(agency: Agency, operations: Sequence[Operation]) -> Tally:
    """Assert that nothing is wrong in what an agency's clients were told; gives how much that was."""
    trails = trails_of(agency)
    proof = agency.world.proof()
    findings = [f"{found.instance}: {found.what}" for found in proof.findings if str(found.instance) in trails]
    found = violations(operations, trails, findings)
    assert not found, "\n".join(f"{one.kind}: {one.what}" for one in found)
    unheard = [one for one in operations if any(made.outcome is Outcome.UNKNOWN for made in one.attempts)]
    return Tally(
        operations=len(operations),
        acknowledged=sum(one.outcome is Outcome.OK for one in operations),
        refused=sum(one.outcome in (Outcome.REFUSED, Outcome.NOT_NOW) for one in operations),
        unknown=len(unheard),
        resolved=sum(one.outcome is not Outcome.UNKNOWN for one in unheard),
        events=sum(map(len, trails.values())),
    )


def trails_of(agency: Agency) -> dict[str, list[Entry]]:
    """Every trail of an agency, by instance."""
    trails = defaultdict(list)
    for row in agency.world.sql(TRAIL, agency.id):
        facts = json.loads(row["canonical"])
        trails[facts["instance_id"]].append(Entry.of(facts | json.loads(row["words"] or "{}")))
    return dict(trails)
