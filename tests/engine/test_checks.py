"""Everything that is inconsistent in an SOP is found, at once, at its place."""

from __future__ import annotations

from typing import Any

import pytest

from engine.checks import DEEPEST, RESERVED, Finding, findings
from engine.definition import (
    Activity,
    ActivityKind,
    Branch,
    Cycle,
    Identity,
    Node,
    NodeKind,
    Party,
    ProcessDefinition,
    Role,
    Route,
    Source,
    SubStep,
    SubStepKind,
    TimeLimit,
    TimeUnit,
)
from engine.mistakes import Path
from tests.factories import (
    a_block,
    a_definition,
    a_wait,
    an_activity,
    back,
    each_unit,
    forward,
    from_party,
    from_units,
)


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


TWICE = (Cycle.YEARLY, Cycle.YEARLY)
"""Some other mistake; without one, what is never reached or never ends is left to the proof, which knows more."""


def test_finds_an_activity_that_is_never_reached_beside_other_mistakes() -> None:
    definition = two(an_activity("susun", forward(None)), cycle=TWICE)

    assert paths(definition) == {("cycle", 1), ("activities", 1, "id")}


def test_finds_activities_from_which_the_end_is_never_reached_beside_other_mistakes() -> None:
    definition = two(second=an_activity("kirim", forward("susun"), number=2), cycle=TWICE)

    assert paths(definition) == {("cycle", 1), ("activities", 0, "routes"), ("activities", 1, "routes")}


def test_leaves_to_the_proof_what_only_a_proof_can_tell() -> None:
    assert findings(two(an_activity("susun", forward(None)))) == ()


# Blocks, units and waiting


def five(*nodes: Node, b: tuple[Route, ...] = (), d: tuple[Route, ...] = (), **given: object) -> ProcessDefinition:
    """Five rows, a to e, of which b, c and d stand in a block unless told otherwise."""
    return a_definition(
        an_activity("a", forward("blok"), number=1),
        an_activity("b", *(b or (forward(None),)), number=2),
        an_activity("c", number=3),
        an_activity("d", *(d or (forward(None),)), number=4),
        an_activity("e", number=5),
        nodes=nodes or (a_block(to="e", kiri=("b", "c"), kanan=("d",)),),
        **given,
    )


def test_a_consistent_block_has_no_findings() -> None:
    assert findings(five(b=(forward("c"),))) == ()


def test_a_consistent_wait_and_consistent_units_have_no_findings() -> None:
    definition = a_definition(
        an_activity("a", forward("tunggu"), sends_to=("bappeda",), awaits=(from_units(), from_party("bappeda"))),
        an_activity("b", number=2),
        nodes=(a_wait(forward("per_bidang")), each_unit("b", at_least=2)),
    )
    assert findings(definition) == ()


def test_finds_a_node_id_that_an_activity_has_and_a_branch_id_that_comes_twice() -> None:
    branches = (Branch(id="kiri", members=("b", "c")), Branch(id="kiri", members=("d",)))
    block = a_block(to="e").model_copy(update={"branches": branches})

    assert ("nodes", 0, "branches", 1, "id") in paths(five(block))
    assert ("nodes", 1, "id") in paths(five(a_block(to="e", kiri=("b", "c"), kanan=("d",)), a_wait(id="a")))


@pytest.mark.parametrize(
    ("node", "field"),
    [
        (Node(id="n", kind=NodeKind.PARALLEL), "branches"),
        (Node(id="n", kind=NodeKind.EACH_UNIT, members=("b",)), "units"),
        (Node(id="n", kind=NodeKind.EACH_UNIT, units="bidang"), "members"),
        (Node(id="n", kind=NodeKind.WAIT, routes=(forward("e"),)), "party"),
        (Node(id="n", kind=NodeKind.WAIT, party="bappeda"), "routes"),
        (a_block("n", kiri=("b",)), "branches"),
        (a_block("n", kiri=("b",), kanan=("c",)).model_copy(update={"units": "bidang"}), "units"),
        (a_block("n", kiri=("b",), kanan=("c",)).model_copy(update={"members": ("d",)}), "members"),
        (a_block("n", kiri=("b",), kanan=("c",)).model_copy(update={"party": "bappeda"}), "party"),
        (a_block("n", kiri=("b",), kanan=("c",)).model_copy(update={"routes": (forward("e"),)}), "routes"),
        (a_block("n", kiri=("b",), kanan=("c",)).model_copy(update={"or_once": True}), "or_once"),
        (a_block("n", kiri=("b",), kanan=("c",), at_least=3), "at_least"),
        (each_unit("b", id="n", branches=(Branch(id="kiri", members=("c",)),)), "branches"),
        (each_unit("b", id="n", party="bappeda"), "party"),
        (each_unit("b", id="n", at_least=2, or_once=True), "or_once"),
        (a_wait(id="n").model_copy(update={"to": "e"}), "to"),
        (a_wait(id="n").model_copy(update={"at_least": 1}), "at_least"),
        (a_wait(id="n").model_copy(update={"members": ("b",)}), "members"),
    ],
)
def test_finds_a_node_without_the_fields_of_its_kind_or_with_those_of_another(node: Node, field: str) -> None:
    parties = (Party(id="bappeda", name="Bappeda"),)

    assert ("nodes", 0, field) in paths(five(node, parties=parties))


