"""Demonstration agencies with units, positions, officials and an API key, so that a newcomer can act at once.

The officials are invented. Nothing here is done twice: what is already there is left as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import new_id
from app.database import Database
from app.identity.callers import SCOPES
from app.identity.credentials import hash_of, is_well_formed, new_key
from app.tables import (
    agencies,
    api_key_agencies,
    api_key_officials,
    api_keys,
    holders,
    officials,
    positions,
    role_bindings,
    units,
)

SINCE = datetime(2020, 1, 1, tzinfo=UTC)
"""Since when the invented officials hold their positions."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position of the demonstration: its unit, its superior's title, the role it plays and who holds it."""

    title: str
    unit: str
    superior: str | None
    role: str | None
    held_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One agency of the demonstration."""

    key: str
    name: str
    timezone: str
    units: tuple[tuple[str, str, str], ...]
    """Key, kind and name of each unit."""
    places: tuple[Place, ...]


KALBAR = Demonstration(
    key="diskopukm-kalbar",
    name="Dinas Koperasi, Usaha Kecil dan Menengah Provinsi Kalimantan Barat",
    timezone="Asia/Pontianak",
    units=(
        ("sekretariat", "sekretariat", "Sekretariat"),
        ("bidang_koperasi", "bidang", "Bidang Koperasi"),
        ("bidang_usaha_kecil", "bidang", "Bidang Usaha Kecil dan Menengah"),
        ("bidang_pemberdayaan", "bidang", "Bidang Pemberdayaan"),
    ),
    places=(
        Place("Kepala Dinas", "sekretariat", None, "pejabat_level_i", ("Andreas Lumban Contoh",)),
        Place("Sekretaris", "sekretariat", "Kepala Dinas", "pejabat_level_ii", ("Bernadeta Sari Contoh",)),
        Place("Ketua Tim Kerja", "sekretariat", "Sekretaris", "ketua_tim_kerja", ("Cahyo Utama Contoh",)),
        Place(
            "Anggota Tim Kerja",
            "sekretariat",
            "Ketua Tim Kerja",
            "anggota_tim_kerja",
            ("Dewi Lestari Contoh", "Eko Prasetyo Contoh"),
        ),
        Place("Kepala Bidang Koperasi", "bidang_koperasi", "Kepala Dinas", None, ("Fransiska Dayang Contoh",)),
        Place("Kepala Bidang UKM", "bidang_usaha_kecil", "Kepala Dinas", None, ("Gusti Hamid Contoh",)),
        Place("Kepala Bidang Pemberdayaan", "bidang_pemberdayaan", "Kepala Dinas", None, ("Hendra Wijaya Contoh",)),
    ),
)

CIREBON = Demonstration(
    key="dkukm-cirebon",
    name="Dinas Koperasi dan Usaha Kecil dan Menengah Kabupaten Cirebon",
    timezone="Asia/Jakarta",
    units=(("sekretariat", "sekretariat", "Sekretariat"),),
    places=(
        Place("Kepala Dinas", "sekretariat", None, "kepala_dinas", ("Iwan Setiawan Contoh",)),
        Place("Sekretaris", "sekretariat", "Kepala Dinas", "sekretaris", ("Juwita Rahma Contoh",)),
        Place(
            "JF. Perencana Ahli Muda",
            "sekretariat",
            "Sekretaris",
            "kel_program_keuangan",
            ("Kurniawan Adi Contoh",),
        ),
        Place("Ka. Umpeg", "sekretariat", "Sekretaris", "kel_anev_umpeg", ("Lilis Suryani Contoh",)),
        Place("Pelaksana", "sekretariat", "JF. Perencana Ahli Muda", "pelaksana", ("Maman Suherman Contoh",)),
    ),
)

SUKABUMI = Demonstration(
    key="dkukm-sukabumi",
    name="Dinas Koperasi dan Usaha Kecil Menengah Kabupaten Sukabumi",
    timezone="Asia/Jakarta",
    units=(("sekretariat", "sekretariat", "Sekretariat"),),
    places=(
        Place("Kepala Dinas", "sekretariat", None, "kadis", ("Nanang Hermawan Contoh",)),
        Place("Sekretaris", "sekretariat", "Kepala Dinas", "sekretaris", ("Oktavia Dewi Contoh",)),
        Place("Kepala Bidang", "sekretariat", "Kepala Dinas", "kabid", ("Purnomo Hadi Contoh",)),
        Place(
            "Kepala Subbagian Keuangan, Perencanaan dan Evaluasi",
            "sekretariat",
            "Sekretaris",
            "kasubag_kpe",
            ("Qomariah Nur Contoh",),
        ),
        Place(
            "Pelaksana Subbagian Keuangan, Perencanaan dan Evaluasi",
            "sekretariat",
            "Kepala Subbagian Keuangan, Perencanaan dan Evaluasi",
            "pelaksana_kpe",
            ("Rudi Hartono Contoh",),
        ),
    ),
)

SAMARINDA = Demonstration(
    key="dkukmp-samarinda",
    name="Dinas Koperasi, Usaha Kecil Menengah dan Perindustrian Kota Samarinda",
    timezone="Asia/Makassar",
    units=(
        ("sekretariat", "sekretariat", "Sekretariat"),
        ("bidang_koperasi", "bidang", "Bidang Koperasi"),
        ("bidang_ukm", "bidang", "Bidang Usaha Kecil Menengah"),
        ("bidang_perindustrian", "bidang", "Bidang Perindustrian"),
    ),
    places=(
        Place("Kepala Dinas", "sekretariat", None, "kadis", ("Sulistyo Budi Contoh",)),
        Place("Sekretaris", "sekretariat", "Kepala Dinas", "sekretaris", ("Tri Wahyuni Contoh",)),
        Place("Perencana Ahli Muda", "sekretariat", "Sekretaris", "jafung_perencana", ("Umar Said Contoh",)),
        Place(
            "Tim Kerja Perencanaan Program",
            "sekretariat",
            "Sekretaris",
            "tim_kerja_perencanaan",
            ("Vina Anggraini Contoh", "Wahyu Kurnia Contoh"),
        ),
    ),
)

AGENCIES = (KALBAR, CIREBON, SUKABUMI, SAMARINDA)


async def seed(database: Database, now: datetime) -> None:
    """Make the demonstration's agencies with all that belongs to them, where they are not there yet."""
    for demonstration in AGENCIES:
        async with database.transaction() as connection:
            if await _id_of(connection, agencies, key=demonstration.key) is None:
                await _make(connection, demonstration, now)


