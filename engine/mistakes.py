"""Say in both languages what is wrong with what somebody handed in: pydantic's findings as Mistakes, all at once.

The Indonesian sentence says what to do. `expected` is the same in every language: values, keys and examples, no prose.
Used for SOP texts and for REST bodies alike. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from heapq import nlargest
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from engine.errors import Mistake

Path = tuple[str | int, ...]
"""Where something stands, from the outside in: `("activities", 3, "routes", 0, "to")`."""


class Location(NamedTuple):
    """Where something stands in the words of the document; lines and columns from 1, null where there are none."""

    at: str
    line: int | None = None
    column: int | None = None


class Wording(NamedTuple):
    """What to say about one kind of error; `{...}` is filled from the error."""

    message_id: str
    message_en: str
    expected: str | None = None

    def mistake(self, location: Location) -> Mistake:
        """These words about that place."""
        return Mistake(
            at=location.at,
            message_id=self.message_id,
            message_en=self.message_en,
            expected=self.expected,
            line=location.line,
            column=location.column,
        )


def from_validation(
    errors: Sequence[Mapping[str, Any] | ErrorDetails],
    locate: Callable[[Path], Location] | None = None,
    model: type[BaseModel] | None = None,
) -> tuple[Mistake, ...]:
    """Translate what `ValidationError.errors()` (or FastAPI's `RequestValidationError.errors()`) lists.

    `locate` finds the place in the document; without it the path itself is rendered.
    With `model`, an unknown key is answered with the closest one that exists.
    """
    where = locate or (lambda path: Location(rendered(path)))
    return tuple(_one(error, where(tuple(error["loc"])), model) for error in errors if not _is_echo(error))


def rendered(path: Path) -> str:
    """A path as people read it: `activities[3].routes[0].to`; empty for the whole document."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{shortened(step)}" for step in path)
    return "".join(steps).removeprefix(".")


def closest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant, if one is close. Bounded: a long word has no neighbours."""
    if len(word) > 40:
        return None
    letters = _pairs(word)
    likely = nlargest(3, known, key=lambda other: len(letters & _pairs(other)) / (len(letters) + len(other)))
    return next(iter(get_close_matches(word, likely, n=1)), None)


def unknown_key(key: str, known: Sequence[str], meant: str | None = None) -> Wording:
    """What to say about a key that nobody knows."""
    meant = meant or closest(key, known)
    return Wording(
        f'Isian "{shortened(key)}" tidak dikenal.{did_you_mean_id(meant)} Perbaiki atau hapus isian ini.',
        f'The key "{shortened(key)}" is not known.{did_you_mean_en(meant)} Correct or remove it.',
        meant or listed(known),
    )


def too_many(most: int, actual: int) -> Wording:
    """What to say about a list that is too long."""
    return Wording(
        f"Daftar ini berisi {actual} butir; paling banyak {most}. Kurangi isinya.",
        f"This list has {actual} items; at most {most} are allowed.",
        f"<= {most}",
    )


def did_you_mean_id(meant: str | None) -> str:
    return f' Maksud Anda "{meant}"?' if meant else ""


def did_you_mean_en(meant: str | None) -> str:
    return f' Did you mean "{meant}"?' if meant else ""


def shortened(value: object) -> str:
    """A value short enough to stand in a sentence."""
    text = str(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 60 else f"{text[:57]}..."


def listed(known: Sequence[str]) -> str | None:
    """Known words as a list that still fits in an answer."""
    return ", ".join(known[:20]) + (", ..." if len(known) > 20 else "") or None


def model_inside(annotation: object) -> type[BaseModel] | None:
    """The model an annotation holds, alone, optional or as items: `tuple[Route, ...]` holds `Route`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(model_inside, get_args(annotation))), None)


# One error, one mistake


def _is_echo(error: Mapping[str, Any]) -> bool:
    """Whether a list counts as too short only because its items are wrong, each of which is reported already."""
    given = error.get("input")
    return error["type"] == "too_short" and isinstance(given, list) and len(given) >= error["ctx"]["min_length"]


