"""Turns a refusal into a problem (RFC 9457) in Indonesian and English. One table; caught nowhere else.

The class of a refusal is its code (`OutputMissing` -> `/problems/output-missing`), its docstring the English sentence;
the table adds the status, the titles and the Indonesian sentence, which says what to do next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine import errors as engine
from engine.errors import Mistake, Refused

PROBLEM = "application/problem+json"


class IdentityMissing(Refused):
    """Present a valid API key: Authorization: Bearer <key>."""


class ScopeMissing(Refused):
    """This API key lacks the scope "{scope}"."""


class OnBehalfOfMissing(Refused):
    """Name the official who acts in the header Alur-On-Behalf-Of."""


class OfficialNotAllowed(Refused):
    """This API key may not act in this agency for the official that was named."""


class NotFound(Refused):
    """There is nothing here, or it belongs to an agency this API key does not serve."""


class MethodNotAllowed(Refused):
    """This address does not take the method."""


class RequestInvalid(Refused):
    """The request has mistakes; each is listed in errors."""


class BodyTooLarge(Refused):
    """The request body is larger than {limit} bytes."""


class MediaTypeUnsupported(Refused):
    """The body must be one of: {offered}."""


class DefinitionInvalid(Refused):
    """The SOP has mistakes and was not published; each is listed in errors."""


class DefinitionOfAnotherAgency(Refused):
    """The key {key} already belongs to an SOP of another agency."""


class DuplicateInstance(Refused):
    """This SOP already runs or ran for the agency and period; give duplicate.reason to start another."""


class ReferenceTaken(Refused):
    """This client has already started an instance with that reference."""


class CalendarInvalid(Refused):
    """The calendar would have mistakes and was not changed; each is listed in errors."""


class IfMatchMissing(Refused):
    """Send If-Match with the ETag of what you have seen, so that no change of others is lost."""


class VersionSuperseded(Refused):
    """This is now version {version}; look at it, and send your change again with its ETag."""


class AlreadyWithdrawn(Refused):
    """This was withdrawn before."""


class DeadlineShared(Refused):
    """This deadline holds for every agency; set one for your own agency instead of withdrawing it."""


class EndpointUnverified(Refused):
    """Nobody has shown yet that this receiver is yours; verify the endpoint first."""


class EndpointNotEnabled(Refused):
    """This endpoint is {state}, so nothing is sent to it; verify or enable it first."""


class TooManySecrets(Refused):
    """{most} secrets of this endpoint count at the moment; wait until one expires, or rotate with overlap_hours 0."""


class DeliveryUnderWay(Refused):
    """This delivery is being attempted at the moment; look at it again shortly."""


class ReplayEnded(Refused):
    """This replay has ended already."""


class SecretsUnavailable(Refused):
    """Secrets of webhooks cannot be kept or read with the keys that are configured; see errors."""


class EventsGone(Refused):
    """Events after that cursor are no longer kept; go on from cursor {oldest}, and read the instances anew."""


class CursorBehind(Refused):
    """This consumer has already passed {cursor}; say rewind to go back."""


class ConsumerNameTaken(Refused):
    """This client already has a consumer of that name."""


class IdempotencyKeyReused(Refused):
    """The Idempotency-Key was first sent with another body or for another official."""


class Contended(Refused):
    """Too many changes to the same instance at once; try again."""


class Unavailable(Refused):
    """The database cannot be reached at the moment; try again with the same Idempotency-Key."""


class EffectUnknown(Refused):
    """Whether this was recorded is not known: send it again with the same Idempotency-Key, or look before repeating."""


class Overloaded(Refused):
    """This server works on as many requests as it can; nothing was done, try again in a moment."""


class ShuttingDown(Refused):
    """This server is about to stop; send the request again."""


class SchemaOutdated(Refused):
    """The database is at revision {found} and this release needs {needed}: run `alur migrate`."""


class InternalError(Refused):
    """Something went wrong on our side; nothing was changed unless the trail says so."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one class of refusal is told."""

    status: int
    title_id: str
    title_en: str
    detail_id: str


