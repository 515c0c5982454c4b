"""The papers say what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.errors import KINDS, slug
from app.settings import described

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()


COMMAND = re.compile(r"(?:`|^\s*(?:\$ )?|&& )make ([a-z]+)", re.MULTILINE)
"""A make command as it stands in prose or at the beginning of a line of code."""


def _text(name: str) -> str:
    if not (ROOT / name).exists():
        pytest.skip(f"{name} is not written yet")
    return (ROOT / name).read_text()


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize(
    "name", ["README.md", "CHANGELOG.md", "app/README.md", "engine/README.md", "docs/operations.md"]
)
def test_the_papers_are_there_and_say_something(name: str) -> None:
    assert len(_text(name).split()) > 20


@pytest.mark.parametrize("name", ["README.md", "app/README.md", "engine/README.md"])
def test_every_make_target_that_is_named_exists(name: str) -> None:
    named = set(re.findall(COMMAND, _text(name)))
    assert named <= _targets()


def test_the_readme_names_the_two_commands_of_a_newcomer() -> None:
    assert {"run", "test"} <= set(re.findall(COMMAND, _text("README.md")))


def test_every_link_to_a_file_leads_somewhere() -> None:
    for name in ("README.md", "CHANGELOG.md", "app/README.md", "engine/README.md", "docs/operations.md"):
        if (ROOT / name).exists():
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / name).read_text()):
                assert (ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_every_target_that_is_no_file_is_declared_so() -> None:
    (declared,) = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert set(declared.split()) == _targets()


def test_the_operations_page_has_every_setting_as_it_is() -> None:
    page = _text("docs/operations.md")
    told = page.partition("<!-- settings -->\n")[2].partition("<!-- /settings -->")[0]
    assert told == described()


def test_every_alarm_watches_a_number_that_is_measured_and_a_reason_that_is_given() -> None:
    page = _text("docs/operations.md")
    measured = (ROOT / "app" / "observation" / "metrics.py").read_text()
    for number in set(re.findall(r"`(alur_\w+)", page)) - {"alur_app", "alur_owner"}:
        assert f'"{number.removesuffix("_total")}"' in measured, number
    slugs = {slug(kind) for kind in KINDS}
    assert set(re.findall(r'reason="([a-z-]+)"', page)) <= slugs
