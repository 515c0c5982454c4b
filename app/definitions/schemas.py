"""A definition as it is given out: the frozen shape itself, with its version and when it was published."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from engine.definition import ProcessDefinition

EXAMPLE = """\
kunci: surat-keputusan
judul: Penyusunan Surat Keputusan
instansi: dinas-contoh
siklus: [on_demand]

peran:
  - {id: penyusun, nama: Penyusun}
  - {id: kepala, nama: Kepala Dinas}

kegiatan:
  - id: susun
    nomor: 1
    uraian: Menyusun konsep surat keputusan
    jenis: execution
    pelaksana: [penyusun]
    mutu_baku: {waktu: {tercetak: 3 Hari, jumlah: 3, satuan: workdays}, output: Konsep surat keputusan}
    alur: [{hasil: completed, jenis: forward, ke: tanda_tangan}]

  - id: tanda_tangan
    nomor: 2
    uraian: Menandatangani surat keputusan
    jenis: decision
    pelaksana: [kepala]
    mutu_baku: {output: Surat keputusan}
    alur:
      - {hasil: approved, jenis: forward, ke: null}
      - {hasil: returned, jenis: return, ke: susun}
"""
"""A small SOP, as it is written."""


class DefinitionView(ProcessDefinition):
    """A published version of an SOP."""

    version: int
    published_at: datetime

    @classmethod
    def of(cls, row: Any) -> DefinitionView:
        """The view of a row of `process_definitions`."""
        definition = ProcessDefinition.model_validate_json(row.content)
        parts = {name: getattr(definition, name) for name in ProcessDefinition.model_fields}
        return cls.model_construct(**parts, version=row.version, published_at=row.published_at)


class DefinitionValid(BaseModel):
    """That an SOP could be published as it is. Nothing was stored."""

    valid: Literal[True] = True
