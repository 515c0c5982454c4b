"""The way out to receivers: which addresses may be reached, and by which certificates they are believed."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.webhooks.egress import Egress, named_networks
from app.webhooks.post import Client


@dataclass(frozen=True, slots=True)
class Outside:
    """How the guard for an endpoint is made, given the private networks it may reach, and the TLS context of all."""

    egress_for: Callable[[Sequence[str]], Egress]
    tls: ssl.SSLContext

    def client(self, private_networks: Sequence[str], *, connections: int = 4) -> Client:
        """A client for one endpoint. Whoever makes it closes it."""
        return Client(self.egress_for(private_networks), self.tls, connections=connections)


def the_world() -> Outside:
    """The way out as it is in production: TLS only, never a private address but those that were named."""
    return Outside(lambda networks: Egress(allowed=named_networks(networks)), ssl.create_default_context())
