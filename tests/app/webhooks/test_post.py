"""One attempt, against a receiver that does whatever receivers do."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.webhooks.egress import Egress, Network
from app.webhooks.post import BODY_KEPT, HEADERS_KEPT, Attempt, Client, Failure, post
from tests.receiver import (
    Behaviour,
    Receiver,
    answer,
    cut_short,
    drip,
    flood_body,
    flood_head,
    hang,
    hang_up,
    receiving,
    redirect,
    say,
)

NOW = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)
BODY = b'{"kalimat": "Renja\xc2\xa0selesai"}\n'
TLS = ssl.create_default_context()
HERE: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)
OK = b"HTTP/1.1 200 OK\r\n"


async def _to_here(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def _egress(**world: object) -> Egress:
    return Egress(allowed=HERE, plain=True, ports=range(1, 65_536), never=(), **world)  # type: ignore[arg-type]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    client = Client(_egress(), TLS)
    yield client
    await client.aclose()


@pytest_asyncio.fixture
async def hasty() -> AsyncIterator[Client]:
    """A client that has little time."""
    client = Client(_egress(), TLS, deadline=1)
    yield client
    await client.aclose()


async def _sent(client: Client, url: str, **headers: str) -> Attempt:
    return await post(client, url, headers, BODY, started_at=NOW)


async def test_sends_the_exact_bytes_and_little_else(client: Client, receiver: Receiver) -> None:
    attempt = await post(client, f"{receiver.url}/terima?a=b", {"Webhook-Id": "m1"}, BODY, started_at=NOW)
    assert (attempt.answered, attempt.failure, attempt.started_at) == (204, None, NOW)
    assert 0 < attempt.seconds < 60
    (came,) = receiver.wait(1)
    assert (came.method, came.path, came.body) == ("POST", "/terima?a=b", BODY)
    assert came.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "user-agent": "Alur",
        "webhook-id": "m1",
        "accept-encoding": "identity",
        "content-length": str(len(BODY)),
    }


async def test_another_method_can_be_used_to_shake_hands(client: Client, receiver: Receiver) -> None:
    receiver.behave(answer(200, {"WebHook-Allowed-Origin": "alur.go.id"}))
    attempt = await post(client, receiver.url, {}, b"", started_at=NOW, method="OPTIONS")
    assert attempt.header("webhook-allowed-origin") == "alur.go.id"
    assert receiver.wait(1)[0].method == "OPTIONS"


async def test_tells_the_head_and_the_beginning_of_an_answer(client: Client, receiver: Receiver) -> None:
    receiver.behave(answer(503, {"Retry-After": "7", "X-Kata": "kopi"}, b"sibuk " * 1_000))
    attempt = await _sent(client, receiver.url)
    assert (attempt.answered, attempt.status_line) == (503, "HTTP/1.1 503 Said")
    assert (attempt.header("retry-after"), attempt.header("x-kata")) == ("7", "kopi")
    assert attempt.body == ("sibuk " * 1_000)[:BODY_KEPT]


async def test_hides_what_may_be_secret_in_an_answer(client: Client, receiver: Receiver) -> None:
    hidden = ["Set-Cookie", "Authorization", "Proxy-Authorization", "X-Api-Key", "X-CSRF-Token", "X-Session-Id"]
    receiver.behave(answer(200, dict.fromkeys(hidden, "rahasia") | {"X-Kata": "kopi"}))
    attempt = await _sent(client, receiver.url)
    assert "rahasia" not in repr(attempt)
    assert [attempt.header(name.lower()) for name in hidden] == ["…"] * len(hidden)
    assert attempt.header("x-kata") == "kopi"


async def test_does_not_come_back_with_a_cookie(client: Client, receiver: Receiver) -> None:
    receiver.behave(answer(200, {"Set-Cookie": "a=b"}))
    for _ in range(2):
        await _sent(client, receiver.url)
    assert "cookie" not in receiver.wait(2)[1].headers


async def test_knows_no_proxy_of_the_environment(
    client: Client, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await _sent(client, receiver.url)).answered == 204


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_follows_no_redirect(client: Client, receiver: Receiver, status: int) -> None:
    receiver.behave(redirect(f"{receiver.url}/lain", status))
    attempt = await _sent(client, receiver.url)
    assert (attempt.answered, attempt.header("location")) == (status, f"{receiver.url}/lain")
    assert [came.path for came in receiver.wait(1)] == ["/"]


async def test_uses_a_connection_again_after_a_modest_answer(client: Client, receiver: Receiver) -> None:
    receiver.behave(answer(200, body=b"x" * 10_000))
    for _ in range(5):
        assert (await _sent(client, receiver.url)).answered == 200
    assert receiver.connections == 1


async def test_makes_no_more_connections_than_told(receiver: Receiver) -> None:
    client = Client(_egress(), TLS, connections=2)
    attempts = await asyncio.gather(*(_sent(client, receiver.url) for _ in range(20)))
    await client.aclose()
    assert ({each.answered for each in attempts}, receiver.connections <= 2) == ({204}, True)


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        (hang(), None),
        (drip(OK * 1_000, 0.02), None),  # each read is quick, the whole is not
        (drip(b"x" * 1_000, 0.02, first=OK + b"Content-Length: 1000\r\n\r\n"), 200),
        (say(OK + b"Content-Length: 5\r\n\r\nabc"), 200),
        (say(b"HTTP/1.1 100 Continue\r\n\r\n" * 100), None),
    ],
    ids=["hangs", "drips its head", "drips its body", "never ends its body", "keeps saying it will answer"],
)
async def test_gives_a_receiver_so_much_time_altogether(
    hasty: Client, receiver: Receiver, behaviour: Behaviour, status: int | None
) -> None:
    receiver.behave(behaviour)
    attempt = await _sent(hasty, receiver.url)
    assert (attempt.failure, attempt.status, attempt.answered) == ("timeout", status, None)
    assert attempt.seconds < 30


async def test_a_client_is_as_good_as_new_after_a_receiver_hung(hasty: Client, receiver: Receiver) -> None:
    receiver.behave(hang(), path="/diam")
    hung = await asyncio.gather(*(_sent(hasty, f"{receiver.url}/diam") for _ in range(4)))
    assert [each.failure for each in hung] == ["timeout"] * 4
    assert (await _sent(hasty, receiver.url)).answered == 204


async def test_reads_only_the_beginning_of_an_endless_body(client: Client, receiver: Receiver) -> None:
    receiver.behave(flood_body(202))
    attempt = await _sent(client, receiver.url)
    assert (attempt.answered, attempt.body) == (202, "x" * BODY_KEPT)


async def test_does_not_unpack_what_is_packed(client: Client, receiver: Receiver) -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    receiver.behave(answer(200, {"Content-Encoding": "gzip"}, bomb))
    attempt = await _sent(client, receiver.url)
    assert (attempt.answered, len(attempt.body) <= BODY_KEPT) == (200, True)


async def test_hangs_up_on_an_endless_head(client: Client, receiver: Receiver) -> None:
    receiver.behave(flood_head())
    attempt = await _sent(client, receiver.url)
    assert (attempt.failure, attempt.status) == ("protocol", None)


async def test_keeps_only_so_many_headers(client: Client, receiver: Receiver) -> None:
    receiver.behave(answer(200, {f"X-{number}": "y" * 100 for number in range(200)}))
    attempt = await _sent(client, receiver.url)
    assert attempt.answered == 200
    assert HEADERS_KEPT - 200 < sum(len(name) + len(value) for name, value in attempt.headers) <= HEADERS_KEPT


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        (hang_up(), None),
        (cut_short(b"HTTP/1.1 2"), None),
        (cut_short(OK + b"Content-Length: 9\r\n\r\nabc"), 200),
        (cut_short(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 200),
        (cut_short(OK + b"Content-Length: -1\r\n\r\n"), None),
        (cut_short(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), None),
        (cut_short(OK + b"no colon\r\n\r\n"), None),
        (cut_short(b"HTTP/1.1 42 What\r\n\r\n"), None),
        (cut_short(b"SSH-2.0-OpenSSH_9.2\r\n"), None),
        (cut_short(b"\x16\x03\x01\0\xff\0"), None),
    ],
)
async def test_an_answer_that_is_none_is_told_as_such(
    client: Client, receiver: Receiver, behaviour: Behaviour, status: int | None
) -> None:
    receiver.behave(behaviour)
    attempt = await _sent(client, receiver.url)
    assert (attempt.failure, attempt.status, attempt.answered) == ("protocol", status, None)
    assert 0 < len(attempt.said) <= 500


async def test_what_it_tells_can_be_stored_and_shown(client: Client, receiver: Receiver) -> None:
    receiver.behave(cut_short(b"HTTP/1.1 400 \xff\r\nX-A: \xc3\xa9\xff\r\n\r\nada\0\x1b[31m\xff\tbaris\n"))
    attempt = await _sent(client, receiver.url)
    assert attempt.body == "ada��[31m�\tbaris\n"
    assert (attempt.status_line, attempt.header("x-a")) == ("HTTP/1.1 400 �", "é�")


async def test_what_may_not_be_reached_is_told_and_not_reached(receiver: Receiver) -> None:
    client = Client(Egress(ports=range(1, 65_536), allowed=HERE, plain=True), TLS)
    attempt = await _sent(client, receiver.url)
    assert (attempt.failure, receiver.connections) == ("refused_by_egress", 0)
    assert attempt.said.startswith("address: ")


async def test_a_name_without_an_address_is_told_as_such(client: Client) -> None:
    assert (await _sent(client, "http://tidak.ada.invalid/")).failure == "dns"


async def test_a_name_server_that_hangs_is_given_up() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    client = Client(_egress(resolve=never), TLS, connect=0.1)
    attempt = await _sent(client, "http://penerima.go.id/")
    assert (attempt.failure, "name server" in attempt.said) == ("timeout", True)


async def test_a_port_where_nobody_listens_is_told_as_such(client: Client) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert (await _sent(client, f"http://127.0.0.1:{bound.getsockname()[1]}/")).failure == "connect"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A certificate for penerima.go.id: for the server to show, for the client to trust."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "uji")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("penerima.go.id")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file: Path = tmp_path_factory.mktemp("tls") / "both.pem"
    shown = certificate.public_bytes(serialization.Encoding.PEM)
    file.write_bytes(
        shown
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shows.load_cert_chain(file)
    return shows, ssl.create_default_context(cadata=shown.decode())


@pytest.mark.parametrize(
    ("trusts", "host", "failure"),
    [
        (True, "penerima.go.id", None),
        (True, "lain.go.id", "tls"),
        (True, "127.0.0.1", "tls"),
        (False, "penerima.go.id", "tls"),
    ],
)
async def test_the_certificate_must_be_that_of_the_name(
    authority: tuple[ssl.SSLContext, ssl.SSLContext], trusts: bool, host: str, failure: Failure | None
) -> None:
    shows, trusting = authority
    with receiving(shows) as receiver:
        client = Client(_egress(resolve=_to_here), trusting if trusts else TLS)
        attempt = await _sent(client, f"https://{host}:{receiver.port}/")
        await client.aclose()
        assert (attempt.failure, attempt.answered) == (failure, None if failure else 204)
        assert [came.headers["host"] for came in receiver.received] == ([] if failure else [f"{host}:{receiver.port}"])


async def test_tls_with_who_does_not_speak_it_is_told_as_such(client: Client) -> None:
    async def grumble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Speak HTTP\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(grumble, "127.0.0.1", 0) as server:
        attempt = await _sent(client, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert attempt.failure == "tls"


async def test_who_takes_the_connection_and_never_shakes_hands_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(_egress(), TLS, connect=0.2)
        attempt = await _sent(client, f"https://127.0.0.1:{silent.getsockname()[1]}/")
    assert attempt.failure == "timeout"
