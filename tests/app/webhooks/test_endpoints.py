"""Webhook endpoints over REST: made, verified, tested, changed, given new secrets, removed."""

from __future__ import annotations

import json
import stat
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from app.settings import Settings
from app.webhooks.outside import the_world
from app.webhooks.secrets import kept_key
from tests.app.webhooks.endpoint import PATH, changed, enabled, gives_back, happened, made, until, unverified
from tests.receiver import Received, Receiver, answer, receiving, redirect
from tests.world import Agency, Json, refused, served


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def seen(agency: Agency, endpoint: Json) -> Json:
    return agency.http.json(f"{PATH}/{endpoint['id']}")


def rotated(agency: Agency, endpoint: Json, hours: int = 24) -> Json:
    answered = agency.http.deed(f"{PATH}/{endpoint['id']}/rotate-secret", {"overlap_hours": hours})
    assert answered.status_code == 200, answered.text
    return answered.json()


def signed_by(received: Received, secret: str) -> bool:
    try:
        Webhook(secret).verify(received.body, dict(received.headers))
    except Exception:  # the library raises whatever went wrong
        return False
    return True


# Making


def test_an_endpoint_is_enabled_once_its_receiver_gave_the_challenge_back(agency: Agency, receiver: Receiver) -> None:
    receiver.behave(gives_back(receiver))
    answered = made(agency, f"{receiver.url}/terima", description="Dasbor", owner="Bappeda", types=["step.*"])
    endpoint = answered.json()
    assert answered.headers["Location"] == f"{PATH}/{endpoint['id']}"
    assert (endpoint["status"], endpoint["agencies"], endpoint["verified_at"]) == ("unverified", [agency.key], None)
    (challenge,) = receiver.wait(1)
    told = json.loads(challenge.body)
    assert (told["type"], told["specversion"], told["id"]) == (
        "endpoint.verification",
        "1.0",
        challenge.headers["webhook-id"],
    )
    assert challenge.headers["content-type"] == "application/cloudevents+json"
    assert signed_by(challenge, endpoint["secret"])
    until(lambda: seen(agency, endpoint)["status"] == "enabled")
    assert seen(agency, endpoint)["verified_at"]


