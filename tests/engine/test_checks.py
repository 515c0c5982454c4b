"""Everything that is inconsistent in an SOP is found, at once, at its place."""

from __future__ import annotations

from typing import Any

import pytest

from engine.checks import RESERVED, Finding, findings
from engine.definition import (
    Activity,
    ActivityKind,
    Cycle,
    Identity,
    Party,
    ProcessDefinition,
    Role,
    TimeLimit,
    TimeUnit,
)
from engine.mistakes import Path
from tests.factories import a_definition, an_activity, back, forward


def two(first: Activity | None = None, second: Activity | None = None, **given: object) -> ProcessDefinition:
    """An SOP of two rows, of which a test names the one it is about."""
    return a_definition(
        first or an_activity("susun", forward("kirim"), number=1),
        second or an_activity("kirim", number=2),
        **given,
    )


def the_only(definition: ProcessDefinition) -> Finding:
    found = findings(definition)
    assert len(found) == 1, found
    return found[0]


def paths(definition: ProcessDefinition) -> set[Path]:
    return {found.path for found in findings(definition)}


def test_a_consistent_sop_has_no_findings() -> None:
    review = an_activity("periksa", forward("kirim", "approved"), back("susun"), number=2)

    assert (
        findings(a_definition(an_activity("susun", forward("periksa")), review, an_activity("kirim", number=3))) == ()
    )


def test_finds_an_activity_id_that_comes_twice() -> None:
    definition = a_definition(
        an_activity("susun", forward("kirim"), number=1),
        an_activity("kirim", number=2),
        an_activity("susun", forward("kirim"), number=3),
    )

    assert the_only(definition).path == ("activities", 2, "id")


def test_finds_a_number_that_comes_twice() -> None:
    assert the_only(two(second=an_activity("kirim", number=1))).path == ("activities", 1, "number")


def test_finds_a_role_id_that_comes_twice() -> None:
    roles = (Role(id="pelaksana", name="Pelaksana"), Role(id="pelaksana", name="Staf"))

    assert the_only(two(roles=roles)).path == ("roles", 1, "id")


def test_finds_a_party_id_that_comes_twice() -> None:
    parties = (Party(id="biro", name="Biro Organisasi"), Party(id="biro", name="Biro Umum"))

    assert the_only(two(parties=parties)).path == ("parties", 1, "id")


def test_finds_a_cycle_that_comes_twice() -> None:
    assert the_only(two(cycle=(Cycle.YEARLY, Cycle.MONTHLY, Cycle.YEARLY))).path == ("cycle", 2)


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_finds_an_id_that_is_a_reserved_word(word: str) -> None:
    definition = two(an_activity("susun", forward(word)), an_activity(word, number=2))

    assert the_only(definition).path == ("activities", 1, "id")


@pytest.mark.parametrize("outcome", ["state", "null", "true", "false"])
def test_finds_an_outcome_that_is_a_reserved_word(outcome: str) -> None:
    definition = two(an_activity("susun", forward("kirim", outcome)))

    assert the_only(definition).path == ("activities", 0, "routes", 0, "outcome")


@pytest.mark.parametrize("field", ["candidate_roles", "assisting_roles"])
def test_finds_a_role_nobody_declared_and_says_which_was_meant(field: str) -> None:
    roles = (Role(id="pelaksana", name="Pelaksana"), Role(id="sekretaris", name="Sekretaris"))
    given: dict[str, Any] = {field: ("sekertaris",)}
    found = the_only(two(second=an_activity("kirim", number=2, **given), roles=roles))

    assert found.path == ("activities", 1, field, 0)
    assert found.expected == "sekretaris"
    assert 'Maksud Anda "sekretaris"?' in found.message_id
    assert 'Did you mean "sekretaris"?' in found.message_en


def test_lists_the_roles_when_none_is_close() -> None:
    roles = (Role(id="pelaksana", name="Pelaksana"), Role(id="sekretaris", name="Sekretaris"))

    assert the_only(two(second=an_activity("kirim", number=2, role="x"), roles=roles)).expected == (
        "pelaksana, sekretaris"
    )


def test_finds_a_role_that_both_completes_and_assists() -> None:
    definition = two(second=an_activity("kirim", number=2, assisting_roles=("pelaksana",)))

    assert the_only(definition).path == ("activities", 1, "assisting_roles", 0)


def test_finds_a_role_named_twice_for_one_activity() -> None:
    definition = two(second=an_activity("kirim", number=2, candidate_roles=("pelaksana", "pelaksana")))

    assert the_only(definition).path == ("activities", 1, "candidate_roles", 1)


def test_finds_a_route_that_leads_nowhere_once_and_not_again_as_what_lies_behind_it() -> None:
    found = the_only(two(an_activity("susun", forward("kirm"))))

    assert found.path == ("activities", 0, "routes", 0, "to")
    assert found.expected == "kirim"


def test_a_target_that_resembles_nothing_hides_no_other_activity() -> None:
    assert paths(two(an_activity("susun", forward("xyz")))) == {("activities", 0, "routes", 0, "to")}


def test_finds_an_outcome_that_comes_twice() -> None:
    definition = two(an_activity("susun", forward("kirim", "approved"), forward(None, "approved")))

    assert the_only(definition).path == ("activities", 0, "routes", 1, "outcome")


