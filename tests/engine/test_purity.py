"""The engine knows no HTTP, no SQL, no clock and no chance, and only its compiler knows `transitions`."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import engine

FILES = sorted(Path(engine.__file__).parent.rglob("*.py"))
TOUCHES_THE_WORLD = {
    *("app", "asyncio", "asyncpg", "concurrent", "fastapi", "httpx", "io", "multiprocessing", "os", "pathlib"),
    *("random", "secrets", "shutil", "signal", "socket", "sqlalchemy", "starlette", "subprocess", "tempfile"),
    *("threading", "time", "urllib", "uvicorn"),
}
ASKS_THE_WORLD = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid7", "open", "eval", "exec", "__import__", "input"}


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add((node.module or "").partition(".")[0])
    return names


def called(tree: ast.AST) -> set[str]:
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {call.id if isinstance(call, ast.Name) else getattr(call, "attr", "") for call in calls}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_imports_nothing_that_touches_the_world(file):
    assert not imported(ast.parse(file.read_text())) & TOUCHES_THE_WORLD


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_asks_nobody_for_the_time_for_chance_or_for_files(file):
    assert not called(ast.parse(file.read_text())) & ASKS_THE_WORLD


def test_only_the_compiler_imports_transitions():
    assert [file.stem for file in FILES if "transitions" in imported(ast.parse(file.read_text()))] == ["compiler"]


def test_deciding_loads_no_web_framework_and_no_database():
    script = "import sys, engine.decide, engine.trail; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603  our own words
    tops = {name.partition(".")[0] for name in loaded.stdout.split()}
    assert not tops & {"fastapi", "sqlalchemy", "httpx", "asyncpg", "uvicorn", "starlette", "app"}