KINDS: Mapping[type[Refused], Kind] = {
    IdentityMissing: Kind(
        401, "Identitas tidak dikenal", "Identity missing",
        "Sertakan kunci API yang berlaku: Authorization: Bearer <kunci>.",
    ),
    ScopeMissing: Kind(
        403, "Kunci tidak berwenang", "Scope missing",
        "Kunci API ini tidak memiliki kewenangan “{scope}”; mintalah kepada administrator instansi Anda.",
    ),
    OnBehalfOfMissing: Kind(
        400, "Pejabat belum disebutkan", "Official not named",
        "Sebutkan pejabat yang bertindak pada header Alur-On-Behalf-Of.",
    ),
    OfficialNotAllowed: Kind(
        403, "Pejabat di luar kewenangan kunci", "Official not allowed",
        "Kunci API ini tidak boleh bertindak atas nama pejabat tersebut pada instansi ini; pilih pejabat instansi ini.",
    ),
    NotFound: Kind(
        404, "Tidak ditemukan", "Not found",
        "Alamat ini tidak ada, atau milik instansi yang tidak dilayani kunci API ini.",
    ),
    MethodNotAllowed: Kind(
        405, "Metode tidak didukung", "Method not allowed",
        "Alamat ini tidak menerima metode tersebut; lihat header Allow.",
    ),
    RequestInvalid: Kind(
        422, "Permintaan keliru", "Request invalid",
        "Permintaan memuat kesalahan; perbaiki setiap butir pada errors lalu kirim ulang.",
    ),
    BodyTooLarge: Kind(
        413, "Isi terlalu besar", "Body too large",
        "Isi permintaan melebihi {limit} bita; kirim yang lebih kecil.",
    ),
    MediaTypeUnsupported: Kind(
        415, "Jenis isi tidak didukung", "Media type unsupported",
        "Kirim isi dengan salah satu Content-Type berikut: {offered}.",
    ),
    DefinitionInvalid: Kind(
        422, "SOP keliru", "Definition invalid",
        "SOP memuat kesalahan dan belum diterbitkan; perbaiki setiap butir pada errors.",
    ),
    DefinitionOfAnotherAgency: Kind(
        409, "Kunci SOP milik instansi lain", "Key of another agency",
        "Kunci {key} sudah dipakai SOP instansi lain; pilih kunci yang lain.",
    ),
    DuplicateInstance: Kind(
        409, "Sudah ada untuk periode ini", "Duplicate instance",
        "SOP ini sudah atau sedang dilaksanakan untuk instansi dan periode tersebut; lanjutkan yang ada, "
        "atau sertakan alasan pada duplicate.reason.",
    ),
    ReferenceTaken: Kind(
        409, "Rujukan sudah dipakai", "Reference taken",
        "Rujukan ini sudah dipakai untuk memulai pelaksanaan lain; lihat existing.",
    ),
    CalendarInvalid: Kind(
        422, "Kalender keliru", "Calendar invalid",
        "Kalender akan memuat kesalahan dan belum diubah; perbaiki setiap butir pada errors.",
    ),
    IfMatchMissing: Kind(
        428, "If-Match belum disertakan", "If-Match missing",
        "Sertakan If-Match dengan ETag yang Anda lihat, agar perubahan pihak lain tidak hilang.",
    ),
    VersionSuperseded: Kind(
        412, "Sudah ada versi lain", "Version superseded",
        "Sekarang sudah versi {version}; periksa dahulu, lalu kirim ulang perubahan Anda dengan ETag-nya.",
    ),
    AlreadyWithdrawn: Kind(
        409, "Sudah dicabut", "Already withdrawn", "Ini sudah pernah dicabut; lihat existing."
    ),
    DeadlineShared: Kind(
        409, "Tenggat semua instansi", "Deadline shared",
        "Tenggat ini berlaku bagi semua instansi; tetapkan tenggat instansi Anda sendiri, jangan mencabutnya.",
    ),
    EndpointUnverified: Kind(
        409, "Penerima belum terbukti", "Endpoint unverified",
        "Belum terbukti bahwa penerima ini milik Anda; lakukan verifikasi titik webhook ini terlebih dahulu.",
    ),
    EndpointNotEnabled: Kind(
        409, "Titik webhook tidak aktif", "Endpoint not enabled",
        "Titik webhook ini tidak aktif sehingga tidak dikirimi apa pun; verifikasi atau aktifkan terlebih dahulu.",
    ),
    TooManySecrets: Kind(
        409, "Rahasia terlalu banyak", "Too many secrets",
        "Sudah {most} rahasia titik webhook ini yang berlaku; tunggu salah satunya kedaluwarsa, atau ganti dengan "
        "overlap_hours 0.",
    ),
    DeliveryUnderWay: Kind(
        409, "Sedang dikirim", "Delivery under way", "Kiriman ini sedang dikirim; periksa lagi sebentar kemudian."
    ),
    ReplayEnded: Kind(
        409, "Pengiriman ulang sudah berakhir", "Replay ended", "Pengiriman ulang ini sudah berakhir; lihat existing."
    ),
    SecretsUnavailable: Kind(
        503, "Rahasia tidak dapat disimpan", "Secrets unavailable",
        "Rahasia webhook tidak dapat disimpan atau dibaca dengan kunci yang diatur; lihat errors dan hubungi "
        "administrator server.",
    ),
    EventsGone: Kind(
        410, "Peristiwa tidak disimpan lagi", "Events gone",
        "Peristiwa sesudah cursor itu tidak disimpan lagi; lanjutkan dari cursor {oldest} dan baca ulang datanya.",
    ),
    CursorBehind: Kind(
        409, "Cursor sudah dilewati", "Cursor behind",
        "Konsumen ini sudah sampai pada {cursor}; untuk mundur, sertakan rewind: true.",
    ),
    ConsumerNameTaken: Kind(
        409, "Nama konsumen sudah dipakai", "Consumer name taken",
        "Kunci API ini sudah memiliki konsumen dengan nama itu; pakai yang ada (lihat existing) atau nama lain.",
    ),
    IdempotencyKeyReused: Kind(
        422, "Idempotency-Key dipakai ulang", "Idempotency key reused",
        "Idempotency-Key ini pertama kali dikirim dengan isi atau pejabat lain; gunakan kunci baru.",
    ),
    Contended: Kind(
        503, "Terlalu ramai", "Contended",
        "Terlalu banyak perubahan bersamaan pada pelaksanaan ini; coba lagi sebentar.",
    ),
    Unavailable: Kind(
        503, "Basis data tidak terjangkau", "Unavailable",
        "Basis data sedang tidak terjangkau; coba lagi dengan Idempotency-Key yang sama.",
    ),
    EffectUnknown: Kind(
        503, "Hasil belum diketahui", "Effect unknown",
        "Basis data terputus saat perubahan ini dicatat sehingga hasilnya belum diketahui; kirim ulang dengan "
        "Idempotency-Key yang sama, atau periksa lebih dahulu sebelum mengulang.",
    ),
    Overloaded: Kind(
        503, "Server sedang penuh", "Overloaded",
        "Server sedang mengerjakan permintaan sebanyak yang sanggup ditanganinya dan belum melakukan apa pun; "
        "coba lagi sebentar.",
    ),
    ShuttingDown: Kind(
        503, "Server akan berhenti", "Shutting down", "Server ini akan segera berhenti; kirim ulang permintaan ini."
    ),
    SchemaOutdated: Kind(
        503, "Basis data belum dimutakhirkan", "Schema outdated",
        "Basis data berada pada revisi {found}, sedangkan rilis ini memerlukan {needed}: jalankan `alur migrate`.",
    ),
    InternalError: Kind(
        500, "Kesalahan di pihak kami", "Internal error",
        "Terjadi kesalahan di pihak kami; coba lagi; bila berulang, "
        "sampaikan Request-Id jawaban ini kepada administrator.",
    ),
    engine.TaskUnknown: Kind(
        404, "Tugas tidak ditemukan", "Task unknown", "Tugas ini tidak ada pada pelaksanaan tersebut."
    ),
    engine.TaskClosed: Kind(
        409, "Tugas sudah ditutup", "Task closed",
        "Tugas ini sudah {status}; muat ulang daftar tugas Anda untuk melihat langkah berikutnya.",
    ),
    engine.TaskClaimed: Kind(
        409, "Tugas sudah diambil", "Task claimed",
        "Tugas ini sudah diambil; pemegangnya disebutkan pada existing.",
    ),
    engine.TaskNotClaimed: Kind(
        409, "Tugas belum diambil", "Task not claimed", "Tugas ini belum diambil siapa pun, jadi tidak perlu dilepas."
    ),
    engine.TaskPaused: Kind(
        409, "Jam sudah berhenti", "Task paused", "Jam langkah ini sudah dihentikan; lanjutkan dulu."
    ),
    engine.TaskNotPaused: Kind(
        409, "Jam sedang berjalan", "Task not paused", "Jam langkah ini sedang berjalan, jadi tidak perlu dilanjutkan."
    ),
    engine.AssigneeMismatch: Kind(
        403, "Bukan pemegang tugas", "Not the assignee", "Hanya pejabat yang mengambil tugas ini yang dapat melepasnya."
    ),
    engine.NotACandidate: Kind(
        403, "Bukan pelaksana kegiatan ini", "Not a candidate",
        "Pejabat ini tidak menduduki jabatan pelaksana kegiatan ini ({roles}).",
    ),
    engine.OutcomeUnknown: Kind(
        422, "Hasil tidak dikenal", "Outcome unknown", "Pilih salah satu hasil kegiatan ini: {offered}."
    ),
    engine.OutputMissing: Kind(
        422, "Output belum lengkap", "Output missing",
        "Sertakan satu entri untuk setiap output yang tercetak, atau alasan mengapa belum ada.",
    ),
    engine.OutputUnexpected: Kind(
        422, "Output berlebih", "Output unexpected",
        "Output melebihi yang tercetak pada lembar SOP; masukkan dokumen lain ke attachments.",
    ),
    engine.ReasonMissing: Kind(
        422, "Alasan belum diisi", "Reason missing",
        "Tuliskan alasan pengembalian agar penyusun tahu apa yang diperbaiki.",
    ),
    engine.DeliveriesMissing: Kind(
        422, "Bahan belum lengkap", "Deliveries missing",
        "Bahan dari {missing} belum diterima; tunggu, atau tuliskan alasan melanjutkan tanpanya.",
    ),
    engine.SourceUnknown: Kind(
        422, "Pengirim tidak ditunggu", "Source unknown",
        "Langkah ini tidak menunggu bahan dari “{source}”; yang ditunggu: {awaited}.",
    ),
    engine.AlreadyDelivered: Kind(
        409, "Bahan sudah diterima", "Already delivered",
        "Bahan dari “{source}” sudah diterima; tidak perlu dicatat lagi.",
    ),
    engine.UnitsRequired: Kind(
        422, "Unit belum disebutkan", "Units required",
        "Sebutkan pada units ke unit mana pekerjaan dikembalikan: {offered}.",
    ),
    engine.UnitsMissing: Kind(
        409, "Unit instansi belum cukup", "Units missing",
        "Instansi baru memiliki {there} unit jenis “{kind}”, SOP ini perlu sedikitnya {needed}; daftarkan unitnya.",
    ),
    engine.StartNotPossible: Kind(
        422, "Tidak dapat dimulai di sini", "Start not possible",
        "Pelaksanaan tidak dapat dimulai pada “{activity}”; pilih salah satu: {offered}.",
    ),
    engine.PartyNotAwaited: Kind(
        409, "Pihak tidak ditunggu", "Party not awaited",
        "Saat ini tidak ada yang menunggu jawaban “{party}”; muat ulang pelaksanaan ini.",
    ),
    engine.PartyAmbiguous: Kind(
        422, "Pihak ditunggu di beberapa tempat", "Party ambiguous",
        "Jawaban “{party}” ditunggu di lebih dari satu tempat; sebutkan node (dan unit, sesudah tanda @): {nodes}.",
    ),
    engine.NotUndoable: Kind(
        409, "Tidak dapat dibatalkan lagi", "Not undoable",
        "Langkah ini tidak dapat dibatalkan lagi: yang dibukanya sudah dikerjakan, atau langkah ini belum selesai.",
    ),
    engine.NotThePerformer: Kind(
        403, "Bukan pelaksana langkah ini", "Not the performer",
        "Hanya pejabat yang melaksanakan atau mencatat langkah ini yang dapat membatalkannya.",
    ),
    engine.PerformedAtImpossible: Kind(
        422, "Waktu pelaksanaan tidak mungkin", "Performed at impossible",
        "performed_at tidak boleh di masa depan atau sebelum tugas dibuka.",
    ),
    engine.EvidenceMissing: Kind(
        422, "Bukti belum disertakan", "Evidence missing",
        "Mencatat pekerjaan di atas kertas memerlukan alasan, dan tanda tangan orang lain juga memerlukan bukti.",
    ),
    engine.PeriodMismatch: Kind(
        422, "Periode tidak sesuai", "Period mismatch", "Periode tidak sesuai dengan siklus SOP ini; lihat errors."
    ),
    engine.InstanceSuspended: Kind(
        409, "Pelaksanaan ditangguhkan", "Instance suspended",
        "Pelaksanaan ini sedang ditangguhkan; hubungi yang menangguhkannya, atau tunggu sampai dilanjutkan.",
    ),
    engine.InstanceNotSuspended: Kind(
        409, "Pelaksanaan tidak ditangguhkan", "Instance not suspended",
        "Pelaksanaan ini tidak sedang ditangguhkan, jadi tidak perlu dilanjutkan.",
    ),
    engine.InstanceEnded: Kind(
        409, "Pelaksanaan sudah berakhir", "Instance ended",
        "Pelaksanaan ini sudah {status}; tidak ada lagi yang dapat dilakukan di dalamnya.",
    ),
}  # fmt: skip

