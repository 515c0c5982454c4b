"""The credential of a request: the hash of the API key it carries, and the official it acts for."""

from __future__ import annotations

import binascii
import hashlib
import secrets
from dataclasses import dataclass
from uuid import UUID

from starlette.datastructures import Headers

from app.errors import IdentityMissing, RequestInvalid
from engine.errors import Mistake

PREFIX = "alur_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_DIGITS, _CHECK_DIGITS = 43, 6


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request proves about its sender. The key itself is never kept."""

    secret_hash: bytes
    official: UUID | None


def credential(headers: Headers) -> Credential:
    """The credential of a request. Raises IdentityMissing without a well-formed key, RequestInvalid for a wrong id."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not is_well_formed(key):
        raise IdentityMissing
    named = headers.get(ON_BEHALF_OF)
    try:
        return Credential(hash_of(key), UUID(named) if named is not None else None)
    except ValueError as wrong:
        raise RequestInvalid(_ID_MISTAKE) from wrong


ON_BEHALF_OF = "Alur-On-Behalf-Of"

_ID_MISTAKE = Mistake(
    at=ON_BEHALF_OF,
    message_id="Tulis id pejabat, seperti yang tertera pada candidates[].official.",
    message_en="Write the id of an official, as it stands in candidates[].official.",
    expected="01a3f0c2-5b7e-7c11-9d55-3d2f6a8e4b10",
)


def new_key() -> str:
    """A new API key: 256 random bits and a checksum, so that secret scanners can tell one from noise."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_DIGITS))
    return f"{PREFIX}{secret}{_checksum(secret)}"


def is_well_formed(key: str) -> bool:
    """Whether this can be a key at all, before the database is asked."""
    secret, checksum = key[len(PREFIX) : -_CHECK_DIGITS], key[-_CHECK_DIGITS:]
    return key.isascii() and key.startswith(PREFIX) and len(secret) == _SECRET_DIGITS and checksum == _checksum(secret)


def hash_of(key: str) -> bytes:
    """What is stored of a key. A random key of 256 bits needs no slow hash."""
    return hashlib.sha256(key.encode()).digest()


def _checksum(secret: str) -> str:
    rest, digits = binascii.crc32(secret.encode()), ""
    for _ in range(_CHECK_DIGITS):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
