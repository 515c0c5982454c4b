"""What the figures were measured on: without it they say nothing."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

from tests.bench.stage import Stage, sql

PACKAGES = (
    "fastapi",
    "starlette",
    "pydantic",
    "uvicorn",
    "uvloop",
    "httptools",
    "sqlalchemy",
    "asyncpg",
    "transitions",
)
SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_connections", "commit_delay")
SYNCS = 200


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def facts(stage: Stage) -> dict[str, str]:
    """Hardware, versions and settings, in words."""
    told = {name: sql(stage.addresses.superuser, f"SHOW {name}")[0][0] for name in ("server_version", *SETTINGS)}
    return {
        "machine": f"{cores()} cores, {_processor()}, {platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": f"{told.pop('server_version')} ({', '.join(f'{name} {value}' for name, value in told.items())})",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "disk": f"8 kB and fdatasync: {_sync_microseconds(stage.folder):.0f} µs (median of {SYNCS})",
    }


def load() -> str:
    """How busy the machine was over the last 1, 5 and 15 minutes."""
    return ", ".join(f"{average:.2f}" for average in os.getloadavg())


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _sync_microseconds(folder: Path) -> float:
    """What it takes to write a page and wait until it is on the disk. PostgreSQL does the same at each commit."""
    sync = getattr(os, "fdatasync", os.fsync)
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            begun = time.perf_counter()
            os.write(file.fileno(), bytes(8192))
            sync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return median(taken) * 1e6
