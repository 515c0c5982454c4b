"""Says where webhooks may go, and lets connections go nowhere else (against server-side request forgery).

A URL is checked when it is saved, for whoever typed it. What protects is the check at connecting: the name is resolved
there, every address held against the tables below, and the connection made to an address that passed, never to the
name. Where a name has several addresses, those that may not be reached are passed over; if none is left it is refused.
Host, SNI and certificate stay those of the name, because TLS and HTTP lie above.

The tables are written out because `ipaddress.is_global` of Python 3.11 calls multicast, 6to4 and NAT64 global. An IPv6
form that carries an IPv4 address is refused whatever it carries: a receiver on IPv4 is reached over IPv4.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from time import monotonic
from urllib.parse import urlsplit

import httpcore
from httpcore import SOCKET_OPTION, AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Finds the addresses of a name, in the order in which they should be tried. Raises OSError if there are none."""


def _table(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(line.split()[0]) for line in text.strip().splitlines())


NEVER = _table("""
    0.0.0.0/8          this network, unspecified
    100.100.100.200/32 metadata of a cloud, inside the range of carriers
    127.0.0.0/8        loopback
    168.63.129.16/32   metadata of a cloud, on a public address
    169.254.0.0/16     link-local, metadata of most clouds
    192.0.0.0/24       protocol assignments, metadata of a cloud
    192.0.2.0/24       documentation
    192.31.196.0/24    AS112
    192.52.193.0/24    AMT
    192.88.99.0/24     6to4 relays
    192.175.48.0/24    AS112
    198.18.0.0/15      benchmarks
    198.51.100.0/24    documentation
    203.0.113.0/24     documentation
    224.0.0.0/4        multicast
    240.0.0.0/4        reserved, broadcast
    ::/3               unspecified, loopback, IPv4 compatible, mapped and translated, NAT64, discard, unallocated
    2001::/23          protocol assignments, Teredo, benchmarks, ORCHID
    2001:db8::/32      documentation
    2002::/16          6to4
    2620:4f:8000::/48  AS112
    3fff::/20          documentation
    4000::/2           unallocated, SRv6
    8000::/2           unallocated
    c000::/3           unallocated
    e000::/4           unallocated
    f000::/5           unallocated
    f800::/6           unallocated
    fd00:42::42/128    metadata of a cloud
    fd00:c1::a9fe:a9fe/128 metadata of a cloud
    fd00:ec2::/32      metadata of a cloud
    fd20:ce::/32       metadata of a cloud
    fe00::/9           unallocated
    fe80::/10          link-local
    fec0::/10          site-local
    ff00::/8           multicast
""")
"""What no webhook ever reaches, whoever allows it."""

PRIVATE = _table("""
    10.0.0.0/8         private
    100.64.0.0/10      carriers
    172.16.0.0/12      private
    192.168.0.0/16     private
    fc00::/7           unique local
""")
"""What a webhook reaches only inside a network that an administrator has named for its endpoint."""

HTTPS_PORTS = frozenset({443, 8443})

_ADDRESSES_TRIED = 4
_NETLOC = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::([0-9]{1,5}))?", re.IGNORECASE)
_NAME = re.compile(r"(?=.{1,253}\Z)(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")  # ends in a number, so somebody may take it for an address


class EgressRefused(Exception):
    """A webhook may not go there. `reason` is for machines, the messages say it in both languages."""

    def __init__(self, reason: str, message_id: str, message_en: str) -> None:
        super().__init__(message_en)
        self.reason = reason
        self.message_id = message_id
        self.message_en = message_en


class NameUnresolved(httpcore.ConnectError):
    """The name has no address."""


class Unreachable(httpcore.ConnectError):
    """No address of the name took the connection."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL taken apart: the host without brackets, the target with its query."""

    scheme: str
    host: str
    port: int
    target: str
    netloc: str


_resolvers = ThreadPoolExecutor(32, thread_name_prefix="resolver")
# threads of its own, because a name server that hangs would take all of the loop's, and hold up everybody


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses the system knows."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_resolvers, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def named_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read the private networks (CIDR) that an administrator names for an endpoint."""
    return tuple(map(_named_network, texts))


def _named_network(text: str) -> Network:
    try:
        network = ip_network(text)
    except ValueError as wrong:
        raise _refused("network-unreadable", text=text) from wrong
    if not any(_inside(network, private) for private in PRIVATE):
        raise _refused("network-not-private", text=text)
    return network


