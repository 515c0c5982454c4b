"""The credential of a request: the hash of the API key it carries, and the official it acts for."""

from __future__ import annotations

import binascii
import hashlib
import secrets
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Header, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.errors import IdentityMissing

PREFIX = "alur_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_DIGITS, _CHECK_DIGITS = 43, 6

_bearer = HTTPBearer(auto_error=False, description="An API key of Alur: alur_...")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request proves about its sender. The key itself is never kept."""

    secret_hash: bytes
    official: UUID | None


async def credential(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    official: Annotated[
        UUID | None, Header(alias="Alur-On-Behalf-Of", description="The official for whom the key acts.")
    ] = None,
) -> Credential:
    """The credential of this request. Raises IdentityMissing where there is no well-formed key."""
    if bearer is None or not is_well_formed(bearer.credentials):
        raise IdentityMissing
    return Credential(hash_of(bearer.credentials), official)


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
