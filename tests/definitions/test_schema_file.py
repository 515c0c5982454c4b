"""What is made from the code and stands beside the SOPs is what the code makes now, and the SOPs agree with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli import main
from engine.schema import editor_schema
from tests.definitions.shipped import FOLDER, KEYS
from tests.json_schema import as_an_editor_reads, refusals

FILE = FOLDER / "sop.schema.json"
EXAMPLES = sorted((Path(__file__).parents[1] / "journeys" / "examples").glob("*.yaml"))


def test_the_schema_file_is_what_the_code_makes() -> None:
    assert json.loads(FILE.read_text()) == editor_schema(), "make docs renews it"


def test_the_schema_file_is_what_make_docs_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == FILE.read_text()


def test_the_page_of_flows_is_what_make_docs_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flows"]) == 0
    assert capsys.readouterr().out == (FOLDER.parent / "docs" / "flows.md").read_text()


def test_nine_sops_are_shipped_and_nothing_else() -> None:
    assert {file.stem for file in FOLDER.glob("*.yaml")} == set(KEYS)
    assert len(KEYS) == 9


@pytest.mark.parametrize("key", KEYS)
def test_an_editor_finds_nothing_wrong_in_a_shipped_sop(key: str) -> None:
    schema = json.loads(FILE.read_text())
    assert list(refusals(schema, as_an_editor_reads((FOLDER / f"{key}.yaml").read_text()))) == []


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_editor_finds_nothing_wrong_in_an_example(file: Path) -> None:
    schema = json.loads(FILE.read_text())
    assert list(refusals(schema, as_an_editor_reads(file.read_text()))) == []


@pytest.mark.parametrize("key", KEYS)
def test_a_shipped_sop_tells_the_editor_where_its_schema_is(key: str) -> None:
    first = (FOLDER / f"{key}.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={FILE.name}"