def test_finds_an_execution_that_sends_back() -> None:
    second = an_activity("kirim", forward(None), back("susun"), number=2, kind=ActivityKind.EXECUTION)
    found = the_only(two(second=second))

    assert (found.path, found.expected) == (("activities", 1, "routes", 1, "kind"), "forward")


@pytest.mark.parametrize(
    ("kind", "outcome"), [(ActivityKind.EXECUTION, "completed"), (ActivityKind.DECISION, "approved")]
)
def test_finds_an_activity_without_a_way_on(kind: ActivityKind, outcome: str) -> None:
    found = findings(two(second=an_activity("kirim", back("susun"), number=2, kind=kind)))
    missing = [one for one in found if one.path == ("activities", 1, "routes") and one.expected == outcome]

    assert len(missing) == 1


@pytest.mark.parametrize("target", [None, "kirim"])
def test_finds_a_return_to_the_end_or_to_itself(target: str | None) -> None:
    second = an_activity("kirim", forward(None, "approved"), back(target), number=2)

    assert the_only(two(second=second)).path == ("activities", 1, "routes", 1, "to")


def test_finds_an_activity_that_is_never_reached() -> None:
    definition = two(an_activity("susun", forward(None)))

    assert the_only(definition).path == ("activities", 1, "id")


def test_finds_activities_from_which_the_end_is_never_reached() -> None:
    definition = two(second=an_activity("kirim", forward("susun"), number=2))

    assert paths(definition) == {("activities", 0, "routes"), ("activities", 1, "routes")}


def a_limit(text: str, amount: int, unit: TimeUnit) -> ProcessDefinition:
    return two(second=an_activity("kirim", number=2, time_limit=TimeLimit(text=text, amount=amount, unit=unit)))


@pytest.mark.parametrize(
    ("text", "amount", "unit", "field", "right"),
    [
        ("3 Hari", 2, TimeUnit.WORKDAYS, "amount", "3 workdays"),
        ("3 Hari (kerja)", 3, TimeUnit.HOURS, "unit", "3 workdays"),
        ("2 (dua) minggu", 2, TimeUnit.MONTHS, "unit", "2 weeks"),
        ("45 MENIT", 45, TimeUnit.HOURS, "unit", "45 minutes"),
    ],
)
def test_finds_a_time_limit_that_is_not_what_is_printed(
    text: str, amount: int, unit: TimeUnit, field: str, right: str
) -> None:
    found = the_only(a_limit(text, amount, unit))

    assert found.path == ("activities", 1, "time_limit", field)
    assert found.expected == right


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("1 Hari", 1, TimeUnit.WORKDAYS),
        ("2 jam", 2, TimeUnit.HOURS),
        ("1 Bulan", 1, TimeUnit.MONTHS),
        ("2 - 3 hari", 3, TimeUnit.WORKDAYS),
        ("1,5 jam", 90, TimeUnit.MINUTES),
        ("setengah hari", 4, TimeUnit.HOURS),
        ("1 hari 4 jam", 12, TimeUnit.HOURS),
    ],
)
def test_leaves_a_time_limit_alone_that_agrees_or_cannot_be_compared(text: str, amount: int, unit: TimeUnit) -> None:
    assert findings(a_limit(text, amount, unit)) == ()


@pytest.mark.parametrize(
    "pointer",
    ["candidate_roles", "kind", "time_limit", "routes", "routes.returned.to", "requirements[0]", "time_limit.unit"],
)
def test_what_is_inferred_may_be_any_field_that_exists(pointer: str) -> None:
    second = an_activity(
        "kirim",
        forward(None, "approved"),
        back("susun"),
        number=2,
        requirements=("Konsep",),
        time_limit=TimeLimit(text="1 Hari", amount=1, unit=TimeUnit.WORKDAYS),
        inferred=(pointer,),
    )

    assert findings(two(second=second)) == ()


@pytest.mark.parametrize(
    "pointer",
    ["pelaksana", "routes.returned.to", "routes.completed.too", "requirements[0]", "time_limit.unit", "__class__", ""],
)
def test_finds_an_inferred_field_that_does_not_exist(pointer: str) -> None:
    found = the_only(two(second=an_activity("kirim", number=2, inferred=("kind", pointer))))

    assert found.path == ("activities", 1, "inferred", 1)


def test_answers_an_indonesian_field_name_with_the_field() -> None:
    assert the_only(two(second=an_activity("kirim", number=2, inferred=("pelaksana",)))).expected == "candidate_roles"


def test_finds_pointers_of_the_identity_block_and_of_the_whole() -> None:
    identity = Identity(warnings=("Awas",), readings={"warnings[0]": "Awas!", "warnings[1]": "?"}, inferred=("nomer",))

    assert paths(two(identity=identity, inferred=("cycle", "cycles"))) == {
        ("identity", "readings", "warnings[1]"),
        ("identity", "inferred", 0),
        ("inferred", 1),
    }


def test_finds_everything_at_once() -> None:
    definition = a_definition(
        an_activity("susun", forward("periksa")),
        an_activity("periksa", forward("kirim", "state"), back("periksa"), number=1),
        an_activity("kirim", number=3, inferred=("nama",)),
        an_activity("arsip", number=4),
        cycle=(Cycle.YEARLY, Cycle.YEARLY),
    )

    assert paths(definition) == {
        ("activities", 1, "number"),
        ("cycle", 1),
        ("activities", 1, "routes", 0, "outcome"),
        ("activities", 1, "routes", 1, "to"),
        ("activities", 3, "id"),
        ("activities", 2, "inferred", 0),
    }