def test_finds_a_member_that_does_not_exist_and_says_which_was_meant() -> None:
    definition = five(
        a_block(to="e", kiri=("b", "c"), kanan=("d", "periksaa")), b=(forward("c"),), d=(forward("perksa"),)
    )
    found = findings(a_definition(*definition.activities, an_activity("periksa", number=9), nodes=definition.nodes))

    assert {(one.path, one.expected) for one in found} == {
        (("nodes", 0, "branches", 1, "members", 1), "periksa"),
        (("activities", 3, "routes", 0, "to"), "periksa"),
    }


def test_finds_a_member_that_stands_in_two_places() -> None:
    assert ("nodes", 0, "branches", 1, "members", 1) in paths(five(a_block(to="e", kiri=("b", "c"), kanan=("d", "b"))))


def test_finds_nodes_that_stand_inside_themselves() -> None:
    circle = (a_block("blok", kiri=("b", "lain"), kanan=("c",)), a_block("lain", kiri=("blok",), kanan=("d",)))

    assert {("nodes", 0, "id"), ("nodes", 1, "id")} <= paths(five(*circle))
    assert ("nodes", 0, "id") in paths(five(a_block("blok", kiri=("b", "blok"), kanan=("c", "d"))))


def test_finds_units_within_units() -> None:
    nested = (each_unit("b", "seksi", id="blok", to="e"), each_unit("c", "d", id="seksi", units="seksi"))

    assert ("nodes", 1, "kind") in paths(five(*nested))


@pytest.mark.parametrize(("levels", "found"), [(DEEPEST, False), (DEEPEST + 1, True)])
def test_finds_nodes_that_stand_too_deep(levels: int, found: bool) -> None:
    rows = [an_activity(f"r{at}", number=at + 1) for at in range(levels + 1)]
    inner = [f"n{at + 1}" for at in range(levels - 1)] + [rows[-1].id]
    nodes = [a_block(f"n{at}", kiri=(rows[at].id,), kanan=(inner[at],)) for at in range(levels)]

    assert (("nodes", levels - 1, "id") in paths(a_definition(*rows, nodes=tuple(nodes)))) is found


def test_finds_a_first_row_that_does_not_begin_its_branch() -> None:
    definition = a_definition(
        an_activity("a"),
        an_activity("b", forward("a"), number=2),
        an_activity("c", number=3),
        nodes=(a_block(kiri=("b", "a"), kanan=("c",)),),
    )
    assert the_only(definition).path == ("activities", 0, "id")


def test_finds_parties_nobody_declared() -> None:
    parties = (Party(id="bappeda", name="Bappeda"),)
    definition = a_definition(
        an_activity("a", forward("tunggu"), sends_to=("bapeda",), awaits=(from_party("bapeda"),)),
        an_activity("b", number=2),
        nodes=(a_wait(forward("b"), party="bapeda"),),
        parties=parties,
    )
    assert paths(definition) == {
        ("activities", 0, "sends_to", 0),
        ("activities", 0, "awaits", 0, "party"),
        ("nodes", 0, "party"),
    }
    assert {found.expected for found in findings(definition)} == {"bappeda"}


@pytest.mark.parametrize("source", [Source(), Source(units="bidang", party="bappeda")])
def test_finds_a_source_that_is_neither_units_nor_a_party_or_both(source: Source) -> None:
    definition = two(an_activity("susun", forward("kirim"), awaits=(source,)))

    assert the_only(definition).path == ("activities", 0, "awaits", 0)


