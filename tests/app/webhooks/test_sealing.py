"""Secrets at rest: sealed, opened, and sealed anew when a key is replaced."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from app.webhooks.sealing import Seal, SealingKeyMissing, SealingKeyUnreadable, SealUnbroken, listed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 a published example


@pytest.fixture(scope="module")
def keys() -> list[str]:
    return [Fernet.generate_key().decode() for _ in range(3)]


def test_what_was_sealed_opens_and_does_not_show(keys: list[str]) -> None:
    sealed = Seal(keys).seal(SECRET)
    assert Seal(keys).open(sealed) == SECRET
    assert SECRET not in sealed


def test_seals_under_the_first_key_and_opens_with_all(keys: list[str]) -> None:
    assert Seal(keys[:1]).open(Seal(keys).seal(SECRET)) == SECRET
    assert Seal(keys).open(Seal(keys[2:]).seal(SECRET)) == SECRET


def test_a_key_can_be_taken_away_after_everything_was_resealed(keys: list[str]) -> None:
    new, old = keys[0], keys[1]
    sealed = Seal([old]).seal(SECRET)
    assert Seal([new]).open(Seal([new, old]).reseal(sealed)) == SECRET


def test_what_no_key_opens_is_refused_in_both_languages(keys: list[str]) -> None:
    foreign, ours = Seal(keys[:1]), Seal(keys[1:])
    for sealed in (foreign.seal(SECRET), ours.seal(SECRET)[:-4], "", "é"):
        for deed in (ours.open, ours.reseal):
            with pytest.raises(SealUnbroken, match=r"kunci lama.* / .*old key"):
                deed(sealed)


def test_without_a_key_it_says_in_both_languages_what_to_do() -> None:
    with pytest.raises(SealingKeyMissing, match=r"pengaturan\. / No key") as refused:
        Seal(listed(" , "))
    assert (refused.value.message_id[:5], refused.value.message_en[:6]) == ("Kunci", "No key")


@pytest.mark.parametrize("wrong", ["terlalu-pendek", "é" * 44, "A" * 43])
def test_says_which_key_is_wrong_and_does_not_repeat_it(keys: list[str], wrong: str) -> None:
    with pytest.raises(SealingKeyUnreadable, match=r"ke-2 .* number 2 ") as refused:
        Seal([keys[0], wrong])
    assert wrong not in str(refused.value)


def test_keys_in_a_setting_are_separated_by_commas() -> None:
    assert listed("a, b,,c ") == ("a", "b", "c")
