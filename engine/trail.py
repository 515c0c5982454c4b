"""The trail of an instance: what an event looks like when it is written down for good, and how it is proved.

Each record holds the hash of the one before it, so nothing can be changed, removed or put in between unseen.
Personal words are kept apart: the record holds only a salted commitment to them, so they can be erased by law
without breaking the chain. Canonical JSON follows RFC 8785; hashes are SHA-256, written in lower-case hex.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.events import Event, record

GENESIS = "0" * 64
"""What stands in for the hash of the record before the first."""

SALT_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """What all events of one instance have in common."""

    instance_id: UUID
    definition: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An event as it is stored. `canonical` is the text that was hashed; `personal` and `salt` stand apart from it."""

    event: Event
    seq: int
    canonical: str
    prev_hash: str
    hash: str
    personal: str | None
    salt: bytes | None


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where a trail does not hold. `seq` counts from 1."""

    seq: int
    what: str


def seal(
    events: Iterable[tuple[Event, bytes]], chapter: Chapter, client: UUID | None, *, length: int, head: str
) -> tuple[Sealed, ...]:
    """Chain events, each with its salt, onto a trail of `length` records that ends in `head`."""
    sealed: list[Sealed] = []
    for seq, (event, salt) in enumerate(events, start=length + 1):
        one = _seal_one(event, salt, chapter, client, seq, head)
        sealed.append(one)
        head = one.hash
    return tuple(sealed)


def _seal_one(event: Event, salt: bytes, chapter: Chapter, client: UUID | None, seq: int, head: str) -> Sealed:
    facts, personal = record(event)
    facts |= {
        "instance_id": str(chapter.instance_id),
        "seq": seq,
        "definition": chapter.definition,
        "version": chapter.version,
        "prev_hash": head,
    }
    if client is not None and not event.by_engine:
        facts["client"] = str(client)
    words = canonical_json(personal) if personal else None
    if words is not None:
        facts["personal"] = commitment(salt, words)
    text = canonical_json(facts)
    return Sealed(
        event=event,
        seq=seq,
        canonical=text,
        prev_hash=head,
        hash=digest(text),
        personal=words,
        salt=salt if words is not None else None,
    )


def check_chain(texts: Iterable[tuple[str, str]]) -> tuple[list[Fault], int, str]:
    """Check stored (canonical text, hash) pairs in the order of seq.

    Gives the faults found, the length of the trail and the hash it ends in.
    """
    faults: list[Fault] = []
    head, length = GENESIS, 0
    for length, (text, stored) in enumerate(texts, start=1):
        faults += [Fault(length, what) for what in _faults_of(text, stored, length, head)]
        head = stored
    return faults, length, head


def _faults_of(text: str, stored: str, seq: int, head: str) -> Iterable[str]:
    if digest(text) != stored:
        yield "was changed after it was written"
    facts = _read(text)
    if facts is None:
        yield "is not canonical JSON"
        return
    if facts.get("seq") != seq:
        yield f"holds seq {facts.get('seq')} at place {seq}"
    if facts.get("prev_hash") != head:
        yield "does not follow on the record before it"


def _read(text: str) -> dict[str, Any] | None:
    """What a stored record says; nothing if it is not an object in canonical JSON."""
    try:
        facts = json.loads(text)
        return facts if isinstance(facts, dict) and canonical_json(facts) == text else None
    except (ValueError, RecursionError):
        return None


def check_personal(facts: Mapping[str, Any], salt: bytes, words: str) -> bool:
    """Whether personal words are the ones the record committed to."""
    return len(salt) == SALT_BYTES and facts.get("personal") == commitment(salt, words)


def digest(text: str) -> str:
    """SHA-256 over the UTF-8 bytes of a text, in hex."""
    # a stored text may be anything, also what UTF-8 forbids; canonical JSON never is
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def commitment(salt: bytes, words: str) -> str:
    """SHA-256 over a salt of 32 bytes and the words, in hex: reveals nothing, cannot be met by other words.

    Raises ValueError for a salt of another length: words could be moved into it.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(salt + words.encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """The one way to write a JSON value, by RFC 8785.

    Raises ValueError for what JSON cannot say: NaN, infinities, lone surrogates, integers beyond 2^53, other types.
    """
    text = _plain_json(value) if _is_plain(value) else "".join(_written(value))
    try:
        text.encode()
    except UnicodeEncodeError as lone:
        raise ValueError("a lone surrogate is not a character") from lone
    return text


# For values of this kind the standard encoder already writes RFC 8785, ten times faster.
_plain_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is dict:
        return all(type(name) is str and name.isascii() and _is_plain(item) for name, item in value.items())
    if kind is list or kind is tuple:
        return all(_is_plain(item) for item in value)
    return kind is int and abs(value) <= 2**53


def _written(value: Any) -> Iterable[str]:
    if value is None or isinstance(value, bool | str):
        yield json.dumps(value, ensure_ascii=False)
    elif isinstance(value, int):
        yield _integer(value)
    elif isinstance(value, float):
        yield _number(value)
    elif isinstance(value, Mapping):
        yield "{"
        for index, name in enumerate(sorted(value, key=_utf16)):
            yield ("," if index else "") + json.dumps(name, ensure_ascii=False) + ":"
            yield from _written(value[name])
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for index, item in enumerate(value):
            if index:
                yield ","
            yield from _written(item)
        yield "]"
    else:
        raise ValueError(f"{type(value).__name__} is not JSON")


def _utf16(name: object) -> bytes:
    """Names are sorted by their UTF-16 code units (RFC 8785, 3.2.3)."""
    if not isinstance(name, str):
        raise ValueError("a name in a JSON object is a string")
    return name.encode("utf-16-be", "surrogatepass")


def _integer(value: int) -> str:
    if abs(value) > 2**53:
        raise ValueError(f"{value} is beyond what a JSON number holds exactly")
    return str(value)


def _number(value: float) -> str:
    """A number as ECMAScript writes it (RFC 8785, 3.2.2.3): shortest digits, exponent from 1e21 and below 1e-6."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a JSON number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # point: how many digits stand before the decimal point
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len((whole + fraction).lstrip("0")))
    digits = digits.rstrip("0")
    return sign + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    power = point - 1
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{'+' if power > 0 else '-'}{abs(power)}"