@pytest.mark.parametrize("field", ["sends_to", "awaits"])
def test_finds_a_source_or_receiver_that_is_listed_twice(field: str) -> None:
    given: dict[str, Any] = {field: ("bappeda",) * 2 if field == "sends_to" else (from_units(),) * 2}

    assert the_only(two(an_activity("susun", forward("kirim"), **given))).path == ("activities", 0, field, 1)


@pytest.mark.parametrize(
    ("routes", "path"),
    [
        ((forward("e"), forward("a")), ("nodes", 1, "routes", 1, "outcome")),
        ((forward("e"), back("a")), ("nodes", 1, "routes", 1, "kind")),
        ((forward("e", "state"),), ("nodes", 1, "routes", 0, "outcome")),
        ((forward("ee"),), ("nodes", 1, "routes", 0, "to")),
    ],
)
def test_finds_answers_of_a_party_that_no_node_can_have(routes: tuple[Route, ...], path: Path) -> None:
    assert path in paths(five(a_block(to="tunggu", kiri=("b", "c"), kanan=("d",)), a_wait(*routes)))


def test_finds_a_block_that_leads_nowhere() -> None:
    assert ("nodes", 0, "to") in paths(five(a_block(to="ee", kiri=("b", "c"), kanan=("d",))))


@pytest.mark.parametrize(
    ("route", "right"),
    [(forward("d"), "blok"), (back("d"), "blok"), (forward("f"), "lain"), (back("f"), "lain")],
)
def test_finds_a_jump_to_a_sibling_branch_or_out_and_in_at_once(route: Route, right: str) -> None:
    outside = (an_activity("f", number=6), an_activity("g", number=7))
    base = five(b=(forward("c", "approved"), route))
    nodes = (a_block(to="e", kiri=("b", "c"), kanan=("d",)), a_block("lain", kiri=("f",), kanan=("g",)))
    wrong = [one for one in findings(a_definition(*base.activities, *outside, nodes=nodes)) if one.path[-1] == "to"]

    assert [(one.path, one.expected) for one in wrong] == [(("activities", 1, "routes", 1, "to"), right)]


def test_finds_a_forward_route_into_a_branch_where_a_return_may_lead() -> None:
    base = five(b=(forward("c"),))
    into = {kind: an_activity("e", forward(None, "approved"), way("c"), number=5) for kind, way in WAYS.items()}

    assert findings(a_definition(*base.activities[:4], into["return"], nodes=base.nodes)) == ()
    found = the_only(a_definition(*base.activities[:4], into["forward"], nodes=base.nodes))
    assert (found.path, found.expected) == (("activities", 4, "routes", 1, "to"), "blok")


WAYS = {"forward": lambda to: forward(to, "lanjut"), "return": back}


def test_finds_a_block_that_leads_into_its_own_branch() -> None:
    definition = five(a_block(to="c", kiri=("b", "c"), kanan=("d",)), b=(forward("c"),))

    assert ("nodes", 0, "to") in paths(definition)


@pytest.mark.parametrize("pointer", ["kind", "at_least", "branches", "branches.kiri", "branches.kiri.members", "to"])
def test_what_is_inferred_of_a_node_may_be_any_field_that_exists(pointer: str) -> None:
    block = a_block(to="e", kiri=("b", "c"), kanan=("d",))

    assert findings(five(block.model_copy(update={"inferred": (pointer,)}), b=(forward("c"),))) == ()


@pytest.mark.parametrize("pointer", ["cabang", "branches.tengah", "routes.completed", "candidate_roles"])
def test_finds_an_inferred_field_of_a_node_that_does_not_exist(pointer: str) -> None:
    block = a_block(to="e", kiri=("b", "c"), kanan=("d",))
    definition = five(block.model_copy(update={"inferred": (pointer,)}), b=(forward("c"),))

    assert the_only(definition).path == ("nodes", 0, "inferred", 0)


def test_finds_a_reading_of_a_sub_step_that_does_not_exist() -> None:
    sub_step = SubStep(number="a", name="Uraian", kind=SubStepKind.ACTION, readings={"name": "?", "nama": "?"})

    assert the_only(two(an_activity("susun", forward("kirim"), sub_steps=(sub_step,)))).path == (
        "activities",
        0,
        "sub_steps",
        0,
        "readings",
        "nama",
    )


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