def test_a_secret_is_shown_once_and_kept_nowhere_in_clear(agency: Agency) -> None:
    endpoint = unverified(agency, description="Rahasia")
    secret = endpoint.pop("secret")
    assert secret.startswith("whsec_")
    (kept,) = endpoint["secrets"]
    assert (kept["signature"], kept["public_key"], kept["expires_at"]) == ("v1", None, None)
    for path in (f"{PATH}/{endpoint['id']}", PATH, f"{PATH}?format=csv"):
        assert "whsec_" not in agency.http.get(path).text
    tables = [row[0] for row in agency.world.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    for table in tables:
        stored = agency.world.sql(f'SELECT count(*) FROM "{table}" AS t WHERE t::text LIKE $1', f"%{secret[6:]}%")  # noqa: S608 - a table there is
        assert stored[0][0] == 0, table


def test_the_same_request_again_gives_the_same_secret_which_was_kept_sealed(agency: Agency) -> None:
    first, again = (made(agency, "http://127.0.0.1:9/", key="titik-baru") for _ in range(2))
    assert first.json() == again.json()
    assert first.headers["Location"] == again.headers["Location"]
    assert len(agency.http.all(PATH)) == 1
    stored = "SELECT a.body FROM idempotency_answers AS a WHERE a.key = 'titik-baru' AND a.location = $1"
    (body,) = agency.world.sql(stored, first.headers["Location"])[0]
    assert "whsec_" not in body
    assert first.json()["id"] not in body
    refused(made(agency, "http://127.0.0.1:10/", key="titik-baru"), 422, "idempotency-key-reused")


def test_with_a_pair_of_keys_only_the_public_one_is_shown(agency: Agency, receiver: Receiver) -> None:
    endpoint = unverified(agency, receiver.url, signature="v1a")
    assert (endpoint["secret"], endpoint["secrets"][0]["signature"]) == (None, "v1a")
    assert endpoint["public_key"] == endpoint["secrets"][0]["public_key"]
    (received,) = receiver.wait(1)
    version, _, signature = received.headers["webhook-signature"].partition(",")
    signed = f"{received.headers['webhook-id']}.{received.headers['webhook-timestamp']}.".encode() + received.body
    key = Ed25519PublicKey.from_public_bytes(b64decode(endpoint["public_key"].removeprefix("whpk_")))
    key.verify(b64decode(signature), signed)
    assert version == "v1a"


def test_every_mistake_is_told_at_once_with_its_place(agency: Agency) -> None:
    answered = made(
        agency,
        "https://nama:sandi@contoh.go.id/",
        types=["step.completed", "step.finished", "tugas.*"],
        private_networks=["10.0.0.0/8", "8.8.8.0/24", "dekat"],
    )
    problem = refused(answered, 422, "request-invalid")
    assert [one["at"] for one in problem["errors"]] == [
        "types[1]",
        "types[2]",
        "private_networks[1]",
        "private_networks[2]",
        "url",
    ]
    assert "step.finished" in problem["errors"][0]["message_en"]
    assert all(one["message_id"] != one["message_en"] for one in problem["errors"])
    assert agency.http.all(PATH) == []


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "http://contoh.go.id/", "https://10.1.2.3/", "https://[::1]/"])
def test_nothing_inward_or_unencrypted_is_taken_in_production(agency: Agency, url: str) -> None:
    given = Settings(
        database_url=agency.world.addresses.application, port=0, secret_keys=Fernet.generate_key().decode()
    )
    with served(given, the_world()) as address:
        http = agency.world.client(agency.secret())
        answered = http.post(f"{address}{PATH}", json={"url": url, "types": ["*"]})
        (mistake,) = refused(answered, 422, "request-invalid")["errors"]
        assert mistake["at"] == "url"
        agency.world.close_clients()


def test_a_key_of_several_agencies_names_which_it_means(agency: Agency, an_agency: Callable[..., Agency]) -> None:
    other = an_agency()
    both = agency.client(also=[other])
    body = {"url": "http://127.0.0.1:9/", "types": ["*"]}
    (mistake,) = refused(both.post(PATH, json=body), 422, "request-invalid")["errors"]
    assert mistake["at"] == "agencies"
    answered = both.post(PATH, json=body | {"agencies": [other.key, str(agency.id)]})
    assert answered.json()["agencies"] == sorted([agency.key, other.key])
    problem = refused(agency.http.post(PATH, json=body | {"agencies": [agency.key, other.key]}), 404, "not-found")
    assert [one["at"] for one in problem["errors"]] == ["agencies[1]"]


def test_an_endpoint_of_two_agencies_is_there_only_for_who_serves_both(
    agency: Agency, an_agency: Callable[..., Agency]
) -> None:
    other = an_agency()
    both = agency.client(also=[other])
    body = {"url": "http://127.0.0.1:9/", "types": ["*"], "agencies": [agency.key, other.key]}
    place = both.post(PATH, json=body).headers["Location"]
    assert both.get(place).status_code == 200
    for one in (agency, other):
        refused(one.http.get(place), 404, "not-found")
        refused(one.http.delete(place), 404, "not-found")
        assert one.http.all(PATH) == []


def test_without_a_sealing_key_it_is_said_what_is_missing(agency: Agency) -> None:
    with served(Settings(database_url=agency.world.addresses.application, port=0)) as address:
        http = agency.world.client(agency.secret())
        answered = http.post(f"{address}{PATH}", json={"url": "https://contoh.go.id/", "types": ["*"]})
        problem = refused(answered, 503, "secrets-unavailable")
        assert "Fernet" in problem["errors"][0]["message_en"]
        agency.world.close_clients()