def _one(error: Mapping[str, Any], location: Location, model: type[BaseModel] | None) -> Mistake:
    return _wording(error, location, model).mistake(location)


def _wording(error: Mapping[str, Any], location: Location, model: type[BaseModel] | None) -> Wording:
    kind, given = str(error["type"]), error.get("input")
    context = error.get("ctx") or {}
    if kind == "extra_forbidden":
        return unknown_key(str((error["loc"] or ("",))[-1]), _known_around(model, tuple(error["loc"])))
    if "message_id" in context:
        return _own(error, context)
    if kind == "string_type" and isinstance(given, (bool, int, float)):
        return _unquoted(given)
    if kind in ("int_type", "float_type") and isinstance(given, str) and re.fullmatch(r"-?\d{1,15}", given):
        return _quoted(given)
    if kind == "string_pattern_mismatch":
        return _pattern(str(context.get("pattern", "")))
    if kind in ("enum", "literal_error", "union_tag_invalid"):
        return _choice(context, given)
    if kind in ("value_error", "assertion_error"):
        return _said(context.get("error") or error.get("msg", ""))
    return _filled(WORDINGS.get(kind), error, context, location)


def _own(error: Mapping[str, Any], context: Mapping[str, Any]) -> Wording:
    """An error of this project's own validators carries its Indonesian sentence with it."""
    english = str(context.get("message_en") or error.get("msg", ""))
    return Wording(str(context["message_id"]), english, context.get("expected"))


def _unquoted(given: bool | int | float) -> Wording:
    written = shortened(given)
    return Wording(
        f"Nilai ini harus berupa teks, tetapi {written} tanpa tanda kutip dibaca sebagai bilangan atau true/false. "
        "Apit dengan tanda kutip.",
        f"This must be text, but {written} without quotes is read as a number or true/false. Put it in quotes.",
        f'"{written}"',
    )


def _quoted(given: str) -> Wording:
    return Wording(
        f'Nilai ini harus berupa bilangan, tetapi "{given}" tertulis sebagai teks. Hapus tanda kutipnya.',
        f'This must be a number, but "{given}" is written as text. Remove the quotes.',
        given if given.lstrip("-") == "0" else str(int(given)),
    )


def _pattern(pattern: str) -> Wording:
    known = PATTERNS.get(pattern)
    return known or Wording(
        f"Bentuk nilai ini tidak sesuai. Tulis sesuai pola {pattern}.",
        f"This value does not have the right form. It must match {pattern}.",
        pattern or None,
    )


def _choice(context: Mapping[str, Any], given: object) -> Wording:
    listed = str(context.get("expected") or context.get("expected_tags") or "")
    allowed = re.findall(r"'([^']*)'", listed) or [listed]
    meant = closest(given, allowed) if isinstance(given, str) else None
    return Wording(
        f'Nilai "{_in_brief(given)}" bukan salah satu pilihan.{did_you_mean_id(meant)} '
        f"Pilih salah satu: {', '.join(allowed)}.",
        f'"{_in_brief(given)}" is not one of the choices.{did_you_mean_en(meant)} Choose one of: {", ".join(allowed)}.',
        ", ".join(allowed),
    )


def _in_brief(given: object) -> str:
    """What was given: words as they are, anything bigger only by its outline."""
    if isinstance(given, (Mapping, list, tuple)):
        return "{...}" if isinstance(given, Mapping) else "[...]"
    return "null" if given is None else shortened(given)


def _said(said: object) -> Wording:
    """A validator's own sentence; it exists in one language only, so it stands in both."""
    return Wording(f"Nilai ini tidak dapat diterima: {said}", f"This value is not accepted: {said}")


