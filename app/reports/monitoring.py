"""The table by which PermenPANRB 35/2012 has an SOP monitored every six months, filled as far as figures go.

The form has six columns: No, Prosedur, Penilaian, Catatan hasil penilaian, Tindakan yang harus diambil, Paraf penilai.
The figures are the notes. Whether a step goes well, what is to be done about it, and the initials are the assessor's:
a spreadsheet leaves those columns empty.
"""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field

from app.paging import Page
from app.reports.performance import PerformanceReport, StepPerformance
from engine.calendar_words import ENGLISH, INDONESIAN, Said


class MonitoringRow(BaseModel):
    """A step in the monitoring table: its norm, how long it really took (median), how often, and whether in time."""

    number: int
    activity: str
    procedure: str
    norm: str | None
    norm_minutes: int | None
    count: int
    median_minutes: int | None
    p90_minutes: int | None
    in_time: int
    late: int
    notes_id: str
    notes_en: str

    @classmethod
    def of(cls, step: StepPerformance) -> Self:
        """The row of a step."""
        same = {name: getattr(step, name) for name in cls.model_fields if name in StepPerformance.model_fields}
        said = _notes(step)
        return cls(
            **same,
            procedure=step.name,
            norm=step.time_limit.text if step.time_limit else None,
            notes_id=said.message_id,
            notes_en=said.message_en,
        )


class MonitoringLine(BaseModel):
    """A row under the headings of the form."""

    number: int = Field(serialization_alias="No")
    procedure: str = Field(serialization_alias="Prosedur")
    assessment: None = Field(default=None, serialization_alias="Penilaian (berjalan dengan baik / tidak)")
    notes: str = Field(serialization_alias="Catatan hasil penilaian")
    action: None = Field(default=None, serialization_alias="Tindakan yang harus diambil")
    initials: None = Field(default=None, serialization_alias="Paraf penilai")

    @classmethod
    def of(cls, row: MonitoringRow) -> Self:
        """The line of a row, in Indonesian as the form is."""
        return cls(number=row.number, procedure=row.procedure, notes=row.notes_id)


def monitoring(report: PerformanceReport) -> Page[MonitoringRow]:
    """The table of the steps in a report."""
    return Page(items=[MonitoringRow.of(step) for step in report.items], next=report.next)


def _notes(step: StepPerformance) -> Said:
    """How often it was done, how long it took in working time, and whether in time."""
    if step.median_minutes is None or step.p90_minutes is None:
        return Said("Tidak dilaksanakan.", "Not carried out.")
    id_, en = INDONESIAN.length, ENGLISH.length
    judged, often = step.in_time + step.late, "once" if step.count == 1 else f"{step.count} times"
    took = [
        Said(
            f"Dilaksanakan {step.count} kali; waktu kerja median {id_(step.median_minutes)}, "
            f"persentil ke-90 {id_(step.p90_minutes)}.",
            f"Carried out {often}; working time {en(step.median_minutes)} in the median, "
            f"{en(step.p90_minutes)} at the 90th percentile.",
        )
    ]
    if step.time_limit and step.norm_minutes is not None:
        text = step.time_limit.text
        took.append(
            Said(
                f"Norma {text} ({id_(step.norm_minutes)} kerja): {step.in_time} dari {judged} tepat waktu.",
                f"Norm {text} ({en(step.norm_minutes)} of work): {step.in_time} of {judged} in time.",
            )
        )
    return Said(" ".join(one.message_id for one in took), " ".join(one.message_en for one in took))
