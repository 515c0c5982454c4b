"""An SOP that can hang is refused, with the shortest way on which it does."""

from __future__ import annotations

import pytest

from engine import checks, proof
from engine.checks import Finding
from engine.compiler import CompiledProcess
from engine.definition import Activity, Node, ProcessDefinition, Route
from engine.mistakes import Path
from engine.reader import read_yaml
from tests.factories import LAKIP, a_block, a_definition, a_wait, an_activity, back, each_unit, forward


def an_sop(*activities: Activity, nodes: tuple[Node, ...] = ()) -> ProcessDefinition:
    """Rows numbered as they come."""
    numbered = (one.model_copy(update={"number": at}) for at, one in enumerate(activities, 1))
    return a_definition(*numbered, nodes=nodes)


def proved(definition: ProcessDefinition) -> tuple[Finding, ...]:
    assert checks.findings(definition) == ()
    return proof.findings(definition)


def the_only(definition: ProcessDefinition) -> Finding:
    found = proved(definition)
    assert len(found) == 1, found
    return found[0]


def paths(definition: ProcessDefinition) -> set[Path]:
    return {found.path for found in proved(definition)}


def the_course(definition: ProcessDefinition) -> list[tuple[str, str]]:
    (course,) = proof.prove(CompiledProcess(definition, 1)).counter_examples
    return [tuple(step) for step in course]


# Sound


def test_the_ten_rows_of_a_lakip_can_finish() -> None:
    assert proved(a_definition(*LAKIP)) == ()


def beside(
    *after: Route, first: tuple[Route, ...] = (forward(None),), at_least: int | None = None
) -> ProcessDefinition:
    """A row, two branches of two and one rows, and a last row that may send work back."""
    return an_sop(
        an_activity("mulai", forward("blok")),
        an_activity("susun", forward("paraf")),
        an_activity("paraf", *first),
        an_activity("periksa"),
        an_activity("akhir", forward(None, "approved"), *after),
        nodes=(a_block(to="akhir", at_least=at_least, kiri=("susun", "paraf"), kanan=("periksa",)),),
    )


@pytest.mark.parametrize("at_least", [None, 1, 2])
@pytest.mark.parametrize("target", ["mulai", "blok", "susun", "paraf", "periksa"])
def test_work_may_go_back_before_a_block_to_the_whole_of_it_or_into_a_branch(target: str, at_least: int | None) -> None:
    assert proved(beside(back(target), at_least=at_least)) == ()


@pytest.mark.parametrize("target", ["susun", "mulai", "blok"])
def test_work_may_go_back_within_a_branch_or_out_of_its_block(target: str) -> None:
    assert proved(beside(first=(forward(None, "approved"), back(target)))) == ()


@pytest.mark.parametrize("given", [{}, {"or_once": True}, {"at_least": 2}])
def test_each_unit_may_be_sent_its_own_part_back(given: dict[str, int]) -> None:
    definition = an_sop(
        an_activity("isi", forward("cek")),
        an_activity("cek", forward(None, "approved"), back("isi")),
        an_activity("gabung", forward(None, "approved"), back("isi"), back("per_bidang", "ulang")),
        nodes=(each_unit("isi", "cek", to="gabung", **given),),
    )
    assert proved(definition) == ()


def test_a_party_may_give_either_answer() -> None:
    definition = an_sop(
        an_activity("kirim", forward("tunggu")),
        an_activity("revisi", forward("tunggu")),
        an_activity("arsip"),
        nodes=(a_wait(forward("arsip", "setuju"), forward("revisi", "catatan")),),
    )
    assert proved(definition) == ()


# Not reached


def test_finds_an_activity_that_is_never_reached() -> None:
    assert the_only(an_sop(an_activity("susun"), an_activity("kirim"))).path == ("activities", 1, "id")


def test_finds_a_block_that_is_never_reached_and_not_again_all_that_stands_in_it() -> None:
    definition = an_sop(
        an_activity("mulai"), an_activity("kiri"), an_activity("kanan"), nodes=(a_block(a=("kiri",), b=("kanan",)),)
    )
    assert the_only(definition).path == ("nodes", 0, "id")


