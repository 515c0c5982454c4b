"""Reads how much processor time processes have used. By /proc where there is one, else by ps, which counts coarser."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
HAS_PROC = (PROC / "self/stat").exists()


@dataclass(frozen=True)
class Usage:
    """Processor seconds up to a moment. What this machine does not tell is null."""

    server: float | None
    postgres: float | None
    machine: float | None


def read(server: int | None, postmaster: int) -> Usage:
    """What a server's process, PostgreSQL's processes and the whole machine have used so far."""
    return Usage(
        server=of_process(server) if server is not None else None,
        postgres=_of_family(postmaster) if HAS_PROC else None,
        machine=_of_machine() if HAS_PROC else None,
    )


def spent(before: float | None, after: float | None) -> float | None:
    """What was used between two readings."""
    return None if before is None or after is None else after - before


def of_process(pid: int) -> float:
    """The seconds one process has used, all its threads together."""
    if HAS_PROC:
        return _in_seconds(*_stat(pid)[11:13])
    told = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True, check=True)  # noqa: S603, S607 - a number and a program of the system
    return by_ps(told.stdout.strip())


def by_ps(text: str) -> float:
    """Seconds from what ps says: [[days-]hours:]minutes:seconds[.hundredths]."""
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + 86_400 * int(days or 0)


def backends(postmaster: int, database: str) -> int:
    """How many processes PostgreSQL has for connections to a database; none where there is no /proc."""
    title = f" {database} [local]".encode()
    pids = [pid for pid, _ in _children(postmaster)] if HAS_PROC else []
    return sum(title in (PROC / str(pid) / "cmdline").read_bytes() for pid in pids)


def _of_family(pid: int) -> float:
    """A process with its children, those that have ended and were waited for, too."""
    return _in_seconds(*_stat(pid)[11:15]) + sum(_in_seconds(*stat[11:13]) for _, stat in _children(pid))


def _children(pid: int) -> Iterator[tuple[int, list[str]]]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it may have ended since
                stat = _stat(int(entry.name))
                if int(stat[1]) == pid:
                    yield int(entry.name), stat


def _of_machine() -> float:
    """Everything but idle and waiting for the disk; guests are counted within user time."""
    user, nice, system, _, _, *interrupts = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    return _in_seconds(user, nice, system, *interrupts)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name, which may hold spaces."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _in_seconds(*ticks: str) -> float:
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