async def write_environment(database: Database, file: Path, url: str, now: datetime) -> None:
    """Write ALUR_URL, ALUR_KEY and an official for each role to a file only its owner may read."""
    async with database.transaction() as connection:
        key = await _standing_key(connection, file) or await _make_key(connection, now)
        await _widen(connection, key)
        acting = await _officials_by_role(connection)
    lines = [f"ALUR_URL={url}", f"ALUR_KEY={key}"]
    lines += [f"ALUR_OFFICIAL_{name.upper().replace('-', '_')}={official}" for name, official in acting.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text("\n".join(lines) + "\n")
    draft.replace(file)


async def _make(connection: AsyncConnection, demonstration: Demonstration, now: datetime) -> None:
    agency = await _add(
        connection,
        agencies,
        key=demonstration.key,
        name=demonstration.name,
        timezone=demonstration.timezone,
        created_at=now,
    )
    parts = {
        key: await _add(connection, units, agency_id=agency, key=key, kind=kind, name=name)
        for key, kind, name in demonstration.units
    }
    made: dict[str, UUID] = {}
    for place in demonstration.places:
        made[place.title] = await _make_place(connection, place, agency, parts, made)


async def _make_place(
    connection: AsyncConnection, place: Place, agency: UUID, parts: dict[str, UUID], made: dict[str, UUID]
) -> UUID:
    position = await _add(
        connection,
        positions,
        agency_id=agency,
        unit_id=parts[place.unit],
        superior_id=made[place.superior] if place.superior else None,
        title=place.title,
    )
    for name in place.held_by:
        official = await _add(connection, officials, agency_id=agency, name=name)
        await _add(connection, holders, agency_id=agency, position_id=position, official_id=official, valid_from=SINCE)
    if place.role:
        await _add(connection, role_bindings, agency_id=agency, role=place.role, position_id=position)
    return position


async def _standing_key(connection: AsyncConnection, file: Path) -> str | None:
    """The key written there before, if it is still good."""
    if not file.exists():
        return None
    written = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    key = written.get("ALUR_KEY", "")
    if is_well_formed(key) and await _id_of(connection, api_keys, secret_hash=hash_of(key)) is not None:
        return key
    return None


async def _make_key(connection: AsyncConnection, now: datetime) -> str:
    key = new_key()
    await _add(connection, api_keys, name="demonstrasi", secret_hash=hash_of(key), scopes=list(SCOPES), created_at=now)
    return key


async def _widen(connection: AsyncConnection, key: str) -> None:
    """Let the key serve every agency of the demonstration and act for all of their officials."""
    key_id = await _id_of(connection, api_keys, secret_hash=hash_of(key))
    mine = [demonstration.key for demonstration in AGENCIES]
    agency_ids = select(agencies.c.id).where(agencies.c.key.in_(mine))
    for table, column, wanted in (
        (api_key_agencies, api_key_agencies.c.agency_id, agency_ids),
        (
            api_key_officials,
            api_key_officials.c.official_id,
            select(officials.c.id).where(officials.c.agency_id.in_(agency_ids)),
        ),
    ):
        known = select(column).where(table.c.api_key_id == key_id)
        missing = (await connection.execute(wanted.except_(known))).scalars().all()
        for one in missing:
            await connection.execute(insert(table).values({"api_key_id": key_id, column.name: one}))


async def _officials_by_role(connection: AsyncConnection) -> dict[str, UUID]:
    """An official for each role of each agency, the first by name: `<agency>_sekretaris`, and `sekretaris` alone
    where only one agency has the role."""
    found = (
        select(agencies.c.key, role_bindings.c.role, officials.c.id)
        .join_from(role_bindings, agencies, agencies.c.id == role_bindings.c.agency_id)
        .join(holders, holders.c.position_id == role_bindings.c.position_id)
        .join(officials, officials.c.id == holders.c.official_id)
        .order_by(role_bindings.c.role, officials.c.name)
    )
    rows = (await connection.execute(found)).all()
    named: dict[str, UUID] = {}
    for demonstration in AGENCIES:
        for row in (row for row in rows if row.key == demonstration.key):
            if len({other.key for other in rows if other.role == row.role}) == 1:
                named.setdefault(row.role, row.id)
            named.setdefault(f"{row.key}_{row.role}", row.id)
    return dict(sorted(named.items()))


async def _add(connection: AsyncConnection, table: Table, **values: Any) -> UUID:
    made = new_id()
    await connection.execute(insert(table).values(id=made, **values))
    return made


async def _id_of(connection: AsyncConnection, table: Table, **values: Any) -> UUID | None:
    found = select(table.c.id).filter_by(**values)
    return (await connection.execute(found)).scalar_one_or_none()