STATUS_ID = {"completed": "selesai", "cancelled": "dibatalkan", "withdrawn": "ditarik", "suspended": "ditangguhkan"}
"""Statuses as people read them."""


class Existing(BaseModel):
    """What was there first: its id, its outcome or status, by whom (an official, or the client of a start) and when."""

    id: str
    outcome: str | None = None
    by: str | None = None
    by_name: str | None = None
    at: datetime | None = None


class MistakeView(BaseModel):
    """One thing wrong in a request: where, what, and what would be right."""

    at: str
    line: int | None = None
    column: int | None = None
    message: str
    message_id: str
    message_en: str
    expected: str | None = None


class Problem(BaseModel):
    """A problem (RFC 9457). `detail` follows Accept-Language, Indonesian by default."""

    type: str = Field(examples=["/problems/output-missing"])
    title: str
    status: int
    detail: str
    detail_id: str
    detail_en: str
    errors: list[MistakeView] = []
    existing: Existing | None = None


def slug(kind: type[Refused]) -> str:
    """`OutputMissing` -> `output-missing`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", kind.__name__).lower()


REFUSED_AS = "alur.refused_as"
"""Where the scope of a request that was refused names the problem type."""


def answer(request: Request, refused: Refused, headers: Mapping[str, str] | None = None) -> Response:
    """The response that tells a refusal."""
    kind = KINDS[type(refused)]
    request.scope[REFUSED_AS] = slug(type(refused))
    english = prefers_english(request.headers.get("accept-language", ""))
    problem = Problem(
        type=f"/problems/{slug(type(refused))}",
        title=kind.title_en if english else kind.title_id,
        status=kind.status,
        detail=str(refused) if english else _indonesian(kind, refused),
        detail_id=_indonesian(kind, refused),
        detail_en=str(refused),
        errors=[_view(mistake, english) for mistake in refused.errors],
        existing=refused.facts.get("existing"),
    )
    told = problem.model_dump(mode="json", exclude=None if problem.existing else {"existing"})
    return JSONResponse(told, kind.status, headers=_headers(kind.status) | dict(headers or {}), media_type=PROBLEM)


def prefers_english(accept_language: str) -> bool:
    """Whether somebody would rather read English than Indonesian (RFC 9110, 12.5.4)."""
    weights = {"id": 0.0, "en": 0.0}
    for part in accept_language.split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.strip().lower().split("-")[0]
        found = re.fullmatch(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", parameters)
        if language in weights:
            weights[language] = max(weights[language], float(found[1]) if found else 1.0)
    return weights["en"] > weights["id"]


def _indonesian(kind: Kind, refused: Refused) -> str:
    facts: dict[str, Any] = dict(refused.facts)
    if "status" in facts:
        facts["status"] = STATUS_ID.get(str(facts["status"]), facts["status"])
    return kind.detail_id.format(**facts)


def _view(mistake: Mistake, english: bool) -> MistakeView:
    return MistakeView(
        at=mistake.at,
        line=mistake.line,
        column=mistake.column,
        message=mistake.message_en if english else mistake.message_id,
        message_id=mistake.message_id,
        message_en=mistake.message_en,
        expected=mistake.expected,
    )


def _headers(status: int) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": 'Bearer realm="alur"'}
    return {"Retry-After": "1"} if status == 503 else {}
