"""A cycle already under way is brought in: it begins in the middle, and what was done outside comes along."""

from datetime import timedelta
from uuid import UUID

import pytest

from engine.commands import StartAt
from engine.compiler import CompiledProcess
from engine.errors import PerformedAtImpossible, StartNotPossible, TrailContradiction, UnitsMissing
from engine.evolve import replay
from engine.state import ROOT, DoneOutside, InstanceStatus
from tests.factories import (
    LAKIP,
    NOW,
    Retold,
    a_block,
    a_process,
    a_start,
    a_wait,
    an_activity,
    an_official,
    an_output,
    back,
    each_unit,
    forward,
)

DRAFT = an_output("Draf LAKIP", reference="DOK/7")
YESTERDAY = NOW - timedelta(days=1)


def middle(activity: str, *done: DoneOutside, process: CompiledProcess | None = None, **given) -> Retold:
    start_at = StartAt(activity=activity, reason="Sudah berjalan di luar", done=done)
    return Retold(process or a_process(), a_start(start_at=start_at, **given))


def with_blocks() -> CompiledProcess:
    return a_process(
        an_activity("satu", forward("blok")),
        an_activity("kiri"),
        an_activity("kanan"),
        an_activity("isi"),
        an_activity("himpun", forward("tunggu", "approved"), back("isi"), back("kiri", "ke_kiri")),
        an_activity("akhir"),
        nodes=(
            a_block(to="per_bidang", l=("kiri",), r=("kanan",)),
            each_unit("isi", to="himpun"),
            a_wait(forward("akhir")),
        ),
    )


def test_opens_that_activity_and_nothing_before_it():
    run = middle("periksa_draf")
    assert (run.open, run.task.scope, run.task.round) == (["periksa_draf"], ROOT, 1)
    assert [event.type for event in run.events] == ["instance.started", "step.opened"]
    assert run.state.rounds == {"periksa_draf": 1}


def test_what_comes_before_it_counts_as_done():
    assert set(middle("periksa_draf").state.done) == {"disposisi", "bentuk_tim", "kumpulkan_data", "susun_draf"}


def test_at_the_first_row_nothing_is_done():
    assert middle("disposisi").state.done == ()


def test_the_trail_says_where_it_began_why_and_what_came_along():
    done = DoneOutside(activity="susun_draf", performed_by=an_official("Ani"), performed_at=YESTERDAY, outputs=(DRAFT,))
    begun = middle("periksa_draf", done, reason="Diperintahkan").events[0]
    assert (begun.start_at, begun.done) == ("periksa_draf", (done,))
    assert begun.reason == "Diperintahkan; Sudah berjalan di luar"


def test_the_drafts_come_along_with_who_made_them_and_when():
    done = DoneOutside(activity="susun_draf", performed_by=an_official("Ani"), performed_at=YESTERDAY, outputs=(DRAFT,))
    (material,) = middle("periksa_draf", done).state.materials
    assert (material.activity, material.unit, material.round) == ("susun_draf", None, 0)
    assert (material.by, material.at, material.outputs) == (an_official("Ani"), YESTERDAY, (DRAFT,))


def test_what_was_done_without_a_document_leaves_none():
    run = middle("periksa_draf", DoneOutside(activity="susun_draf"))
    assert run.state.materials == ()
    assert "susun_draf" in run.state.done


def test_a_draft_brought_along_is_replaced_by_the_next():
    run = middle("periksa_draf", DoneOutside(activity="susun_draf", outputs=(DRAFT,)))
    run.complete("returned")
    assert run.open == ["susun_draf"]
    assert "susun_draf" not in run.state.done
    newer = an_output("Draf LAKIP", reference="DOK/8")
    drafted = run.finish("susun_draf", outputs=(newer,))
    assert [one.outputs for one in run.state.materials] == [(newer,)]
    run.undo(drafted)
    assert [one.outputs for one in run.state.materials] == [(DRAFT,)]


def test_goes_on_to_the_end_as_any_other():
    run = middle("finalisasi")
    run.to_the_end()
    assert run.state.status is InstanceStatus.COMPLETED
    assert set(run.state.done) == {one.id for one in LAKIP}


@pytest.mark.parametrize("activity", ["susun", "", ">ended", "blok"])
def test_refuses_to_begin_at_what_is_no_activity(activity):
    with pytest.raises(StartNotPossible, match="it can begin at disposisi, bentuk_tim"):
        middle(activity)


@pytest.mark.parametrize("activity", ["kiri", "isi", "blok", "tunggu"])
def test_refuses_to_begin_inside_a_block_or_on_a_node(activity):
    with pytest.raises(StartNotPossible, match="it can begin at satu, himpun, akhir"):
        middle(activity, process=with_blocks(), units={"bidang": ("aset",)})


def test_refuses_to_bring_along_what_is_no_activity():
    with pytest.raises(StartNotPossible, match="susun"):
        middle("periksa_draf", DoneOutside(activity="susun"))


def test_refuses_what_was_done_in_the_future():
    with pytest.raises(PerformedAtImpossible):
        middle("periksa_draf", DoneOutside(activity="susun_draf", performed_at=NOW + timedelta(seconds=1)))
    middle("periksa_draf", DoneOutside(activity="susun_draf", performed_at=NOW))


def test_after_a_block_its_rows_count_as_done():
    run = middle("himpun", process=with_blocks(), units={"bidang": ("aset", "data")})
    assert run.open == ["himpun"]
    assert run.state.done == ("isi", "kanan", "kiri", "satu")


def test_work_may_go_back_into_a_block_that_ran_outside():
    run = middle("himpun", process=with_blocks(), units={"bidang": ("aset", "data")})
    run.finish("himpun", "returned", units=("data",))
    assert run.open == ["isi@data"]
    assert "isi" not in run.state.done
    run.finish("isi", unit="data")
    assert run.open == ["himpun #2"]
    run.finish("himpun", "ke_kiri")
    assert run.open == ["kiri"]


def test_before_a_block_it_opens_as_ever():
    run = middle("satu", process=with_blocks(), units={"bidang": ("aset",)})
    run.finish("satu")
    assert run.open == ["kanan", "kiri"]


def test_the_agency_s_units_are_needed_all_the_same():
    with pytest.raises(UnitsMissing):
        middle("akhir", process=with_blocks())


def test_the_first_step_may_be_taken_back_and_the_start_not():
    run = middle("periksa_draf")
    run.undo(run.finish("periksa_draf", "approved"))
    assert run.open == ["periksa_draf"]


@pytest.mark.parametrize("begun", ["susun", "kirim", None])
def test_the_trail_cannot_tell_of_another_beginning(begun):
    run = middle("periksa_draf")
    forged = run.events[0].model_copy(update={"start_at": begun, "id": UUID(int=404)})
    opened = run.events[1].model_copy(update={"cause": UUID(int=404)})
    with pytest.raises(TrailContradiction):
        replay(run.process, [forged, opened])