def test_finds_what_follows_a_block_that_never_finishes() -> None:
    definition = an_sop(
        an_activity("mulai", forward("blok", "ya"), forward(None, "tidak")),
        an_activity("kiri", forward("kiri", "lagi"), back("mulai")),
        an_activity("kanan"),
        an_activity("akhir"),
        nodes=(a_block(to="akhir", a=("kiri",), b=("kanan",)),),
    )
    assert the_only(definition).path == ("activities", 3, "id")


# Livelock


def test_names_the_shortest_way_into_a_circle_without_end() -> None:
    definition = an_sop(
        an_activity("susun", forward("periksa")),
        an_activity("periksa", forward("kirim", "approved"), forward("ulang", "rejected"), back("susun")),
        an_activity("ulang", forward("ulang_lagi")),
        an_activity("ulang_lagi", forward("ulang")),
        an_activity("kirim"),
    )
    found = the_only(definition)

    assert found.path == ("activities", 2, "routes")
    assert found.message_id.startswith(
        "Setelah 1 → 2 (rejected), tidak ada lagi jalan ke akhir SOP: pekerjaan hanya berputar di 3, 4."
    )
    assert found.message_en.startswith(
        "After 1 → 2 (rejected), there is no way left to the end: work only goes round in 3, 4."
    )


def test_names_every_circle_but_not_again_what_leads_into_it() -> None:
    definition = an_sop(
        an_activity("susun", forward("kiri", "satu"), forward("kanan", "dua")),
        an_activity("kiri", forward("kiri")),
        an_activity("kanan", forward("arsip")),
        an_activity("arsip", forward("kanan")),
    )
    assert paths(definition) == {("activities", 1, "routes"), ("activities", 2, "routes")}


def test_says_so_when_no_way_leads_to_the_end_from_the_beginning() -> None:
    found = the_only(an_sop(an_activity("susun", forward("kirim")), an_activity("kirim", forward("susun"))))

    assert found.path == ("activities", 0, "routes")
    assert found.message_id.startswith("Sejak awal tidak ada lagi jalan")


def test_finds_a_branch_that_never_ends_though_the_block_could_do_without_it() -> None:
    definition = an_sop(
        an_activity("mulai", forward("blok")),
        an_activity("kiri", forward("ulang")),
        an_activity("ulang", forward("kiri")),
        an_activity("kanan"),
        nodes=(a_block(at_least=1, a=("kiri", "ulang"), b=("kanan",)),),
    )
    found = the_only(definition)

    assert found.path == ("activities", 1, "routes")
    assert 'akhir cabangnya di "blok"' in found.message_id


def test_finds_a_block_that_can_only_be_left_for_where_it_is_entered_again() -> None:
    definition = an_sop(
        an_activity("mulai", forward("blok")),
        an_activity("kiri", forward("kiri", "lagi"), back("mulai")),
        an_activity("kanan"),
        nodes=(a_block(a=("kiri",), b=("kanan",)),),
    )
    assert the_only(definition).path == ("activities", 0, "routes")


def test_a_long_way_is_shortened() -> None:
    rows = [an_activity(f"a{at}", forward(f"a{at + 1}")) for at in range(1, 40)]
    definition = an_sop(*rows[:-1], an_activity("a39", forward("a40", "ya"), forward(None, "tidak")), a40())

    assert the_only(definition).message_id.startswith("Setelah 1 → 2 → 3 → 4 → 5 → 6 → … → 31 → ")


def a40() -> Activity:
    return an_activity("a40", forward("a40"))


# Work left running


def test_finds_a_forward_route_that_leaves_a_block_while_others_are_at_work() -> None:
    definition = beside(first=(forward("akhir"),))
    found = [one for one in proved(definition) if "paraf" not in one.message_id]

    assert [one.path for one in found] == [("activities", 2, "routes", 0, "to")]
    assert found[0].message_id.startswith(
        'Setelah 1 → 2 → 3, alur maju ini keluar dari "blok" selagi cabang lainnya masih dikerjakan'
    )