def _filled(
    wording: Wording | None, error: Mapping[str, Any], context: Mapping[str, Any], location: Location
) -> Wording:
    """The sentences of the table with the facts of this error in them; a truthful general one where the table ends."""
    if wording is None:
        reason = shortened(error.get("msg", error["type"]))
        return Wording(
            f"Nilai ini tidak dapat diterima. Alasan teknis (dalam bahasa Inggris): {reason}",
            f"This value is not accepted: {reason}",
        )
    facts = {name: shortened(fact) for name, fact in context.items()}
    facts["name"] = location.at.rpartition(".")[2]
    known = _Facts(facts)
    return Wording(
        wording.message_id.format_map(known),
        wording.message_en.format_map(known),
        wording.expected and wording.expected.format_map(known),
    )


class _Facts(dict[str, str]):
    """Facts of an error; one that is missing reads as a question mark instead of breaking the sentence."""

    def __missing__(self, name: str) -> str:
        return "?"


def _known_around(model: type[BaseModel] | None, path: Path) -> tuple[str, ...]:
    """The keys that stand beside the last one of a path. Steps no model knows (`body`, a union's tag) are passed by."""
    for step in path[:-1]:
        if model is not None and isinstance(step, str) and step in model.model_fields:
            model = model_inside(model.model_fields[step].annotation)
    return tuple(model.model_fields) if model else ()


@lru_cache(maxsize=2_000)
def _pairs(word: str) -> frozenset[str]:
    """Neighbouring letters: a cheap measure, so that the dear one runs on three candidates and not on four hundred."""
    return frozenset(word[at : at + 2] for at in range(len(word)))


# The sentences

_INSTANT = "2026-03-02T08:00:00+07:00"
_DAY = "2026-03-02"

_TEXT = Wording("Nilai ini harus berupa teks.", "This must be text.", '"..."')
_LIST = Wording(
    "Nilai ini harus berupa daftar, walaupun isinya hanya satu.",
    "This must be a list, even with a single item.",
    "[..., ...]",
)
_GROUP = Wording(
    "Bagian ini harus berisi pasangan kunci dan nilai.", "This must be a group of keys and values.", "kunci: nilai"
)
_WHOLE = Wording(
    "Nilai ini harus berupa bilangan bulat, tanpa koma dan tanpa satuan.",
    "This must be a whole number, without decimals or a unit.",
    "1",
)
_NUMBER = Wording("Nilai ini harus berupa bilangan.", "This must be a number.", "1.5")
_TRUTH = Wording("Nilai ini harus true atau false.", "This must be true or false.", "true, false")
_DATE = Wording("Tulis tanggal sebagai tahun-bulan-hari.", "Write the date as year-month-day.", _DAY)
_TIME = Wording("Tulis jam sebagai jam:menit:detik.", "Write the time as hours:minutes:seconds.", "08:00:00")
_MOMENT = Wording(
    "Tulis tanggal dan jam lengkap dengan selisih zona waktu (WIB +07:00, WITA +08:00, WIT +09:00).",
    "Write date and time with the offset from UTC.",
    _INSTANT,
)
_LENGTH = Wording("Tulis lama waktu dalam bentuk ISO 8601.", "Write the duration in ISO 8601 form.", "PT1H30M")
_ADDRESS = Wording(
    "Alamat ini tidak lengkap atau salah tulis. Tulis alamat lengkap.",
    "This address is incomplete or misspelt. Write the whole address.",
    "https://contoh.go.id/alamat",
)
_UUID = Wording(
    "Nomor pengenal ini harus berupa UUID; salin utuh dari jawaban sistem.",
    "This identifier must be a UUID; copy it whole from an answer of the system.",
    "01960000-0000-7000-8000-000000000000",
)
_MISSING = Wording('Isian "{name}" wajib ada. Tambahkan isian ini.', 'The key "{name}" is required. Add it.', "{name}")
_BROKEN_JSON = Wording(
    "JSON ini tidak dapat dibaca: {error}. Periksa tanda kutip, koma dan kurung.",
    "This JSON cannot be read: {error}. Check quotes, commas and brackets.",
)
_TOO_DEEP = Wording(
    "Susunan ini bertingkat terlalu dalam. Kurangi tingkatnya.", "This is nested too deeply. Use fewer levels."
)
_TOO_FEW = Wording(
    "Daftar ini berisi {actual_length} butir; paling sedikit {min_length}. Lengkapi isinya.",
    "This list has {actual_length} items; at least {min_length} are needed.",
    ">= {min_length}",
)
_TOO_MANY = Wording(
    "Daftar ini berisi {actual_length} butir; paling banyak {max_length}. Kurangi isinya.",
    "This list has {actual_length} items; at most {max_length} are allowed.",
    "<= {max_length}",
)
_TOO_LONG = Wording(
    "Teks ini terlalu panjang; paling banyak {max_length} karakter. Ringkas isinya.",
    "This text is too long; at most {max_length} characters are allowed.",
    "<= {max_length}",
)
_TOO_SHORT = Wording(
    "Teks ini terlalu pendek; paling sedikit {min_length} karakter. Lengkapi isinya, atau hapus isian yang kosong.",
    "This text is too short; at least {min_length} characters are needed. Complete it, or remove an empty key.",
    ">= {min_length}",
)

