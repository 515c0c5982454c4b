"""Every printed cell of the nine sheets stands verbatim in the SOPs, and nothing printed is left out."""

from __future__ import annotations

import pytest

from engine.definition import Activity
from tests.definitions.sheet import (
    CIREBON_HEADINGS,
    TABULAR,
    PrintedRow,
    cirebon_rows,
    is_woven,
    tabular_sheet,
    words_of,
)
from tests.definitions.shipped import FOLDER, STEPS, activity_of, shipped

every_row = pytest.mark.parametrize(
    ("key", "row"),
    [pytest.param(key, row, id=f"{key} {row.number}") for key in TABULAR for row in tabular_sheet(key).rows],
)
every_cirebon_row = pytest.mark.parametrize(
    ("number", "words"),
    [pytest.param(at, words, id=f"cirebon-lakip {at}") for at, words in enumerate(cirebon_rows(), 1)],
)


def test_the_nine_sheets_are_all_that_is_shipped() -> None:
    assert {file.name for file in FOLDER.glob("*.yaml")} == {f"{key}.yaml" for key in STEPS}


@pytest.mark.parametrize("key", STEPS)
def test_every_row_has_its_activity_in_the_printed_order(key: str) -> None:
    definition = shipped(key)
    printed = [row.number for row in tabular_sheet(key).rows] if key in TABULAR else list(range(1, 10))

    assert definition.key == key
    assert [activity.number for activity in definition.activities] == printed == list(range(1, STEPS[key] + 1))


def test_they_have_ninety_nine_activities() -> None:
    assert sum(len(shipped(key).activities) for key in STEPS) == 99
    assert sum(len(tabular_sheet(key).rows) for key in TABULAR) + len(cirebon_rows()) == 99


@every_row
def test_every_cell_is_verbatim(key: str, row: PrintedRow) -> None:
    activity = activity_of(key, row.number)

    assert activity.name == row.activity
    assert " ".join(activity.requirements) == (row.requirements or "")
    assert (activity.time_limit.text if activity.time_limit else None) == row.time_limit
    assert activity.output == row.output
    assert activity.remark == row.remark


@every_row
def test_no_word_of_a_row_is_left_out(key: str, row: PrintedRow) -> None:
    assert sum(_cells(activity_of(key, row.number)), ()) == row.words


@every_row
def test_no_row_says_who_does_it(key: str, row: PrintedRow) -> None:
    assert set(row.performers) == {None}


@pytest.mark.parametrize("key", TABULAR)
def test_the_roles_are_the_printed_columns(key: str) -> None:
    assert tuple(role.name for role in shipped(key).roles) == tabular_sheet(key).columns


@every_cirebon_row
def test_the_words_of_a_cirebon_row_are_those_of_its_cells_and_no_others(number: int, words: tuple[str, ...]) -> None:
    activity = activity_of("cirebon-lakip", number)
    printed_number = () if "number" in activity.inferred else (str(number),)

    assert is_woven(words, [printed_number, *_cells(activity)])


@every_cirebon_row
def test_the_numbered_lines_of_a_cirebon_row_are_its_sub_steps(number: int, words: tuple[str, ...]) -> None:
    activity = activity_of("cirebon-lakip", number)
    lines = sum(((step.number, *words_of(step.name)) for step in activity.sub_steps), ())
    cell = words_of(activity.name)

    assert cell[len(cell) - len(lines) :] == lines
    assert not any(_is_a_number(word) for word in cell[: len(cell) - len(lines)])
    assert [step.number for step in activity.sub_steps] == [word for word in words if _is_a_number(word)]


def test_the_roles_of_cirebon_are_the_columns_of_its_third_page() -> None:
    names = " ".join(role.name for role in shipped("cirebon-lakip").roles)

    assert f" Ket {names} Kelengkapan " in CIREBON_HEADINGS[2]


@pytest.mark.parametrize("key", TABULAR)
def test_only_cirebon_numbers_lines_inside_a_row(key: str) -> None:
    assert not any(activity.sub_steps for activity in shipped(key).activities)


def _cells(activity: Activity) -> tuple[tuple[str, ...], ...]:
    """The words of every cell, in the order of the columns."""
    limit = activity.time_limit
    return tuple(
        words_of(cell)
        for cell in (
            activity.name,
            " ".join(activity.requirements),
            limit.text if limit else None,
            activity.output,
            activity.remark,
        )
    )


def _is_a_number(word: str) -> bool:
    """`3.1`, `3,3` or `7.1.`: a number of a line inside a row."""
    return len(word) >= 3 and word[0].isdigit() and word[1] in ".," and word[2].isdigit()