def test_finds_a_finished_block_that_leads_out_of_the_branch_it_stands_in() -> None:
    definition = an_sop(
        an_activity("a", forward("dalam", "ya"), forward(None, "tidak")),
        an_activity("b"),
        an_activity("c"),
        an_activity("d"),
        an_activity("akhir"),
        nodes=(
            a_block("luar", to="akhir", kiri=("a", "dalam"), kanan=("d",)),
            a_block("dalam", to="akhir", kiri=("b",), kanan=("c",)),
        ),
    )
    assert paths(definition) == {("nodes", 1, "to")}


# Returns into what never finished


def test_finds_a_return_into_a_block_that_was_passed_by() -> None:
    definition = an_sop(
        an_activity("mulai", forward("blok", "lengkap"), forward("akhir", "singkat")),
        an_activity("kiri"),
        an_activity("kanan"),
        an_activity("akhir", forward(None, "approved"), back("kiri")),
        nodes=(a_block(to="akhir", a=("kiri",), b=("kanan",)),),
    )
    found = the_only(definition)

    assert (found.path, found.expected) == (("activities", 3, "routes", 1, "to"), "blok")
    assert found.message_id.startswith(
        'Setelah 1 (singkat) → 4 (returned), pengembalian ini masuk ke satu cabang "blok"'
    )


def test_finds_a_return_into_a_block_that_was_left_unfinished() -> None:
    definition = an_sop(
        an_activity("mulai", forward("blok")),
        an_activity("kiri", forward(None, "approved"), back("kaji")),
        an_activity("kanan"),
        an_activity("akhir", forward("kaji", "kaji"), forward(None, "selesai")),
        an_activity("kaji", forward("mulai", "ulang"), back("kanan")),
        nodes=(a_block(to="akhir", a=("kiri",), b=("kanan",)),),
    )
    found = the_only(definition)

    assert found.path == ("activities", 4, "routes", 1, "to")
    assert the_course(definition) == [
        ("mulai", "completed"),
        ("kiri", "returned"),
        ("kaji", "returned"),
    ]


def within(at_least: int | None) -> ProcessDefinition:
    """A block in a branch of another; the last row reopens the branch behind it, whose review returns into it."""
    return an_sop(
        an_activity("a", forward("dalam")),
        an_activity("b"),
        an_activity("c"),
        an_activity("nilai", forward(None, "approved"), back("b")),
        an_activity("d"),
        an_activity("akhir", forward(None, "approved"), back("nilai")),
        nodes=(
            a_block("luar", to="akhir", at_least=at_least, kiri=("a", "dalam", "nilai"), kanan=("d",)),
            a_block("dalam", to="nilai", kiri=("b",), kanan=("c",)),
        ),
    )


def test_what_had_finished_in_a_branch_has_still_finished_when_the_branch_is_reopened() -> None:
    assert proved(within(None)) == ()


def test_finds_that_a_branch_n_of_m_left_behind_may_never_have_come_so_far() -> None:
    definition = within(1)

    assert the_only(definition).path == ("activities", 3, "routes", 1, "to")
    assert the_course(definition) == [("d", "completed"), ("akhir", "returned"), ("nilai", "returned")]


# Bounded


def test_finds_everything_at_once() -> None:
    definition = an_sop(
        an_activity("mulai", forward("blok", "ya"), forward("macet", "tidak")),
        an_activity("kiri", forward("akhir")),
        an_activity("kanan"),
        an_activity("akhir", forward(None, "approved"), back("mulai")),
        an_activity("macet", forward("macet")),
        an_activity("lupa"),
        nodes=(a_block(to="akhir", a=("kiri",), b=("kanan",)),),
    )
    assert paths(definition) == {
        ("activities", 1, "routes", 0, "to"),
        ("activities", 4, "routes"),
        ("activities", 5, "id"),
    }