def test_alur_run_makes_a_sealing_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "rumah" / "secret.key"
    key = kept_key(file)
    assert Fernet(key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kept_key(file) == key


# Verifying and testing


@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_receiver_gives_the_challenge_back_in_either_form(agency: Agency, receiver: Receiver, form: str) -> None:
    endpoint = unverified(agency, receiver.url)
    (first,) = receiver.wait(1)
    assert seen(agency, endpoint)["status"] == "unverified"
    challenge = json.loads(first.body)["data"]["challenge"]
    body = challenge + "\n" if form == "plain" else json.dumps({"challenge": challenge})
    receiver.behave(answer(200, body=body.encode()))
    told = agency.http.deed(f"{PATH}/{endpoint['id']}/verify", None).json()
    assert (told["verified"], told["status"], told["answer"]["status_code"]) == (True, "enabled", 200)


def test_who_does_not_give_the_challenge_back_is_sent_nothing(agency: Agency, receiver: Receiver) -> None:
    endpoint = unverified(agency, receiver.url)
    (first,) = receiver.wait(1)
    challenge = json.loads(first.body)["data"]["challenge"]
    verify = f"{PATH}/{endpoint['id']}/verify"
    for behaviour in (
        answer(200),
        answer(200, body=b"bukan"),
        answer(200, body=first.body),  # an echo proves nothing
        answer(404, body=challenge.encode()),
        redirect("http://127.0.0.1:9/"),
    ):
        receiver.behave(behaviour)
        told = agency.http.deed(verify, None).json()
        assert (told["verified"], told["status"]) == (False, "unverified")
    happened(agency, 1)
    assert agency.http.all(f"{PATH}/{endpoint['id']}/deliveries") == []
    refused(changed(agency, endpoint, {"status": "enabled"}), 409, "endpoint-unverified")


def test_a_test_tells_how_the_receiver_answered(agency: Agency, receiver: Receiver) -> None:
    endpoint = unverified(agency, receiver.url)
    receiver.wait(1)
    receiver.behave(answer(503, {"X-Kenapa": "sibuk", "Set-Cookie": "rahasia=1"}, b"nanti"))
    told = agency.http.deed(f"{PATH}/{endpoint['id']}/test", None).json()
    assert (told["delivered"], told["answer"]["status_code"], told["answer"]["error"]) == (False, 503, None)
    head = told["answer"]["head"]
    assert head.startswith("HTTP/1.1 503")
    assert "x-kenapa: sibuk" in head
    assert "rahasia" not in head
    assert head.endswith("nanti")
    received = receiver.wait(2)[1]
    assert (json.loads(received.body)["type"], received.headers["webhook-id"]) == ("endpoint.ping", told["event"])
    assert signed_by(received, endpoint["secret"])
    receiver.behave(answer(204))
    assert agency.http.deed(f"{PATH}/{endpoint['id']}/test", None).json()["delivered"]


def test_a_test_of_a_receiver_that_is_not_there_says_so(agency: Agency) -> None:
    endpoint = unverified(agency)
    told = agency.http.deed(f"{PATH}/{endpoint['id']}/test", None).json()
    assert (told["delivered"], told["answer"]["status_code"]) == (False, None)
    assert told["answer"]["error"].startswith("connect:")


def test_a_test_that_is_asked_for_twice_under_one_key_is_sent_once(agency: Agency, receiver: Receiver) -> None:
    endpoint = unverified(agency, receiver.url)
    receiver.wait(1)
    first, again = (agency.http.deed(f"{PATH}/{endpoint['id']}/test", None, key="sekali") for _ in range(2))
    assert first.json() == again.json()
    assert len(receiver.received) == 2


# Secrets


def test_a_new_secret_and_the_one_before_sign_side_by_side(agency: Agency, receiver: Receiver) -> None:
    endpoint = unverified(agency, receiver.url)
    receiver.wait(1)
    new = rotated(agency, endpoint)
    assert [one["expires_at"] is None for one in new["secrets"]] == [True, False]
    agency.http.deed(f"{PATH}/{endpoint['id']}/test", None)
    received = receiver.wait(2)[1]
    assert signed_by(received, new["secret"])
    assert signed_by(received, endpoint["secret"])
    newest = rotated(agency, endpoint, hours=0)
    assert len(newest["secrets"]) == 1
    agency.http.deed(f"{PATH}/{endpoint['id']}/test", None)
    received = receiver.wait(3)[2]
    assert signed_by(received, newest["secret"])
    assert not signed_by(received, new["secret"])
    assert not signed_by(received, endpoint["secret"])


def test_a_shorter_overlap_is_not_made_longer_again(agency: Agency) -> None:
    endpoint = unverified(agency)
    first = rotated(agency, endpoint, hours=1)["secrets"][1]
    assert rotated(agency, endpoint, hours=168)["secrets"][2] == first


def test_five_secrets_sign_at_most(agency: Agency) -> None:
    endpoint = unverified(agency)
    for _ in range(4):
        rotated(agency, endpoint)
    answered = agency.http.deed(f"{PATH}/{endpoint['id']}/rotate-secret", {})
    assert "5" in refused(answered, 409, "too-many-secrets")["detail_en"]
    assert len(rotated(agency, endpoint, hours=0)["secrets"]) == 1


# Changing


def test_a_change_names_the_version_that_was_seen(agency: Agency) -> None:
    endpoint = unverified(agency)
    path = f"{PATH}/{endpoint['id']}"
    tag = agency.http.get(path).headers["ETag"]
    refused(agency.http.patch(path, json={"fifo": True}), 428, "if-match-missing")
    answered = changed(agency, endpoint, {"fifo": True, "per_minute": 60, "candidate_roles": ["staf"]}, tag)
    assert (answered.status_code, answered.headers["ETag"] != tag) == (200, True), answered.text
    now = answered.json()
    assert (now["fifo"], now["per_minute"], now["candidate_roles"], now["url"]) == (True, 60, ["staf"], endpoint["url"])
    assert seen(agency, endpoint) == now
    refused(changed(agency, endpoint, {"owner": "Lain"}, tag), 412, "version-superseded")
    assert changed(agency, endpoint, {"fifo": True}, tag).json() == now, "what is so already is left as it is"
    cleared = changed(agency, endpoint, {"candidate_roles": None, "per_minute": None}).json()
    assert (cleared["candidate_roles"], cleared["per_minute"]) == (None, None)


def test_another_url_must_be_verified_anew_by_another_challenge(agency: Agency, receiver: Receiver) -> None:
    endpoint = enabled(agency, f"{receiver.url}/lama")
    before = json.loads(receiver.wait(1)[0].body)["data"]["challenge"]
    now = changed(agency, endpoint, {"url": f"{receiver.url}/baru"}).json()
    assert (now["status"], now["verified_at"]) == ("unverified", None)
    (asked,) = receiver.wait(1, "/baru")
    assert json.loads(asked.body)["data"]["challenge"] != before
    same = changed(agency, endpoint, {"url": f"{receiver.url}/baru", "description": "Sama"}).json()
    assert same["status"] == "unverified"


def test_a_change_is_checked_as_a_new_endpoint_is(agency: Agency) -> None:
    endpoint = unverified(agency)
    problem = refused(changed(agency, endpoint, {"url": "gopher://x", "types": ["x"]}), 422, "request-invalid")
    assert [one["at"] for one in problem["errors"]] == ["types[0]", "url"]
    refused(changed(agency, endpoint, {"agencies": ["bukan-kami"]}), 404, "not-found")
    refused(changed(agency, endpoint, {"url": None}), 422, "request-invalid")
    refused(changed(agency, endpoint, {"warna": "biru"}), 422, "request-invalid")


def test_who_disables_says_why_and_enabling_forgives(agency: Agency) -> None:
    endpoint, world = enabled(agency), agency.world
    for body in ({"status": "disabled"}, {"reason": "Uji"}, {"status": "enabled", "reason": "Uji"}):
        (mistake,) = refused(changed(agency, endpoint, body), 422, "request-invalid")["errors"]
        assert mistake["at"] == "reason"
    now = changed(agency, endpoint, {"status": "disabled", "reason": "Pemeliharaan"}).json()
    assert (now["status"], now["reason"]) == ("disabled", "Pemeliharaan")
    told = "SELECT count(*) FROM messages WHERE type = 'endpoint.disabled' AND agency_id = $1"
    assert world.one(told, agency.id) == 1
    failing = "UPDATE webhook_endpoints SET failing_since = now(), failures = 9, rests_until = now() WHERE id = $1"
    world.sql(failing, UUID(endpoint["id"]))
    now = changed(agency, endpoint, {"status": "enabled"}).json()
    assert (now["status"], now["reason"], now["failing_since"], now["rests_until"]) == ("enabled", None, None, None)
    assert world.one("SELECT failures FROM webhook_endpoints WHERE id = $1", UUID(endpoint["id"])) == 0


def test_what_is_disabled_stays_so_when_its_url_changes(agency: Agency, receiver: Receiver) -> None:
    endpoint = enabled(agency)
    receiver.behave(gives_back(receiver))
    now = changed(agency, endpoint, {"status": "disabled", "reason": "Uji", "url": receiver.url}).json()
    assert (now["status"], now["verified_at"]) == ("disabled", None)
    refused(changed(agency, endpoint, {"status": "enabled"}), 409, "endpoint-unverified")
    told = agency.http.deed(f"{PATH}/{endpoint['id']}/verify", None).json()
    assert (told["verified"], told["status"]) == (True, "disabled")
    assert changed(agency, endpoint, {"status": "enabled"}).json()["status"] == "enabled"


# Listing and removing


def test_endpoints_are_listed_by_page_and_status(agency: Agency) -> None:
    ids = [unverified(agency)["id"], enabled(agency)["id"], unverified(agency)["id"]]
    assert [one["id"] for one in agency.http.all(PATH, limit=1)] == ids
    assert [one["id"] for one in agency.http.all(PATH, status="enabled,disabled")] == ids[1:2]
    assert [one["id"] for one in agency.http.all(PATH, agency=agency.key)] == ids
    assert agency.http.all(PATH, agency="lain") == []
    refused(agency.http.get(PATH, params={"status": "aktif"}), 422, "request-invalid")


def test_a_removed_endpoint_is_gone_with_its_secrets_and_all_that_waits(agency: Agency) -> None:
    endpoint, world = enabled(agency), agency.world
    happened(agency, 3)
    path, id_ = f"{PATH}/{endpoint['id']}", UUID(endpoint["id"])
    replay = agency.http.deed(f"{path}/replays", {"since": "2026-01-01", "only_missing": False})
    assert replay.status_code == 201, replay.text
    world.sql("UPDATE replays SET status = 'running' WHERE endpoint_id = $1", id_)
    waiting = "SELECT count(*) FROM deliveries WHERE endpoint_id = $1 AND status = 'waiting'"
    assert world.one(waiting, id_) == 3
    assert agency.http.delete(path).status_code == 204
    refused(agency.http.get(path), 404, "not-found")
    refused(agency.http.delete(path), 404, "not-found")
    assert agency.http.all(PATH) == []
    until(lambda: world.one(waiting, id_) == 0)
    assert world.one("SELECT count(*) FROM deliveries WHERE endpoint_id = $1 AND status = 'cancelled'", id_) == 3
    assert world.one("SELECT count(*) FROM webhook_secrets WHERE endpoint_id = $1", id_) == 0
    assert world.one("SELECT status FROM replays WHERE endpoint_id = $1", id_) == "cancelled"
