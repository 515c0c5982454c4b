"""One Indonesian sentence that says where an instance stands: which step, on whom, since when, in which round."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from app.instances.surroundings import Surroundings, is_overdue, lateness
from engine.state import Asked, InstanceState, InstanceStatus, TaskState

_DAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
_MONTHS = (
    "Januari", "Februari", "Maret", "April", "Mei", "Juni",
    "Juli", "Agustus", "September", "Oktober", "November", "Desember",
)  # fmt: skip


def headline(state: InstanceState, around: Surroundings) -> str:
    """The sentence. Moments are told in the agency's own zone, by weekday, date and clock."""
    if state.status is InstanceStatus.COMPLETED and state.ended_at:
        return f"Selesai pada {_moment(state.ended_at, around)}"
    if state.status is InstanceStatus.CANCELLED and state.ended_at:
        return f"Dibatalkan pada {_moment(state.ended_at, around)}"
    waiting = [_waiting(task, state, around) for task in state.tasks]
    where = "; ".join(waiting + [_awaiting(one, around) for one in state.asked])
    if state.status is InstanceStatus.SUSPENDED and state.suspended_at:
        return f"Ditangguhkan sejak {_moment(state.suspended_at, around)}: {where}"
    return where


def _waiting(task: TaskState, state: InstanceState, around: Surroundings) -> str:
    activity = around.process.activity(task.activity)
    last = max(one.number for one in around.process.definition.activities)
    position, holder = around.position_and_holder(task)
    roles = " / ".join(around.process.role(role).name for role in activity.candidate_roles)
    nobody = f"{roles} (belum ada pejabat)"
    whom = f"{position} ({holder})" if position and holder else position or nobody
    again = f", putaran {task.round}" if task.round > 1 else ""
    delivered = len(task.awaits) - len(task.undelivered)
    material = f", bahan {delivered} dari {len(task.awaits)} diterima" if task.awaits else ""
    since = _moment(task.held_since, around)
    late = _late(task, state, around)
    return f"Langkah {activity.number} dari {last} pada {whom} sejak {since}{again}{material}{late}"


def _late(task: TaskState, state: InstanceState, around: Surroundings) -> str:
    stop = ", jam berhenti" if task.paused else ""
    if not is_overdue(task, state, around):
        return stop
    hours, minutes = divmod(lateness(task, state, around), 60)
    told = " ".join(part for part, count in ((f"{hours} jam", hours), (f"{minutes} menit", minutes)) if count)
    return f"{stop}, terlambat {told or 'kurang dari 1 menit'} kerja"


def _awaiting(asked: Asked, around: Surroundings) -> str:
    names = {party.id: party.name for party in around.process.definition.parties}
    return f"Menunggu jawaban {names.get(asked.party, asked.party)} sejak {_moment(asked.since, around)}"


def _moment(at: datetime, around: Surroundings) -> str:
    local = at.astimezone(ZoneInfo(around.timezone))
    day = f"{_DAYS[local.weekday()]}, {local.day} {_MONTHS[local.month - 1]} {local.year}"
    return f"{day} pukul {local:%H.%M} {local:%Z}"
