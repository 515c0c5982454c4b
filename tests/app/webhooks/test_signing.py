"""Signatures that every library of Standard Webhooks accepts."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.webhooks.signing import Secret, SecretUnreadable, headers, mac, new_secret, secret, signatures

ID, TIMESTAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
SHARED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHARED_SAYS = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
PAIRED = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PAIRED_PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
PAIRED_SAYS = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

WIB = timezone(timedelta(hours=7))


def _verify_pair(public: str, id: str, timestamp: int, body: bytes, signature: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(b64decode(public.removeprefix("whpk_")))
    key.verify(b64decode(signature.removeprefix("v1a,")), f"{id}.{timestamp}.".encode() + body)


def test_signs_as_the_published_vector_of_v1_says() -> None:
    assert signatures([secret(SHARED)], ID, TIMESTAMP, BODY) == SHARED_SAYS


def test_signs_as_the_published_vector_of_v1a_says() -> None:
    assert signatures([secret(PAIRED)], ID, TIMESTAMP, BODY) == PAIRED_SAYS
    assert secret(PAIRED).verifies_with == PAIRED_PUBLIC


def test_authenticates_as_the_published_vector_of_another_sender_says() -> None:
    said = mac(b"It's a Secret to Everybody", b"Hello, World!").hex()
    assert said == "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_signs_with_old_and_new_while_a_secret_is_being_replaced() -> None:
    assert signatures([secret(SHARED), secret(PAIRED)], ID, TIMESTAMP, BODY) == f"{SHARED_SAYS} {PAIRED_SAYS}"


@pytest.mark.parametrize("position", [0, 1])
def test_an_independent_verifier_accepts_either_of_two_secrets_and_reads_the_event(position: int) -> None:
    body = json.dumps({"specversion": "1.0", "id": "m1", "source": "/alur", "type": "step.completed"}).encode()
    secrets = [new_secret("v1", os.urandom(32)), new_secret("v1", os.urandom(32))]
    sent = headers(secrets, "m1", datetime.now(WIB), body)
    Webhook(secrets[position].text).verify(body, sent)
    told = from_http(HTTPMessage(sent | {"content-type": "application/cloudevents+json"}, body), JSONFormat())
    assert (told.get_id(), told.get_type()) == (sent["webhook-id"], "step.completed")


def test_an_independent_verifier_refuses_a_changed_body_another_secret_and_an_old_attempt() -> None:
    held, now = new_secret("v1", os.urandom(32)), datetime.now(UTC)
    sent = headers([held], "m1", now, b"{}")
    old = headers([held], "m1", now - timedelta(minutes=6), b"{}")
    for verifier, body, said in [(held, b"[]", sent), (new_secret("v1", b"x" * 32), b"{}", sent), (held, b"{}", old)]:
        with pytest.raises(WebhookVerificationError):
            Webhook(verifier.text).verify(body, said)


def test_the_timestamp_is_the_moment_whatever_zone_it_is_told_in() -> None:
    moment = datetime(2026, 3, 31, 7, 0, 0, 999_999, tzinfo=WIB)
    local, universal = (headers([secret(SHARED)], ID, at, BODY) for at in (moment, moment.astimezone(UTC)))
    assert (local, local["webhook-timestamp"]) == (universal, "1774915200")


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_what_a_pair_signs_verifies_with_its_public_half_alone(random: bytes, body: bytes) -> None:
    held = new_secret("v1a", random)
    said = signatures([held], ID, TIMESTAMP, body)
    _verify_pair(held.verifies_with, ID, TIMESTAMP, body, said)
    with pytest.raises(InvalidSignature):
        _verify_pair(held.verifies_with, ID, TIMESTAMP + 1, body, said)


@given(
    st.one_of(
        st.builds(Secret, st.just("v1"), st.binary(min_size=24, max_size=64)),
        st.builds(Secret, st.just("v1a"), st.binary(min_size=32, max_size=32)),
    )
)
def test_a_secret_is_read_as_it_was_written(held: Secret) -> None:
    assert secret(held.text) == held


@pytest.mark.parametrize(
    "text",
    [
        "",
        SHARED.removeprefix("whsec_"),
        "whsec_",
        "whsec_" + "A" * 28,  # 21 bytes
        "whsec_" + "A" * 88,  # 66 bytes
        SHARED + "é",
        SHARED + " ",
        PAIRED[:-8],
        PAIRED.replace("6Xb/", "6Xa/"),  # the public half belongs to another private one
        PAIRED_PUBLIC,
    ],
)
def test_refuses_what_is_not_a_secret_and_does_not_repeat_it(text: str) -> None:
    with pytest.raises(SecretUnreadable) as refused:
        secret(text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("id", ["", "a.b", "a b", "a\r\nX: 1"])
def test_refuses_an_id_that_could_be_mistaken_for_what_follows_it(id: str) -> None:
    with pytest.raises(ValueError, match="signing takes"):
        signatures([secret(SHARED)], id, TIMESTAMP, BODY)


def test_refuses_to_send_unsigned() -> None:
    with pytest.raises(ValueError, match="signing takes"):
        signatures([], ID, TIMESTAMP, BODY)


def test_a_secret_does_not_show_in_logs() -> None:
    assert repr(secret(SHARED)) == "Secret(scheme='v1')"