WORDINGS: dict[str, Wording] = {
    "missing": _MISSING,
    "missing_argument": _MISSING,
    "missing_keyword_only_argument": _MISSING,
    "union_tag_not_found": Wording(
        "Isian {discriminator}, yang menentukan jenis bagian ini, belum ada. Tambahkan isian itu.",
        "The key {discriminator}, which says what this is, is missing. Add it.",
        "{discriminator}",
    ),
    "frozen_field": Wording("Nilai ini tidak dapat diubah.", "This value cannot be changed."),
    "frozen_instance": Wording("Bagian ini tidak dapat diubah.", "This cannot be changed."),
    "json_invalid": _BROKEN_JSON,
    "json_type": Wording("Isi ini harus berupa teks JSON.", "This must be JSON text.", '"{{...}}"'),
    "recursion_loop": _TOO_DEEP,
    "recursion_depth_exceeded": _TOO_DEEP,
    "none_required": Wording("Nilai ini harus kosong.", "This must be null.", "null"),
    # groups and lists
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "dataclass_type": _GROUP,
    "dict_type": _GROUP,
    "mapping_type": _GROUP,
    "invalid_key": Wording("Kunci harus berupa teks. Apit dengan tanda kutip.", "Keys must be text.", '"..."'),
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "too_short": _TOO_FEW,
    "too_long": _TOO_MANY,
    # text
    "string_type": _TEXT,
    "string_unicode": Wording(
        "Teks ini mengandung karakter yang bukan Unicode yang sah. Ketik ulang teksnya.",
        "This text holds characters that are not valid Unicode. Type it again.",
    ),
    "string_not_ascii": Wording(
        "Teks ini hanya boleh memuat huruf Latin dasar, angka dan tanda baca (ASCII).",
        "This text may hold only ASCII characters.",
        "A-Z a-z 0-9",
    ),
    "string_too_short": _TOO_SHORT,
    "string_too_long": _TOO_LONG,
    "bytes_type": _TEXT,
    "bytes_too_short": _TOO_SHORT,
    "bytes_too_long": _TOO_LONG,
    # numbers
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": Wording("Bilangan ini terlalu besar.", "This number is too large."),
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "greater_than": Wording("Nilai ini harus lebih dari {gt}.", "This must be greater than {gt}.", "> {gt}"),
    "greater_than_equal": Wording("Nilai ini harus paling sedikit {ge}.", "This must be at least {ge}.", ">= {ge}"),
    "less_than": Wording("Nilai ini harus kurang dari {lt}.", "This must be less than {lt}.", "< {lt}"),
    "less_than_equal": Wording("Nilai ini harus paling banyak {le}.", "This must be at most {le}.", "<= {le}"),
    "multiple_of": Wording(
        "Nilai ini harus kelipatan {multiple_of}.", "This must be a multiple of {multiple_of}.", "n x {multiple_of}"
    ),
    # dates and times
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": Wording(
        "Tulis tanggalnya saja, tanpa jam.", "Write the date only, without a time.", _DAY
    ),
    "date_past": Wording("Tanggal ini harus sudah lewat.", "This date must be in the past."),
    "date_future": Wording("Tanggal ini harus di masa mendatang.", "This date must be in the future."),
    "time_type": _TIME,
    "time_parsing": _TIME,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_past": Wording("Waktu ini harus sudah lewat.", "This time must be in the past."),
    "datetime_future": Wording("Waktu ini harus di masa mendatang.", "This time must be in the future."),
    "timezone_aware": Wording(
        "Waktu ini belum menyebut zona. Tambahkan selisihnya (WIB +07:00, WITA +08:00, WIT +09:00).",
        "This time names no zone. Add its offset from UTC.",
        _INSTANT,
    ),
    "timezone_naive": Wording(
        "Tulis waktu ini tanpa zona.", "Write this time without a zone.", "2026-03-02T08:00:00"
    ),
    "timezone_offset": _MOMENT,
    "time_delta_type": _LENGTH,
    "time_delta_parsing": _LENGTH,
    # addresses and identifiers
    "url_type": _ADDRESS,
    "url_parsing": _ADDRESS,
    "url_syntax_violation": _ADDRESS,
    "url_too_long": _TOO_LONG,
    "url_scheme": Wording(
        "Alamat ini harus diawali {expected_schemes}.", "This address must start with {expected_schemes}.",
        "{expected_schemes}",
    ),
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "uuid_version": Wording(
        "Nomor pengenal ini harus berupa UUID versi {expected_version}.",
        "This identifier must be a UUID of version {expected_version}.",
        "UUIDv{expected_version}",
    ),
}  # fmt: skip
"""What to say for each type of pydantic error that needs no more than its own facts."""

