"""Nothing reaches what no webhook may reach: however it is spelled, named, redirected to, or swapped in between."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpcore
import pytest
from httpcore import SOCKET_OPTION, AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.webhooks.egress import (
    NEVER,
    PRIVATE,
    Egress,
    EgressRefused,
    NameUnresolved,
    Unreachable,
    named_networks,
    resolve,
)
from app.webhooks.post import Attempt, Client, post
from tests.receiver import Receiver, receiving, redirect

NOW = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)
PUBLIC, PUBLIC_6 = "202.46.1.1", "2404:170::1"
TLS = ssl.create_default_context()
ANY_PORT = range(1, 65_536)
ANYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
LOOPBACK = (ip_network("127.0.0.1"),)

SPELLINGS = [
    "localhost", "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "017700000001", "0x7f000001",
    "0x7f.1", "0177.0.0.1", "127.0.0.0x1", "127.000.000.001", "127.0.0.1.", "localhost.", "LOCALHOST",
    "１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "%31%32%37.0.0.1",  # noqa: RUF001 digits and stops of other widths
    "0", "0.0.0.0", "00000000000", "255.255.255.255",  # noqa: S104 a destination here
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:7f00:1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[::1%25lo]", "[::1%lo]", "[fe80::1]", "[fe80::1%lo]", "[fec0::1]", "[ff02::1]", "[fd00:ec2::254]", "[100::1]",
    "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]",
    "169.254.169.254", "0xa9fea9fe", "2852039166", "168.63.129.16", "100.100.100.200", "192.0.0.192",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "192.88.99.1", "user@127.0.0.1", f"{PUBLIC}@127.0.0.1", f"127.0.0.1\\@{PUBLIC}", "127.0.0.1\t", "127.0.0.1#",
]  # fmt: skip
"""What leads to the core, or pretends to lead elsewhere."""

PRIVATE_SPELLINGS = ["10.0.0.1", "10.1", "0x0a000001", "172.31.255.255", "192.168.1.1", "100.64.0.1", "[fc00::1]"]


class Recorder(AsyncNetworkBackend):
    """The real way to connect, which notes every address and leaves this machine for nobody."""

    def __init__(self) -> None:
        self.dialled: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        self.dialled.append(host)
        if ip_address(host).is_global:
            raise httpcore.ConnectError("the world is not asked by tests")
        return await AnyIOBackend().connect_tcp(host, port, timeout, local_address, socket_options)


def names(*answers: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A name server that gives these answers one after another, the last one for ever."""
    left = list(answers)

    async def resolve_as_told(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve_as_told


@asynccontextmanager
async def hung_up(client: Client) -> AsyncIterator[Client]:
    try:
        yield client
    finally:
        await client.aclose()


async def _sent(egress: Egress, url: str) -> Attempt:
    async with hung_up(Client(egress, TLS, deadline=10, connect=5)) as client:
        return await post(client, url, {}, b"{}", started_at=NOW)


async def _connects(egress: Egress, host: str, port: int) -> None:
    """Past the check of the URL, straight to the connection."""
    with pytest.raises((EgressRefused, NameUnresolved)):
        await egress.connect_tcp(host, port, timeout=5)


async def _really(spelling: str, port: int) -> Sequence[str]:
    """Where the system thinks a spelling leads; nowhere, if it makes nothing of it."""
    try:
        return await resolve(spelling.strip("[]"), port)
    except (OSError, UnicodeError):
        return []


@pytest.fixture
def canary() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
        assert (receiver.connections, receiver.received) == (0, [])


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    assert [each for each in recorder.dialled if each not in (PUBLIC, PUBLIC_6)] == []


POLICIES = [
    pytest.param({}, id="nothing allowed"),
    pytest.param({"allowed": ANYWHERE}, id="everything allowed"),
    pytest.param({"allowed": ANYWHERE, "plain": True}, id="everything allowed, without TLS"),
]


@pytest.mark.parametrize("policy", POLICIES)
async def test_no_spelling_reaches_the_core(policy: dict[str, object], canary: Receiver, recorder: Recorder) -> None:
    for spelling in SPELLINGS:
        egress = Egress(ports=ANY_PORT, dial=recorder, **policy)  # type: ignore[arg-type]
        for scheme in ("http", "https"):
            attempt = await _sent(egress, f"{scheme}://{spelling}:{canary.port}/")
            assert (attempt.failure, attempt.status) in [("refused_by_egress", None), ("dns", None)], spelling
        await _connects(egress, spelling.strip("[]"), canary.port)
    assert recorder.dialled == []


@pytest.mark.parametrize("policy", POLICIES)
async def test_no_name_leads_to_the_core(policy: dict[str, object], canary: Receiver, recorder: Recorder) -> None:
    led = 0
    for spelling in SPELLINGS:
        found = await _really(spelling, canary.port)
        led += bool(found)
        egress = Egress(ports=ANY_PORT, dial=recorder, resolve=names(found), **policy)  # type: ignore[arg-type]
        attempt = await _sent(egress, f"https://penerima.go.id:{canary.port}/")
        assert attempt.failure == ("refused_by_egress" if found else "dns"), spelling
        await _connects(egress, "penerima.go.id", canary.port)
    assert (recorder.dialled, led >= 25) == ([], True)


async def test_no_redirect_leads_anywhere(canary: Receiver) -> None:
    recorder = Recorder()
    egress = Egress(allowed=LOOPBACK, plain=True, ports=ANY_PORT, never=(), dial=recorder)
    with receiving() as receiver:
        for count, spelling in enumerate(SPELLINGS, 1):
            status = (301, 302, 303, 307, 308)[count % 5]
            receiver.behave(redirect(f"http://{spelling}:{canary.port}/", status))
            attempt = await _sent(egress, receiver.url)
            assert (attempt.answered, len(receiver.received)) == (status, count)
    assert recorder.dialled == ["127.0.0.1"] * len(SPELLINGS)


@pytest.mark.parametrize("policy", POLICIES[:2])
async def test_no_name_that_changes_after_the_check_leads_to_the_core(
    policy: dict[str, object], canary: Receiver, recorder: Recorder
) -> None:
    for spelling in SPELLINGS:
        found = await _really(spelling, canary.port)
        swapped = names([PUBLIC], [PUBLIC], found)
        egress = Egress(ports=ANY_PORT, dial=recorder, resolve=swapped, **policy)  # type: ignore[arg-type]
        url = f"https://penerima.go.id:{canary.port}/"
        to = egress.destination(url)
        assert list(map(str, await egress.addresses(to.host, to.port))) == [PUBLIC]
        assert (await _sent(egress, url)).failure == "connect"
        assert (await _sent(egress, url)).failure == ("refused_by_egress" if found else "dns"), spelling
    assert recorder.dialled == [PUBLIC] * len(SPELLINGS)  # always the address that was checked, never the name


@pytest.mark.parametrize("spelling", PRIVATE_SPELLINGS)
async def test_private_networks_are_refused_unless_named(spelling: str, canary: Receiver, recorder: Recorder) -> None:
    egress = Egress(ports=ANY_PORT, dial=recorder, allowed=named_networks(["10.200.0.0/16"]))
    assert (await _sent(egress, f"https://{spelling}:{canary.port}/")).failure == "refused_by_egress"
    found = await _really(spelling, canary.port)
    named = Egress(ports=ANY_PORT, dial=recorder, resolve=names(found))
    assert (await _sent(named, f"https://penerima.go.id:{canary.port}/")).failure == "refused_by_egress"


async def test_a_named_network_is_reached_and_its_neighbour_is_not() -> None:
    egress = Egress(allowed=named_networks(["10.20.0.0/16", "fd12::/32"]), resolve=names(["10.20.3.4", "10.21.3.4"]))
    assert await egress.addresses("aplikasi.intranet", 443) == [IPv4Address("10.20.3.4")]
    assert egress.destination("https://[fd12::9]/x").host == "fd12::9"
    with pytest.raises(EgressRefused, match=r"10\.21\.3\.4"):
        egress.destination("https://10.21.3.4/")


async def test_of_several_addresses_only_those_are_tried_that_may_be_reached() -> None:
    recorder = Recorder()
    answers = names(["127.0.0.1", PUBLIC_6, "10.0.0.1", PUBLIC])
    with pytest.raises(Unreachable):
        await Egress(dial=recorder, resolve=answers).connect_tcp("penerima.go.id", 443, timeout=5)
    assert recorder.dialled == [PUBLIC_6, PUBLIC]


async def test_a_name_with_very_many_addresses_does_not_make_us_knock_at_all() -> None:
    recorder = Recorder()
    answers = names([f"202.46.1.{last}" for last in range(1, 200)])
    with pytest.raises(Unreachable):
        await Egress(dial=recorder, resolve=answers).connect_tcp("penerima.go.id", 443, timeout=5)
    assert len(recorder.dialled) == 4


async def test_without_tls_nothing_but_named_networks_is_reached() -> None:
    egress = Egress(allowed=named_networks(["10.20.0.0/16"]), plain=True, ports={80}, resolve=names([PUBLIC]))
    assert egress.destination("http://10.20.3.4/a?b=c").target == "/a?b=c"
    with pytest.raises(EgressRefused) as refused:
        await egress.addresses("penerima.go.id", 80)
    assert refused.value.reason == "address"


async def test_a_port_that_is_not_open_is_refused_at_the_connection_too() -> None:
    recorder = Recorder()
    with pytest.raises(EgressRefused) as refused:
        await Egress(dial=recorder, resolve=names([PUBLIC])).connect_tcp("penerima.go.id", 5432, timeout=5)
    assert (refused.value.reason, recorder.dialled) == ("port", [])


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://penerima.go.id/", "scheme"),
        ("ftp://penerima.go.id/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("penerima.go.id", "scheme"),
        ("", "scheme"),
        ("https://nama@penerima.go.id/", "userinfo"),
        ("https://nama:sandi@penerima.go.id/", "userinfo"),
        ("https://@penerima.go.id/", "userinfo"),
        ("https://penerima.go.id/#", "fragment"),
        ("https://penerima.go.id/#a", "fragment"),
        ("https://penerima.go.id:22/", "port"),
        ("https://penerima.go.id:0/", "port"),
        ("https://penerima.go.id:99999/", "port"),
        ("https://penerima.go.id:4a3/", "host-unreadable"),
        ("https:///x", "host-unreadable"),
        ("https://penerima.go.id./", "host-unreadable"),
        ("https://pen_erima.go.id/", "host-unreadable"),
        ("https://-a.go.id/", "host-unreadable"),
        (f"https://{'a' * 64}.id/", "host-unreadable"),
        (f"https://{'a.' * 127}id/", "host-unreadable"),
        ("https://2130706433/", "host-unreadable"),
        ("https://0x7f.1/", "host-unreadable"),
        ("https://0177.0.0.1/", "host-unreadable"),
        ("https://127.1/", "host-unreadable"),
        ("https://1.2.3.4.5/", "host-unreadable"),
        ("https://a.0x1/", "host-unreadable"),
        ("https://[::1%25lo]/", "host-unreadable"),
        ("https://[::1]a/", "host-unreadable"),
        ("https://[v1.a]/", "host-unreadable"),
        ("https://[::1/", "url-unreadable"),
        ("https://１２７.0.0.1/", "url-unreadable"),  # noqa: RUF001 digits of another width
        ("https://penerima.go.id/ a", "url-unreadable"),
        ("https://penerima.go.id\\@a.id/", "url-unreadable"),
        ("https://penerima.go.id/\r\nX: 1", "url-unreadable"),
        ("\thttps://penerima.go.id/", "url-unreadable"),
        ("https://127.0.0.1/", "address"),
        ("https://[::ffff:127.0.0.1]/", "address"),
        ("https://169.254.169.254/", "address"),
    ],
)
def test_a_url_is_refused_with_its_reason_in_both_languages(url: str, reason: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        Egress().destination(url)
    assert refused.value.reason == reason
    assert refused.value.message_id != refused.value.message_en
    assert "{" not in refused.value.message_id + refused.value.message_en


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "netloc"),
    [
        ("https://Penerima.go.id", "penerima.go.id", 443, "/", "penerima.go.id"),
        ("HTTPS://penerima.go.id:8443/a/b?c=d%20e", "penerima.go.id", 8443, "/a/b?c=d%20e", "penerima.go.id:8443"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
        (f"https://{PUBLIC}/", PUBLIC, 443, "/", PUBLIC),
        (f"https://[{PUBLIC_6}]:443/", PUBLIC_6, 443, "/", f"[{PUBLIC_6}]:443"),
    ],
)
def test_an_ordinary_url_is_taken_apart(url: str, host: str, port: int, target: str, netloc: str) -> None:
    to = Egress().destination(url)
    assert (to.scheme, to.host, to.port, to.target, to.netloc) == ("https", host, port, target, netloc)


