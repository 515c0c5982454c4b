"""Signs what is sent, as Standard Webhooks 1.0 says: over the exact bytes, with secrets shared (v1) or paired (v1a).

webhook-id         the id of the message, the same for all attempts and all endpoints
webhook-timestamp  when this attempt is made, in whole seconds since 1970
webhook-signature  one signature for each secret in force, separated by spaces: two while a secret is being replaced
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Scheme = Literal["v1", "v1a"]

RANDOM_BYTES = 32
"""How many random bytes make a new secret, of either scheme."""

_SHARED_BYTES = range(24, 65)
_PREFIXES: dict[Scheme, str] = {"v1": "whsec_", "v1a": "whsk_"}
_ID = re.compile(r"[A-Za-z0-9_-]+")  # above all no full stop, which separates what is signed


class SecretUnreadable(ValueError):
    """This is not a secret of Standard Webhooks. What was read is not repeated here."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What signs: 24 to 64 bytes shared with the receiver (v1), or the 32 bytes of an Ed25519 key (v1a)."""

    scheme: Scheme
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) not in (_SHARED_BYTES if self.scheme == "v1" else (32,)):
            raise SecretUnreadable(f"a key of {len(self.key)} bytes does not fit {self.scheme}")

    @property
    def text(self) -> str:
        """The secret as it is written: `whsec_` for v1, `whsk_` for v1a. Shown once, sealed where it is kept."""
        written = self.key if self.scheme == "v1" else self.key + _public(self.key)
        return _PREFIXES[self.scheme] + b64encode(written).decode()

    @property
    def verifies_with(self) -> str:
        """What the receiver needs: the secret itself for v1, the public half (`whpk_`) for v1a."""
        return self.text if self.scheme == "v1" else "whpk_" + b64encode(_public(self.key)).decode()


def new_secret(scheme: Scheme, random: bytes) -> Secret:
    """A secret of RANDOM_BYTES that nobody has seen."""
    if len(random) != RANDOM_BYTES:
        raise SecretUnreadable(f"a new secret takes {RANDOM_BYTES} random bytes")
    return Secret(scheme, random)


def secret(text: str) -> Secret:
    """Read what `Secret.text` wrote."""
    scheme = next((each for each, prefix in _PREFIXES.items() if text.startswith(prefix)), None)
    if scheme is None:
        raise SecretUnreadable("a secret begins with whsec_ or whsk_")
    try:
        written = b64decode(text.removeprefix(_PREFIXES[scheme]), validate=True)
    except ValueError as wrong:
        raise SecretUnreadable("the rest of a secret is base64") from wrong
    if scheme == "v1":
        return Secret("v1", written)
    if len(written) != 64 or written[32:] != _public(written[:32]):
        raise SecretUnreadable("whsk_ is followed by a private key and the public key that belongs to it")
    return Secret("v1a", written[:32])


def headers(secrets: Sequence[Secret], id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of an attempt made at that moment."""
    timestamp = int(at.timestamp())
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(secrets, id, timestamp, body),
    }


def signatures(secrets: Sequence[Secret], id: str, timestamp: int, body: bytes) -> str:
    """One signature for each secret, in their order."""
    if not secrets or not _ID.fullmatch(id):
        raise ValueError("signing takes a secret, and an id of letters, digits, - and _")
    content = b"%b.%d.%b" % (id.encode(), timestamp, body)
    return " ".join(_signature(each, content) for each in secrets)


def _signature(secret: Secret, content: bytes) -> str:
    signed = mac(secret.key, content) if secret.scheme == "v1" else _pair(secret.key).sign(content)
    return f"{secret.scheme},{b64encode(signed).decode()}"


def mac(key: bytes, content: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104)."""
    return hmac.digest(key, content, hashlib.sha256)


def _pair(key: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(key)


def _public(key: bytes) -> bytes:
    return _pair(key).public_key().public_bytes_raw()
