"""The database is gone for a while, stopped or hung: the server says so, lives, and is back as soon as it is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx
import pytest

from tests.soak.installation import Postgres, Server
from tests.soak.traffic import Traffic
from tests.soak.verdict import judge
from tests.world import Agency

NOTICED_WITHIN = 5
BACK_WITHIN = 10
"""Seconds, from the requirements."""


@pytest.mark.parametrize("way", ["stopped", "hung"])
def test_a_server_without_its_database_is_alive_and_not_ready_until_it_is_back(
    office: Agency,
    server: Server,
    postgres_on_disk: Postgres,
    runner: asyncio.Runner,
    way: str,
    seed: int,
    times: Callable[[int, int], int],
    tell: Callable[[object], None],
) -> None:
    absence = times(6, 60)
    traffic = Traffic(office, [server], seed)
    with httpx.Client(base_url=server.url, timeout=NOTICED_WITHIN) as probe, traffic.flowing():
        traffic.wait_for(30)
        assert probe.get("/readyz").status_code == 200
        gone_at = time.monotonic()
        try:
            if way == "stopped":
                postgres_on_disk.stop("fast")
            else:
                runner.run(postgres_on_disk.hang())
            noticed_after = _until(probe, 503, gone_at)
            while time.monotonic() < gone_at + absence:
                assert probe.get("/healthz").status_code == 200
                assert probe.get("/readyz").status_code == 503
        finally:
            postgres_on_disk.start() if way == "stopped" else postgres_on_disk.wake()
        back_at = time.monotonic()
        ready_after = _until(probe, 200, back_at)
        traffic.wait_for(10, BACK_WITHIN)
        served_after = time.monotonic() - back_at
    assert traffic.faults == []
    assert noticed_after <= NOTICED_WITHIN
    assert max(ready_after, served_after) <= BACK_WITHIN
    tally = judge(office, traffic.operations)
    tell(
        f"gone for {absence} s, not ready after {noticed_after:.1f} s, ready {ready_after:.1f} s and serving "
        f"{served_after:.1f} s after its return; {tally}"
    )


def _until(probe: httpx.Client, status: int, since: float) -> float:
    """Ask /readyz until it answers with a status, /healthz meanwhile; gives the seconds since a moment."""
    while True:
        assert probe.get("/healthz").status_code == 200
        said = probe.get("/readyz").status_code
        after = time.monotonic() - since
        if said == status:
            return after
        assert after < 60, f"/readyz still answers {said}"