def _inside(network: Network, wider: Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(wider, IPv4Network) and network.subnet_of(wider)
    return isinstance(wider, IPv6Network) and network.subnet_of(wider)


class Egress(AsyncNetworkBackend):
    """Where the webhooks of an endpoint may go. All of httpcore's connections are made here.

    `allowed` are the private networks named for the endpoint. With `plain`, http is taken as well as https, and then
    nothing outside `allowed` is reached. `never`, `resolve` and `dial` stand for the world in tests and are set
    nowhere else.
    """

    def __init__(
        self,
        *,
        allowed: Sequence[Network] = (),
        ports: Container[int] = HTTPS_PORTS,
        plain: bool = False,
        never: Sequence[Network] = NEVER,
        resolve: Resolve = resolve,
        dial: AsyncNetworkBackend | None = None,
    ) -> None:
        self._allowed = allowed
        self._ports = ports
        self._plain = plain
        self._never = never
        self._resolve = resolve
        self._dial = dial or AnyIOBackend()

    def destination(self, url: str) -> Destination:
        """Check a URL as far as its text goes, and take it apart."""
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise _refused("url-unreadable")
        try:
            parts = urlsplit(url)
        except ValueError as wrong:
            raise _refused("url-unreadable") from wrong
        if parts.scheme != "https" and not (self._plain and parts.scheme == "http"):
            raise _refused("scheme")
        if "@" in parts.netloc:
            raise _refused("userinfo")
        if "#" in url:
            raise _refused("fragment")
        found = _NETLOC.fullmatch(parts.netloc)
        if found is None:
            raise _refused("host-unreadable", host=parts.netloc)
        host = self._host(found)
        port = int(found[3] or (443 if parts.scheme == "https" else 80))
        self._require_port(port)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Destination(parts.scheme, host, port, target, parts.netloc.lower())

    def _host(self, found: re.Match[str]) -> str:
        host = (found[1] or found[2]).lower()
        if found[1] is None and not _NUMERIC.fullmatch(host):
            if not _NAME.fullmatch(host):
                raise _refused("host-unreadable", host=host)
            return host
        try:
            address = IPv6Address(host) if found[1] else IPv4Address(host)
        except ValueError as wrong:
            raise _refused("host-unreadable", host=host) from wrong
        self._require(address)
        return str(address)

    async def addresses(self, host: str, port: int) -> list[Address]:
        """What a name leads to and may be reached. Raises NameUnresolved if it leads nowhere."""
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as wrong:
            raise NameUnresolved(f"{host}: {wrong}") from wrong
        refused = None
        reachable = []
        for text in found:
            address = ip_address(text)
            try:
                self._require(address)
            except EgressRefused as why:
                refused = refused or why
            else:
                reachable.append(address)
        if reachable:
            return reachable
        raise refused or NameUnresolved(f"{host}: no address")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to an address of the host that may be reached, within the timeout altogether."""
        self._require_port(port)
        ends = None if timeout is None else monotonic() + timeout
        try:
            async with asyncio.timeout(timeout):
                addresses = (await self.addresses(host, port))[:_ADDRESSES_TRIED]
        except TimeoutError as late:
            raise httpcore.ConnectTimeout(f"{host}: no answer from the name server") from late
        said: Exception | None = None
        for turn, address in enumerate(addresses):
            share = None if ends is None else max(0.0, ends - monotonic()) / (len(addresses) - turn)
            try:
                return await self._dial.connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                said = failed
        if isinstance(said, httpcore.ConnectTimeout):
            raise said
        raise Unreachable(f"{addresses[-1]} port {port}: {said}") from said

    def _require_port(self, port: int) -> None:
        if port not in self._ports:
            raise _refused("port", port=port)

    def _require(self, address: Address) -> None:
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            raise _refused("address", address=address)
        if any(address in network for network in self._allowed):
            permitted = True
        else:
            permitted = not self._plain and not any(address in network for network in PRIVATE)
        if not permitted or any(address in network for network in self._never):
            raise _refused("address", address=address)


_MESSAGES = {
    "url-unreadable": (
        "URL ini tidak terbaca; tulis https://nama/jalur tanpa spasi, dan nama internasional dalam bentuk xn--.",
        "This URL cannot be read; write https://name/path without spaces, and an international name as xn--.",
    ),
    "scheme": (
        "Webhook hanya dikirim lewat https; tulis alamat yang diawali https://.",
        "Webhooks are sent over https only; write an address that begins with https://.",
    ),
    "userinfo": (
        "URL tidak boleh memuat nama pengguna atau kata sandi; hapus bagian sebelum tanda @.",
        "The URL may not hold a user name or password; remove what comes before the @.",
    ),
    "fragment": (
        "URL tidak boleh memuat tanda #; hapus bagian sesudahnya.",
        "The URL may not hold a #; remove it and what follows.",
    ),
    "host-unreadable": (
        "Nama host “{host}” tidak diterima; tulis nama biasa tanpa titik di akhir, atau alamat IP dalam bentuk baku.",
        "The host “{host}” is not taken; write an ordinary name without a full stop at its end, "
        "or an IP address in its usual form.",
    ),
    "port": (
        "Port {port} tidak diizinkan untuk webhook; pakai port yang diizinkan, atau hubungi administrator.",
        "Port {port} is not open to webhooks; use one that is, or ask an administrator.",
    ),
    "address": (
        "Alamat {address} tidak boleh dituju webhook; pakai alamat publik, atau mintalah administrator mengizinkan "
        "jaringan privatnya.",
        "Webhooks may not go to {address}; use a public address, or ask an administrator to allow its private network.",
    ),
    "network-unreadable": (
        "“{text}” bukan jaringan; tulis seperti 10.20.0.0/16.",
        "“{text}” is not a network; write it like 10.20.0.0/16.",
    ),
    "network-not-private": (
        "“{text}” bukan jaringan privat dan tidak dapat diizinkan; jaringan publik tidak perlu diizinkan.",
        "“{text}” is not a private network and cannot be allowed; public networks need no permission.",
    ),
}


def _refused(reason: str, **facts: object) -> EgressRefused:
    message_id, message_en = _MESSAGES[reason]
    return EgressRefused(reason, message_id.format(**facts), message_en.format(**facts))
