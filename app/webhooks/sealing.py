"""Keeps secrets encrypted at rest (Fernet: AES-128-CBC with HMAC-SHA256), under keys that can be replaced.

The first key seals, all of them open. To replace a key, put a new one first, reseal what is kept, and take the old
one away.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class SealingRefused(Exception):
    """Secrets cannot be kept or read with the keys given. It says so in both languages and repeats no key."""

    def __init__(self, message_id: str, message_en: str) -> None:
        super().__init__(f"{message_id} / {message_en}")
        self.message_id = message_id
        self.message_en = message_en


class SealingKeyMissing(SealingRefused):
    """No key is configured."""

    def __init__(self) -> None:
        super().__init__(
            "Kunci penyegel rahasia webhook belum diatur; buat satu kunci Fernet dan cantumkan pada pengaturan.",
            "No key is configured to seal webhook secrets; make a Fernet key and put it into the settings.",
        )


class SealingKeyUnreadable(SealingRefused):
    """A configured key is not a Fernet key."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"Kunci penyegel ke-{number} bukan kunci Fernet (32 bita dalam base64 URL).",
            f"Sealing key number {number} is not a Fernet key (32 bytes in URL-safe base64).",
        )


class SealUnbroken(SealingRefused):
    """None of the configured keys opens this, or it was changed."""

    def __init__(self) -> None:
        super().__init__(
            "Rahasia ini tidak dapat dibuka dengan kunci yang diatur; kembalikan kunci lama, atau ganti rahasianya.",
            "None of the configured keys opens this secret; bring the old key back, or replace the secret.",
        )


def listed(setting: str) -> tuple[str, ...]:
    """The keys in a setting, which are separated by commas."""
    return tuple(filter(None, map(str.strip, setting.split(","))))


class Seal:
    """Seals secrets under the first key and opens them with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise SealingKeyMissing
        self._keys = MultiFernet([_read(number, key) for number, key in enumerate(keys, 1)])

    def seal(self, secret: str) -> str:
        """The secret, unreadable without a key."""
        return self._keys.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """The secret again."""
        try:
            return self._keys.decrypt(sealed.encode()).decode()
        except InvalidToken as wrong:
            raise SealUnbroken from wrong

    def reseal(self, sealed: str) -> str:
        """The same secret under the first key."""
        try:
            return self._keys.rotate(sealed.encode()).decode()
        except InvalidToken as wrong:
            raise SealUnbroken from wrong


def _read(number: int, key: str) -> Fernet:
    try:
        return Fernet(key)
    except ValueError as wrong:
        raise SealingKeyUnreadable(number) from wrong