PATTERNS: dict[str, Wording] = {
    r"^[^\x00]*[^\s\x00][^\x00]*$": Wording(
        "Teks ini kosong atau memuat karakter NUL. Isi teksnya, atau hapus isian ini.",
        "This text is blank or holds a NUL character. Fill it in, or remove the key.",
    ),
    r"^[^\x00]*$": Wording(
        "Teks ini memuat karakter NUL. Hapus karakter itu.",
        "This text holds a NUL character. Remove it.",
    ),
    r"^https://[^\s\x00]+$": Wording(
        "Tautan harus diawali https:// dan tidak memuat spasi.",
        "A link begins with https:// and holds no spaces.",
        "https://",
    ),
    r"^[0-9a-f]{64}$": Wording(
        "SHA-256 terdiri atas 64 angka heksadesimal.",
        "A SHA-256 has 64 hexadecimal digits.",
        "0-9, a-f (64)",
    ),
    r"^\d{4}-\d{2}-\d{2}$": Wording(
        "Tulis tanggal sebagai tahun-bulan-hari.",
        "Write the date as year-month-day.",
        "2026-02-28",
    ),
    r"\S": Wording(
        "Teks ini hanya berisi spasi. Isi teksnya, atau hapus isian ini.",
        "This text is blank. Fill it in, or remove the key.",
    ),
    r"^[a-z][a-z0-9_]*$": Wording(
        "Pengenal hanya boleh memuat huruf kecil, angka dan garis bawah, dan diawali huruf.",
        "An identifier holds only small letters, digits and underscores, and starts with a letter.",
        "ketua_tim_kerja",
    ),
    r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$": Wording(
        "Kunci hanya boleh memuat huruf kecil, angka dan tanda hubung tunggal, dan diawali huruf.",
        "A key holds only small letters, digits and single hyphens, and starts with a letter.",
        "kalbar-lakip",
    ),
    r"^\d{4}(-\d{2}(-\d{2})?)?$": Wording(
        "Tulis tanggal sebagai tahun-bulan-hari, tahun-bulan, atau tahun saja.",
        "Write the date as year-month-day, year-month, or the year alone.",
        "2023-08-31, 2023-08, 2023",
    ),
}
"""What a pattern of the definition says in words."""