@given(st.text(alphabet="htps:/[]@#?.%\\ 0127xfa:"))
def test_no_url_brings_the_check_down(rest: str) -> None:
    for url in (rest, f"https://{rest}"):
        try:
            Egress().destination(url)
        except EgressRefused:
            continue


@given(st.ip_addresses())
@example(IPv6Address("fdff::1"))
@example(IPv4Address("192.168.255.255"))
def test_whatever_the_standard_library_thinks_special_is_refused(address: IPv4Address | IPv6Address) -> None:
    special = address.is_multicast or address.is_reserved or address.is_link_local or address.is_loopback
    assume(special or not address.is_global)
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    with pytest.raises(EgressRefused):
        Egress().destination(f"https://{host}/")


def test_the_tables_leave_the_ordinary_internet_open() -> None:
    for text in ("1.1.1.1", "8.8.8.8", "36.66.0.1", "103.10.0.1", "172.15.0.1", "172.32.0.1", "223.255.255.255"):
        Egress().destination(f"https://{text}/")
    for text in ("2001:200::1", "2400:cb00::1", "2606:4700::1111", "2a00:1450::1", "2c0f:fb50::1"):
        Egress().destination(f"https://[{text}]/")
    assert len(set(NEVER) | set(PRIVATE)) == len(NEVER) + len(PRIVATE)


@pytest.mark.parametrize("text", ["0.0.0.0/0", "10.0.0.0/7", "127.0.0.1/32", "169.254.0.0/16", "8.8.8.0/24", "::/0"])
def test_only_private_networks_can_be_allowed(text: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        named_networks([text])
    assert refused.value.reason == "network-not-private"


@pytest.mark.parametrize("text", ["", "10.20.0.0/33", "10.20.0.1/16", "kantor"])
def test_a_network_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        named_networks(["10.0.0.0/8", text])
    assert refused.value.reason == "network-unreadable"


async def test_the_systems_own_resolver_knows_this_machine() -> None:
    assert "127.0.0.1" in await resolve("127.1", 443)
    for nowhere in ("tidak.ada.invalid", f"{'a' * 64}.id", "a..id"):
        with pytest.raises(NameUnresolved):
            await Egress().addresses(nowhere, 443)


async def test_a_zone_is_refused_wherever_it_leads() -> None:
    with pytest.raises(EgressRefused):
        await Egress(allowed=ANYWHERE, resolve=names([f"{PUBLIC_6}%1"])).addresses("penerima.go.id", 443)
