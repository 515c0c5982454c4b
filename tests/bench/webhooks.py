"""Webhooks under load: `python -m tests.bench.webhooks`.

Fairness: half a million messages are due for an endpoint that hangs; how long do those for 500 healthy ones take from
commit to receipt? Throughput: how many messages does one worker deliver a second, beside what one small httpx client
for each endpoint posts bare, in the same run? The worker is a process of its own, the receiver is in this one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import insert

from app.clock import new_id, now
from app.embedded import Addresses
from app.migrate import migrate
from app.tables import agencies, messages, outbox
from app.webhooks.wake import CHANNEL
from tests.app.process import Process
from tests.app.webhooks.outbox import listen
from tests.bench.figures import percentile
from tests.bench.overdue import connected, postgres
from tests.receiver import Receiver, answer, hang, receiving
from tests.world import SECRET_KEY, World

DEMAND_SECONDS, DEMAND_RATIO = 2.0, 0.6

BODY = json.dumps({"link": "/v1/instances", "sentence": {"id": "x" * 300, "en": "y" * 300}})


class Sender:
    """An agency without an SOP, whose messages are written straight into the outbox."""

    def __init__(self, world: World) -> None:
        self.world, self.key, self.id = world, "dinas-beban", new_id()

    async def arrive(self) -> None:
        async with self.world.database.transaction() as connection:
            known = {"id": self.id, "key": self.key, "name": "Dinas Beban", "created_at": now()}
            await connection.execute(insert(agencies).values(known))

    async def listening(self, url: str, topic: str, **given: Any) -> UUID:
        async with self.world.database.transaction() as connection:
            return await listen(connection, self, url, definitions=[topic], **given)  # type: ignore[arg-type]

    async def tell(self, topics: Sequence[str]) -> list[UUID]:
        """One message to each topic, in one transaction."""
        rows = [
            {
                "id": new_id(),
                "agency_id": self.id,
                "type": "step.completed",
                "definition_key": topic,
                "roles": [],
                "at": now(),
                "subject": topic,
                "data": BODY,
            }
            for topic in topics
        ]
        async with self.world.database.transaction() as connection:
            await connection.execute(insert(messages), rows)
            await connection.execute(insert(outbox), [{"message_id": row["id"]} for row in rows])
        return [UUID(str(row["id"])) for row in rows]


BACKLOG = """
WITH told AS (
    INSERT INTO messages (id, agency_id, type, definition_key, roles, at, subject, data)
    SELECT gen_random_uuid(), $1, 'step.completed', 'macet', '{}', now(), 'macet', '{"link": "/"}'
    FROM generate_series(1, $3::int) RETURNING id
), placed AS (
    INSERT INTO feed (position, message_id, agency_id, type, definition_key, roles, at)
    SELECT (SELECT coalesce(max(position), 0) FROM feed) + row_number() OVER (), id, $1, 'step.completed', 'macet',
           '{}', now()
    FROM told RETURNING position, message_id
)
INSERT INTO deliveries (id, endpoint_id, message_id, position, status, due_at, queued_at)
SELECT gen_random_uuid(), $2, message_id, position, 'waiting', now() - interval '1 hour', now() FROM placed
"""


async def fairness(sender: Sender, receiver: Receiver, backlog: int, endpoints: int, each: int) -> dict[str, Any]:
    """What healthy endpoints wait for while one hangs under a backlog."""
    receiver.behave(hang(), path="/macet")
    stuck = await sender.listening(f"{receiver.url}/macet", "macet")
    async with connected(sender.world.addresses) as connection:
        for first in range(0, backlog, 50_000):
            await connection.execute(BACKLOG, sender.id, stuck, min(50_000, backlog - first))
        await connection.execute("VACUUM ANALYZE")
        topics = [f"sop-{number}" for number in range(endpoints)]
        for topic in topics:
            await sender.listening(f"{receiver.url}/{topic}", topic)
        async with AsyncExitStack() as stack:
            stack.enter_context(working(sender.world.addresses))
            arrived = await stack.enter_async_context(Arrivals(receiver))
            await asyncio.sleep(3)  # the worker is busy with the one that hangs
            committed: dict[str, float] = {}
            begun = time.monotonic()
            for number in range(endpoints * each // 10):
                some = [topics[(number * 10 + place) % endpoints] for place in range(10)]
                told = await sender.tell(some)
                committed |= dict.fromkeys(map(str, told), time.monotonic())
                await connection.execute(f"NOTIFY {CHANNEL}")
                await asyncio.sleep(max(0.0, begun + (number + 1) * 0.02 - time.monotonic()))  # 500 a second
            await arrived.all_of(set(committed))
    waited = sorted((arrived.at[one] - at) * 1e3 for one, at in committed.items())
    return {
        "backlog": backlog,
        "endpoints": endpoints,
        "messages": len(committed),
        "p50_ms": percentile(waited, 0.5),
        "p99_ms": percentile(waited, 0.99),
        "worst_ms": waited[-1],
        "to_the_one_that_hangs": sum(one.path == "/macet" for one in receiver.received),
    }


async def throughput(sender: Sender, receiver: Receiver, endpoints: int, each: int) -> dict[str, Any]:
    """Messages a second of one worker, and of bare httpx clients."""
    receiver.behave(answer(204))
    topics = [f"deras-{number}" for number in range(endpoints)]
    for topic in topics:
        await sender.listening(f"{receiver.url}/{topic}", topic, max_in_flight=4)
    floor = [await bare(receiver, topics, each)]
    told = [one for _ in range(each) for one in await sender.tell(topics)]
    async with Arrivals(receiver) as arrived:
        with working(sender.world.addresses):
            await arrived.all_of(set(map(str, told)))
    taken = max(arrived.at.values()) - min(arrived.at.values())
    floor.append(await bare(receiver, topics, each))
    mine, theirs = len(told) / taken, sum(floor) / len(floor)
    return {
        "endpoints": endpoints,
        "messages": len(told),
        "a_second": mine,
        "bare_a_second": theirs,
        "ratio": mine / theirs,
    }


async def bare(receiver: Receiver, topics: Sequence[str], each: int) -> float:
    """What a process with one small httpx client for each endpoint posts a second, four at a time."""
    script = [sys.executable, "-m", "tests.bench.webhooks", "--post", receiver.url, ",".join(topics), str(each)]
    posting = await asyncio.create_subprocess_exec(*script, stdout=asyncio.subprocess.PIPE)
    out, _ = await posting.communicate()
    return float(out)


async def post(url: str, topics: Sequence[str], each: int) -> float:
    limits = httpx.Limits(max_connections=4, max_keepalive_connections=4)
    clients = {topic: httpx.AsyncClient(limits=limits, trust_env=False) for topic in topics}
    content, headers = (BODY + " " * 400).encode(), {"content-type": "application/cloudevents+json"}

    async def lane(topic: str) -> None:
        for _ in range(each // 4):
            (await clients[topic].post(f"{url}/{topic}", content=content, headers=headers)).raise_for_status()

    begun = time.perf_counter()
    await asyncio.gather(*(lane(topic) for topic in topics for _ in range(4)))
    taken = time.perf_counter() - begun
    await asyncio.gather(*(client.aclose() for client in clients.values()))
    return len(topics) * (each // 4) * 4 / taken


class Arrivals:
    """When each message arrived first, noted while the block lasts."""

    def __init__(self, receiver: Receiver) -> None:
        self.at: dict[str, float] = {}
        self._receiver, self._seen = receiver, len(receiver.received)

    async def __aenter__(self) -> Arrivals:
        self._noting = asyncio.create_task(self._note())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._noting.cancel()

    async def _note(self) -> None:
        while True:
            at, found = time.monotonic(), self._receiver.received[self._seen :]
            self._seen += len(found)
            for one in found:
                self.at.setdefault(one.headers.get("webhook-id", ""), at)
            await asyncio.sleep(0.002)

    async def all_of(self, wanted: set[str]) -> None:
        until = time.monotonic() + 120
        while missing := wanted - self.at.keys():
            assert time.monotonic() < until, f"{len(missing)} did not arrive"
            await asyncio.sleep(0.005)


class working:
    """A worker as a process while the block lasts."""

    def __init__(self, addresses: Addresses) -> None:
        self._address = addresses.application

    def __enter__(self) -> None:
        settings = {"ALUR_SECRET_KEYS": SECRET_KEY, "ALUR_LOG_LEVEL": "warning"}
        self._process = Process(self._address, settings, "tests.soak.worker")

    def __exit__(self, *_: object) -> None:
        self._process.kill()


def as_markdown(fair: dict[str, Any], fast: dict[str, Any]) -> str:
    return "\n".join(
        [
            "# Webhooks",
            "",
            f"{fair['backlog']:,} messages due for an endpoint that hangs; {fair['messages']:,} over "
            f"{fair['endpoints']} healthy ones, from commit to receipt: p50 {fair['p50_ms']:.0f} ms, "
            f"p99 {fair['p99_ms']:.0f} ms (at most {DEMAND_SECONDS * 1e3:.0f}), worst {fair['worst_ms']:.0f} ms. "
            f"The one that hangs was sent {fair['to_the_one_that_hangs']}.",
            "",
            f"One worker delivers {fast['a_second']:.0f} messages a second to {fast['endpoints']} endpoints; one small "
            f"httpx client for each posts {fast['bare_a_second']:.0f} bare: ratio {fast['ratio']:.2f} "
            f"(at least {DEMAND_RATIO}).",
            "",
        ]
    )


async def measure(addresses: Addresses, *, quick: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    await migrate(addresses.owner, addresses.application)
    world = World(addresses, "", asyncio.Runner())
    sender = Sender(world)
    await sender.arrive()
    try:
        with receiving() as receiver:
            fast = await throughput(sender, receiver, 20, 40 if quick else 400)
        with receiving() as receiver:
            scale = (20_000, 50, 20) if quick else (500_000, 500, 10)
            fair = await fairness(sender, receiver, *scale)
    finally:
        await world.database.close()
    return fair, fast


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.webhooks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="a small scale: to see that it works")
    parser.add_argument("--gate", action="store_true", help="end with 1 if a demand is not met")
    parser.add_argument("--folder", type=Path, help="where PostgreSQL's temporary folder is made (which disk)")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="where the report is kept")
    parser.add_argument("--post", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.post:
        url, topics, each = asked.post
        print(asyncio.run(post(url, topics.split(","), int(each))))
        return 0
    with postgres(asked.folder) as addresses:
        fair, fast = asyncio.run(measure(addresses, quick=asked.quick))
    told = as_markdown(fair, fast)
    print(told, end="")
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "webhooks.md").write_text(told)
    (asked.out / "webhooks.json").write_text(json.dumps({"fairness": fair, "throughput": fast}, indent=1))
    missed = fair["p99_ms"] > DEMAND_SECONDS * 1e3 or fast["ratio"] < DEMAND_RATIO
    return 1 if asked.gate and missed else 0


if __name__ == "__main__":
    sys.exit(main())