def sequence(rows: int, returns: dict[int, int]) -> ProcessDefinition:
    return an_sop(
        *(
            an_activity(
                f"a{at}",
                forward(f"a{at + 1}" if at < rows else None, "approved"),
                *([back(f"a{returns[at]}")] if at in returns else []),
            )
            for at in range(1, rows + 1)
        )
    )


def side_by_side(branches: int, rows: int) -> ProcessDefinition:
    """Branches whose last row may send everything back, and a last row that may send any of them back."""
    names = [[f"b{branch}_{at}" for at in range(rows)] for branch in range(branches)]
    inside = [
        an_activity(name, forward(following, "approved"), *([] if following else [back("mulai")]))
        for branch in names
        for name, following in zip(branch, [*branch[1:], None], strict=True)
    ]
    reviews = [back(branch[-1], f"returned_{at}") for at, branch in enumerate(names)]
    return an_sop(
        an_activity("mulai", forward("blok")),
        *inside,
        an_activity("akhir", forward(None, "approved"), *reviews),
        nodes=(a_block(to="akhir", **{f"c{at}": branch for at, branch in enumerate(names)}),),
    )


@pytest.mark.parametrize(
    ("definition", "states", "moves"),
    [
        pytest.param(sequence(16, {at: at - 1 for at in (5, 7, 9, 11, 13, 14, 15)}), 17, 40, id="16 rows with reviews"),
        pytest.param(sequence(100, {at: at - 2 for at in range(20, 100, 2)}), 101, 241, id="100 rows, 40 returns"),
        pytest.param(side_by_side(8, 3), 76, 165, id="8 branches of 3"),
    ],
)
def test_proving_takes_no_more_than_the_sheet_has(definition: ProcessDefinition, states: int, moves: int) -> None:
    assert proved(definition) == ()

    taken = proof.prove(CompiledProcess(definition, 1))
    assert taken.states <= states
    assert taken.moves <= moves
    assert taken.triggers <= moves + 20


def test_what_is_too_intricate_is_refused() -> None:
    names = [f"i{at}" for at in range(300)]
    inside = [
        an_activity(name, forward(following, "ok"), *(back(names[(at + 7 * way) % 300], f"q{way}") for way in (1, 2)))
        for at, (name, following) in enumerate(zip(names, [*names[1:], None], strict=True))
    ]
    outside = [
        an_activity(
            f"o{at}",
            forward(f"o{at + 1}" if at < 14 else None, "ok"),
            *(back(names[at * 19 + way], f"r{way}") for way in range(19)),
        )
        for at in range(15)
    ]
    definition = an_sop(
        an_activity("mulai", forward("blok")),
        *inside,
        *outside,
        an_activity("kanan"),
        nodes=(a_block(to="o0", a=tuple(names), b=("kanan",)),),
    )
    taken = proof.prove(CompiledProcess(definition, 1))

    assert [found.path for found in taken.findings] == [("nodes",)]
    assert taken.moves == proof.MOST_MOVES + 1


def test_the_largest_text_is_proved_within_the_bound() -> None:
    rows = "\n".join(
        f"- {{id: a{at}, nomor: {at + 1}, uraian: {'x' * 420}, jenis: decision, pelaksana: [r], alur: ["
        + ", ".join(f"{{hasil: o{way}, jenis: forward, ke: a{(at + 1 + way * 37) % 399}}}" for way in range(4))
        + "]}"
        for at in range(399)
    )
    last = "- {id: a399, nomor: 400, uraian: x, jenis: execution, pelaksana: [r], alur: [{hasil: o, jenis: forward}]}"
    head = "kunci: a\njudul: b\ninstansi: c\nperan: [{id: r, nama: R}]\nsiklus: [yearly]\nkegiatan:\n"
    text = head + rows + "\n" + last.replace("forward}", "forward, ke: }")
    assert 250_000 < len(text) <= 256 * 1024

    with pytest.raises(Exception, match="no way left") as refused:
        read_yaml(text, "besar.yaml")
    assert {mistake.line for mistake in refused.value.mistakes} == {7, 406}
