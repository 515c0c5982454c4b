"""Carries a Kalbar LAKIP cycle over HTTP from its first step to the archive, sent back once on the way, and prints
its trail. A client like any other: it knows the address and the key in `demo.env`, and nothing of the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

Json = dict[str, Any]
ZONE = ZoneInfo("Asia/Pontianak")


def main(home: Path) -> int:
    """Run the demonstration against the server that runs, or against one started for it."""
    with _server(home) as environment:
        headers = {"Authorization": f"Bearer {environment['ALUR_KEY']}"}
        with httpx.Client(base_url=environment["ALUR_URL"], headers=headers, timeout=30) as client:
            instance = _start(client)
            print(f"{instance['title']}: {environment['ALUR_URL']}/v1/instances/{instance['id']}\n")
            finished = _carry(client, instance)
            _print_trail(_all(client, f"/v1/instances/{instance['id']}/audit"))
            print(f"\n{finished['headline']}")
    return 0


@contextmanager
def _server(home: Path) -> Iterator[dict[str, str]]:
    file = home / "demo.env"
    if file.exists() and _answers(_read(file)):
        yield _read(file)
        return
    quiet = {**os.environ, "ALUR_PORT": "0", "ALUR_LOG_LEVEL": "warning"}
    server = subprocess.Popen([sys.executable, "-m", "app.cli", "run"], env=quiet, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None  # noqa: S101  asked for above
        if not server.stdout.readline():
            raise SystemExit(server.wait())
        yield _read(file)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def _read(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)


def _answers(environment: dict[str, str]) -> bool:
    try:
        return httpx.get(f"{environment['ALUR_URL']}/readyz", timeout=2).is_success
    except (httpx.HTTPError, KeyError):
        return False


def _start(client: httpx.Client) -> Json:
    """A cycle for last year; where there is one already, another with the reason why."""
    wanted: Json = {"definition": "kalbar-lakip", "period": str(datetime.now(UTC).year - 1)}
    answer = client.post("/v1/instances", json=wanted)
    if answer.status_code == 409:
        answer = client.post("/v1/instances", json=wanted | {"duplicate": {"reason": "Demonstrasi ulang"}})
    return _told(answer)


def _carry(client: httpx.Client, instance: Json) -> Json:
    """Do every task as its first candidate; the Sekretaris sends the first draft back."""
    waiting = _all(client, f"/v1/instances/{instance['id']}/tasks?status=open,claimed")
    while waiting:
        task = waiting[0]
        acting = {"Alur-On-Behalf-Of": task["candidates"][0]["official"]}
        for source in task["awaits"]:
            handed_in = {"from": source["from"], "reference": f"ND/{source['from']}"}
            _told(client.post(f"/v1/tasks/{task['id']}/deliveries", json=handed_in, headers=acting))
        once = {"Idempotency-Key": f"demo-{task['id']}"}
        completed = _told(client.post(f"/v1/tasks/{task['id']}/complete", json=_done(task), headers=acting | once))
        instance, waiting = completed["instance"], completed["opened"]
    return instance


def _done(task: Json) -> Json:
    back = task["round"] == 1 and task["candidate_roles"] == ["pejabat_level_ii"]
    for route in task["outcomes"]:
        if route["kind"] == "return" and back:
            return {"outcome": route["outcome"], "reason": "Capaian triwulan IV belum sesuai dengan data bidang."}
    forward = next(route for route in task["outcomes"] if route["kind"] == "forward")
    outputs = [
        {"name": name, "reference": f"000.8/{task['number']}/DEMO/{task['round']}"} for name in task["expected_outputs"]
    ]
    return {"outcome": forward["outcome"], "outputs": outputs}


def _all(client: httpx.Client, path: str) -> list[Json]:
    items: list[Json] = []
    cursor: str | None = None
    while True:
        page = _told(client.get(path, params={"cursor": cursor} if cursor else None))
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


def _told(answer: httpx.Response) -> Json:
    if answer.is_error:
        raise SystemExit(f"{answer.status_code} {answer.text}")
    told: Json = answer.json()
    return told


def _print_trail(trail: list[Json]) -> None:
    rows: list[tuple[str, ...]] = [
        ("seq", "waktu", "peristiwa", "kegiatan", "hasil", "putaran", "oleh", "jabatan", "alasan")
    ]
    rows += [_row(event) for event in trail]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(event: Json) -> tuple[str, ...]:
    at = datetime.fromisoformat(event["at"]).astimezone(ZONE)
    return (
        str(event["seq"]),
        f"{at:%Y-%m-%d %H:%M:%S %Z}",
        event["type"],
        event["activity"] or "",
        event["outcome"] or "",
        str(event["round"] or ""),
        event["actor_name"] or "",
        event["position"] or "",
        event["reason"] or "",
    )
