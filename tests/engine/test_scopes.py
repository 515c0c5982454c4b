"""Blocks: branches that run side by side, the same rows once for every unit, and the ways in and out of them."""

from uuid import UUID

import pytest

from engine import decide
from engine.commands import Cancel
from engine.compiler import CompiledProcess
from engine.errors import NotACandidate, OutcomeUnknown, TaskUnknown, TrailContradiction, UnitsMissing, UnitsRequired
from engine.events import KINDS, Event
from engine.evolve import replay
from engine.state import ROOT, InstanceState, InstanceStatus, TaskStatus
from tests.factories import (
    Retold,
    a_block,
    a_performer,
    a_process,
    a_start,
    an_activity,
    an_output,
    back,
    each_unit,
    forward,
)

THREE = {"bidang": ("aset", "data", "umum")}


def in_parallel(at_least: int | None = None) -> CompiledProcess:
    """satu, then b1-b2 beside c1-c2, then akhir; reviewers inside and after send the work anywhere it may go."""
    return a_process(
        an_activity("satu", forward("blok")),
        an_activity("b1", forward("b2")),
        an_activity("b2", forward(None, "approved"), back("b1"), back("satu", "ditolak"), back("blok", "ulang")),
        an_activity("c1", forward("c2")),
        an_activity("c2"),
        an_activity("akhir", forward(None, "approved"), back("b2"), back("c1", "ke_c"), back("blok", "ulang")),
        nodes=(a_block(to="akhir", at_least=at_least, b=("b1", "b2"), c=("c1", "c2")),),
    )


def per_unit(**given) -> CompiledProcess:
    """satu, then isi and periksa in every bidang, then himpun, which sends back what units it names."""
    return a_process(
        an_activity("satu", forward("per_bidang")),
        an_activity("isi", forward("periksa"), role="kepala_bidang", output="Data"),
        an_activity("periksa", forward(None, "approved"), back("isi"), back("satu", "ditolak"), role="kepala_bidang"),
        an_activity("himpun", forward(None, "approved"), back("isi"), back("per_bidang", "ulang")),
        nodes=(each_unit("isi", "periksa", to="himpun", **given),),
    )


def nested(at_least: int | None = None) -> CompiledProcess:
    """In every bidang: isi, then left and right side by side, then paraf; afterwards himpun."""
    return a_process(
        an_activity("isi", forward("dua_sisi")),
        an_activity("kiri", forward(None, "approved"), back("isi"), back("awal", "ditolak")),
        an_activity("kanan"),
        an_activity("paraf", forward(None, "approved"), back("kiri")),
        an_activity("himpun", forward(None, "approved"), back("paraf")),
        an_activity("awal", forward("per_bidang")),
        nodes=(
            each_unit("isi", "dua_sisi", "paraf", to="himpun", at_least=at_least),
            a_block("dua_sisi", to="paraf", l=("kiri",), r=("kanan",)),
        ),
    )


def a_run(process: CompiledProcess, units=THREE) -> Retold:
    return Retold(process, a_start(units=units))


@pytest.fixture
def run() -> Retold:
    run = a_run(in_parallel())
    run.finish("satu")
    return run


@pytest.fixture
def units() -> Retold:
    run = a_run(per_unit())
    run.finish("satu")
    return run


def kinds(run: Retold) -> list[str]:
    """What the last deed led to, without the claim."""
    latest = [event.type for event in run.events if event.at == run.now]
    return [kind for kind in latest if kind != "step.claimed"]


class TestSideBySide:
    def test_opening_a_block_opens_the_first_activity_of_every_branch(self, run):
        assert run.open == ["b1", "c1"]
        assert kinds(run) == ["step.completed", "step.opened", "step.opened"]
        assert [task.scope for task in run.state.tasks] == ["/blok:b", "/blok:c"]
        assert run.state.root.node == "blok"

    def test_each_branch_goes_on_by_itself(self, run):
        run.finish("b1")
        assert run.open == ["b2", "c1"]
        run.finish("c1")
        assert run.open == ["b2", "c2"]

    def test_a_finished_branch_waits_for_the_others(self, run):
        run.finish("b1")
        run.finish("b2", "approved")
        assert run.open == ["c1"]
        assert kinds(run) == ["step.completed"]

    @pytest.mark.parametrize("first", ["b", "c"])
    def test_joins_when_all_branches_have_ended_in_whatever_order(self, run, first):
        order = [("b1", None), ("b2", "approved"), ("c1", None), ("c2", None)]
        for activity, outcome in order if first == "b" else order[2:] + order[:2]:
            run.finish(activity, outcome)
        assert run.open == ["akhir"]
        assert run.task.scope == ROOT
        assert run.state.root.children == ()
        run.finish("akhir", "approved")
        assert run.state.status is InstanceStatus.COMPLETED

    def test_what_a_branch_opens_bears_no_return_of_another(self, run):
        run.finish("b1")
        run.finish("b2", "returned")
        run.finish("c1")
        assert run.at("b1").returned.activity == "b2"
        assert run.at("c2").returned is None

    def test_the_last_branch_may_end_the_instance(self):
        process = a_process(an_activity("b1"), an_activity("c1"), nodes=(a_block(b=("b1",), c=("c1",)),))
        run = Retold(process)
        assert run.open == ["b1", "c1"]
        run.finish("b1")
        assert run.state.status is InstanceStatus.RUNNING
        run.finish("c1")
        assert run.state.status is InstanceStatus.COMPLETED

    def test_cancelling_cancels_the_tasks_of_every_branch(self, run):
        run.do(decide.cancel, Cancel(by=a_performer(), reason="Keliru"))
        assert {task.status for task in run.tasks.values() if task.activity != "satu"} == {TaskStatus.CANCELLED}

    def test_a_task_of_one_branch_takes_no_outcome_of_another(self, run):
        with pytest.raises(OutcomeUnknown):
            run.finish("b1", "approved")


class TestEnoughOfThem:
    def test_the_block_joins_as_soon_as_enough_have_ended_and_withdraws_the_rest(self):
        run = a_run(in_parallel(at_least=1))
        run.finish("satu")
        left = run.at("b1").id
        run.finish("c1")
        run.finish("c2")
        assert run.open == ["akhir"]
        assert kinds(run) == ["step.completed", "step.withdrawn", "step.opened"]
        assert (run.tasks[left].status, run.tasks[left].closed_at) == (TaskStatus.WITHDRAWN, run.now)

    def test_a_withdrawn_task_can_no_longer_be_done(self):
        run = a_run(in_parallel(at_least=1))
        run.finish("satu")
        late = run.completion(live=run.at("b1"))
        run.finish("c1")
        run.finish("c2")
        with pytest.raises(TaskUnknown):
            run.do(decide.complete, late)

    def test_two_of_three_units_are_enough_where_two_are_asked(self):
        run = a_run(per_unit(at_least=2))
        run.finish("satu")
        for unit in ("umum", "aset"):
            assert "himpun" not in run.open
            run.finish("isi", unit=unit)
            run.finish("periksa", "approved", unit=unit)
        assert run.open == ["himpun"]
        assert [task.unit for task in run.tasks.values() if task.status is TaskStatus.WITHDRAWN] == ["data"]

    def test_a_withdrawal_names_what_it_follows_from_and_nobody_who_did_it(self):
        run = a_run(in_parallel(at_least=1))
        run.finish("satu")
        run.finish("c1")
        run.finish("c2")
        completed, withdrawn, _ = run.events[-3:]
        assert (withdrawn.cause, withdrawn.actor, withdrawn.by_engine) == (completed.id, None, True)


class TestOnceForEveryUnit:
    def test_opens_a_task_for_every_unit(self, units):
        assert units.open == ["isi@aset", "isi@data", "isi@umum"]
        assert [task.scope for task in units.state.tasks] == [f"/per_bidang:{unit}" for unit in THREE["bidang"]]

    def test_only_who_sits_in_the_unit_may_do_its_task(self, units):
        with pytest.raises(NotACandidate):
            units.finish("isi", unit="aset", by=a_performer("kepala_bidang", unit="data"))
        with pytest.raises(NotACandidate):
            units.finish("isi", unit="aset", by=a_performer("kepala_bidang"))

    def test_rounds_and_materials_are_counted_for_each_unit(self, units):
        units.finish("isi", unit="aset", outputs=(an_output("A"),))
        units.finish("isi", unit="data", outputs=(an_output("D"),))
        units.finish("periksa", "returned", unit="aset")
        assert units.open == ["isi@aset #2", "isi@umum", "periksa@data"]
        handed = {(one.activity, one.unit): one.outputs[0].name for one in units.state.materials}
        assert handed == {("isi", "aset"): "A", ("isi", "data"): "D"}

    def test_a_return_within_a_unit_leaves_what_the_others_did(self, units):
        for unit in ("aset", "data"):
            units.finish("isi", unit=unit)
            units.finish("periksa", "approved", unit="data") if unit == "data" else None
        units.finish("periksa", "returned", unit="aset")
        assert units.state.done == ("isi@data", "periksa@data", "satu")

    def test_joins_when_every_unit_has_ended(self, units):
        for unit in THREE["bidang"]:
            assert "himpun" not in units.open
            units.finish("isi", unit=unit)
            units.finish("periksa", "approved", unit=unit)
        assert units.open == ["himpun"]
        assert units.task.unit is None

    def test_units_are_those_of_the_agency_when_the_cycle_began(self, units):
        assert units.state.units == {"bidang": ("aset", "data", "umum")}
        assert units.events[0].units == {"bidang": ("aset", "data", "umum")}

    def test_kinds_of_units_the_sop_does_not_speak_of_are_not_kept(self):
        run = a_run(per_unit(), units=THREE | {"seksi": ("a1",)})
        assert set(run.state.units) == {"bidang"}

    def test_units_whose_names_begin_alike_stay_apart(self):
        run = a_run(per_unit(), units={"bidang": ("a", "ab", "abc")})
        run.finish("satu")
        run.finish("isi", unit="ab")
        assert run.open == ["isi@a", "isi@abc", "periksa@ab"]
        second = run.finish("isi", unit="a")
        run.finish("isi", unit="abc")
        assert run.open == ["periksa@a", "periksa@ab", "periksa@abc"]
        run.undo(second)
        assert run.open == ["isi@a", "periksa@ab", "periksa@abc"]
        run.finish("periksa", "ditolak", unit="abc")
        assert run.open == ["satu #2"]

    @pytest.mark.parametrize("units", [{}, {"bidang": ()}, {"seksi": ("aset",)}])
    def test_refuses_to_start_where_the_agency_has_no_such_unit(self, units):
        with pytest.raises(UnitsMissing, match=r'has 0 units of the kind "bidang"; this SOP needs at least 1'):
            a_run(per_unit(), units=units)

    def test_refuses_to_start_where_there_are_too_few(self):
        with pytest.raises(UnitsMissing, match=r"has 3 units .* at least 4"):
            a_run(per_unit(at_least=4))

    def test_runs_once_without_a_unit_where_the_sop_allows_it(self):
        run = a_run(per_unit(or_once=True), units={})
        run.finish("satu")
        assert run.open == ["isi"]
        assert run.task.scope == "/per_bidang:"
        run.finish("isi")
        run.finish("periksa", "approved")
        assert run.open == ["himpun"]

    def test_once_means_for_every_unit_where_there_are_some(self):
        run = a_run(per_unit(or_once=True))
        run.finish("satu")
        assert len(run.open) == 3

    def test_a_return_into_a_block_that_ran_once_names_no_units(self):
        run = a_run(per_unit(or_once=True), units={})
        run.finish("satu")
        run.finish("isi")
        run.finish("periksa", "approved")
        with pytest.raises(UnitsRequired):
            run.finish("himpun", "returned", units=("aset",))
        run.finish("himpun", "returned")
        assert run.open == ["isi #2"]
        assert run.state.done == ("satu",)
        run.finish("isi")
        run.finish("periksa", "approved")
        assert run.open == ["himpun #2"]


class TestOutOfABlock:
    def test_a_return_out_withdraws_the_rest_of_it(self, run):
        beside = run.at("c1").id
        run.finish("b1")
        run.finish("b2", "ditolak")
        assert run.open == ["satu #2"]
        assert kinds(run) == ["step.returned", "step.withdrawn", "step.opened"]
        assert run.tasks[beside].status is TaskStatus.WITHDRAWN
        assert run.state.root.children == ()

    def test_it_says_where_it_leads_and_why(self, run):
        run.finish("b1")
        run.finish("b2", "ditolak", reason="Dasar berubah")
        returned = next(event for event in run.events if event.type == "step.returned")
        assert (returned.from_, returned.to, returned.reason) == ("b2", "satu", "Dasar berubah")
        assert run.task.returned.activity == "b2"

    def test_all_that_was_done_in_the_block_is_to_be_done_again(self, run):
        run.finish("c1")
        run.finish("b1")
        run.finish("b2", "ditolak")
        assert run.state.done == ()
        run.finish("satu")
        assert run.open == ["b1 #2", "c1 #2"]

    def test_a_return_out_of_one_unit_takes_all_units_along(self, units):
        units.finish("isi", unit="aset")
        units.finish("periksa", "ditolak", unit="aset")
        assert units.open == ["satu #2"]
        assert units.state.done == ()

    def test_a_return_to_the_block_itself_begins_all_of_it_again(self, run):
        run.finish("c1")
        beside = run.at("c2").id
        run.finish("b1")
        run.finish("b2", "ulang")
        assert run.open == ["b1 #2", "c1 #2"]
        assert run.tasks[beside].status is TaskStatus.WITHDRAWN
        assert run.state.done == ("satu",)

    def test_leaves_two_levels_at_once(self):
        run = a_run(nested())
        for unit in THREE["bidang"]:
            run.finish("isi", unit=unit)
        run.finish("kiri", "ditolak", unit="data")
        assert run.open == ["awal"]
        assert run.state.root.children == ()
        withdrawn = [event for event in run.events if event.type == "step.withdrawn"]
        assert {(event.activity, event.unit) for event in withdrawn} == {
            ("kanan", "data"), ("kiri", "aset"), ("kanan", "aset"), ("kiri", "umum"), ("kanan", "umum"),
        }  # fmt: skip
        run.finish("awal")
        assert run.open == ["isi@aset #2", "isi@data #2", "isi@umum #2"]


class TestIntoABlock:
    def joined(self, run: Retold) -> Retold:
        for activity, outcome in (("b1", None), ("b2", "approved"), ("c1", None), ("c2", None)):
            run.finish(activity, outcome)
        return run

    def test_reopens_one_branch_at_one_place_while_the_others_count_as_finished(self, run):
        self.joined(run)
        run.finish("akhir", "returned")
        assert run.open == ["b2 #2"]
        assert run.task.returned.activity == "akhir"
        assert run.state.done == ("b1", "c1", "c2", "satu")
        run.finish("b2", "approved")
        assert run.open == ["akhir #2"]

    def test_the_reopened_branch_runs_to_its_end(self, run):
        self.joined(run)
        run.finish("akhir", "ke_c")
        assert run.open == ["c1 #2"]
        assert run.state.done == ("b1", "b2", "satu")
        run.finish("c1")
        run.finish("c2")
        assert run.open == ["akhir #2"]

    def test_a_return_to_the_whole_block_reopens_every_branch(self, run):
        self.joined(run)
        run.finish("akhir", "ulang")
        assert run.open == ["b1 #2", "c1 #2"]

    def test_a_reopened_block_waits_for_what_was_reopened_whatever_its_rule(self):
        run = a_run(in_parallel(at_least=1))
        run.finish("satu")
        run.finish("c1")
        run.finish("c2")
        run.finish("akhir", "returned")
        assert run.open == ["b2"]
        run.finish("b2", "approved")
        assert run.open == ["akhir #2"]

    def test_a_return_out_of_a_reopened_branch_leaves_the_block(self, run):
        self.joined(run)
        run.finish("akhir", "returned")
        run.finish("b2", "ditolak")
        assert run.open == ["satu #2"]


class TestIntoUnits:
    @pytest.fixture
    def joined(self, units) -> Retold:
        for unit in THREE["bidang"]:
            units.finish("isi", unit=unit)
            units.finish("periksa", "approved", unit=unit)
        return units

    def test_goes_back_to_the_units_named_and_no_others(self, joined):
        joined.finish("himpun", "returned", units=("aset", "umum"))
        assert joined.open == ["isi@aset #2", "isi@umum #2"]
        assert joined.state.done == ("isi@data", "periksa@data", "satu")
        assert joined.events[-3].units == ("aset", "umum")

    def test_joins_when_those_units_have_ended(self, joined):
        joined.finish("himpun", "returned", units=("aset", "umum"))
        for unit in ("aset", "umum"):
            assert "himpun #2" not in joined.open
            joined.finish("isi", unit=unit)
            joined.finish("periksa", "approved", unit=unit)
        assert joined.open == ["himpun #2"]
        assert len(joined.state.done) == 7

    def test_one_unit_reopened_in_a_block_of_n_joins_by_itself(self):
        run = a_run(per_unit(at_least=2))
        run.finish("satu")
        for unit in ("aset", "data"):
            run.finish("isi", unit=unit)
            run.finish("periksa", "approved", unit=unit)
        run.finish("himpun", "returned", units=("umum",))
        assert run.open == ["isi@umum #2"]
        run.finish("isi", unit="umum")
        run.finish("periksa", "approved", unit="umum")
        assert run.open == ["himpun #2"]

    def test_refuses_a_return_that_names_no_unit(self, joined):
        with pytest.raises(UnitsRequired, match="aset, data, umum"):
            joined.finish("himpun", "returned")

    @pytest.mark.parametrize("named", [("aset", "mars"), ("mars",)])
    def test_refuses_units_that_are_none_of_this_cycle(self, joined, named):
        with pytest.raises(UnitsRequired):
            joined.finish("himpun", "returned", units=named)

    def test_refuses_units_where_the_route_enters_no_unit(self, joined, units):
        with pytest.raises(UnitsRequired):
            joined.finish("himpun", "approved", units=("aset",))

    def test_the_whole_node_goes_back_to_all_units_without_naming_them(self, joined):
        joined.finish("himpun", "ulang")
        assert joined.open == ["isi@aset #2", "isi@data #2", "isi@umum #2"]


class TestBlocksInBlocks:
    @pytest.fixture
    def run(self) -> Retold:
        return a_run(nested())

    def through(self, run: Retold, unit: str) -> None:
        run.finish("isi", unit=unit)
        run.finish("kanan", unit=unit)
        run.finish("kiri", "approved", unit=unit)

    def test_the_inner_block_belongs_to_its_unit(self, run):
        run.finish("isi", unit="data")
        assert run.open == ["isi@aset", "isi@umum", "kanan@data", "kiri@data"]
        assert run.at("kiri", "data").scope == "/per_bidang:data/dua_sisi:l"

    def test_the_inner_block_joins_without_the_outer(self, run):
        self.through(run, "data")
        assert run.open == ["isi@aset", "isi@umum", "paraf@data"]

    def test_the_end_of_the_last_inner_block_ends_both(self):
        process = a_process(
            an_activity("kiri"),
            an_activity("kanan"),
            an_activity("tengah"),
            an_activity("akhir"),
            nodes=(
                a_block("luar", to="akhir", x=("dalam",), y=("tengah",)),
                a_block("dalam", l=("kiri",), r=("kanan",)),
            ),
        )
        run = Retold(process)
        assert run.open == ["kanan", "kiri", "tengah"]
        for activity in ("tengah", "kiri", "kanan"):
            run.finish(activity)
        assert run.open == ["akhir"]

    def test_a_return_within_the_unit_out_of_the_inner_block_names_no_units(self, run):
        for unit in THREE["bidang"]:
            run.finish("isi", unit=unit)
        run.finish("kiri", "returned", unit="data")
        assert run.open == ["isi@data #2", "kanan@aset", "kanan@umum", "kiri@aset", "kiri@umum"]

    def test_what_other_units_did_in_the_inner_block_stays_done(self, run):
        self.through(run, "aset")
        run.finish("isi", unit="data")
        run.finish("kanan", unit="data")
        run.finish("kiri", "returned", unit="data")
        assert run.state.done == ("isi@aset", "kanan@aset", "kiri@aset")

    def test_a_return_into_the_inner_block_stays_within_its_unit(self, run):
        for unit in ("aset", "data"):
            self.through(run, unit)
            run.finish("paraf", "approved", unit=unit) if unit == "aset" else None
        run.finish("paraf", "returned", unit="data")
        assert run.open == ["isi@umum", "kiri@data #2"]
        assert run.state.done == ("isi@aset", "isi@data", "kanan@aset", "kanan@data", "kiri@aset", "paraf@aset")
        run.finish("kiri", "approved", unit="data")
        assert run.open == ["isi@umum", "paraf@data #2"]

    def test_a_return_into_a_unit_leaves_the_inner_blocks_of_the_others_done(self, run):
        for unit in THREE["bidang"]:
            self.through(run, unit)
            run.finish("paraf", "approved", unit=unit)
        run.finish("himpun", "returned", units=("umum",))
        assert run.open == ["paraf@umum #2"]
        assert "paraf@umum" not in run.state.done
        assert len(run.state.done) == 11

    def test_units_left_over_lose_their_inner_blocks_too(self):
        run = a_run(nested(at_least=1))
        run.finish("isi", unit="umum")
        self.through(run, "aset")
        run.finish("paraf", "approved", unit="aset")
        assert run.open == ["himpun"]
        withdrawn = [(task.activity, task.unit) for task in run.tasks.values() if task.status is TaskStatus.WITHDRAWN]
        assert sorted(withdrawn) == [("isi", "data"), ("kanan", "umum"), ("kiri", "umum")]


class TestWhatTheTrailCannotTell:
    def retold(self, run: Retold, **fields: UUID) -> InstanceState:
        """The trail with its last withdrawal told otherwise."""
        at = max(at for at, event in enumerate(run.events) if event.type == "step.withdrawn")
        forged = [*run.events[:at], run.events[at].model_copy(update=fields), *run.events[at + 1 :]]
        return state_after(run.process, forged)

    @pytest.fixture
    def left(self, run) -> Retold:
        run.finish("b1")
        run.finish("b2", "ditolak")
        return run

    def test_the_honest_trail_is_a_story(self, left):
        assert state_after(left.process, left.events) == left.state

    def test_a_withdrawal_names_the_move_it_follows_from(self, left):
        with pytest.raises(TrailContradiction, match="follows from another"):
            self.retold(left, cause=left.events[0].id)

    def test_a_withdrawal_cannot_be_left_out(self, left):
        without = [event for event in left.events if event.type != "step.withdrawn"]
        with pytest.raises(TrailContradiction):
            state_after(left.process, without)

    def test_nothing_is_withdrawn_whose_token_rests_there(self, run):
        live = run.at("c1")
        withdrawn = {"task_id": live.id, "activity": "c1", "scope": live.scope, "round": 1, "cause": run.events[0].id}
        event = KINDS["step.withdrawn"](id=UUID(int=999), at=run.now, **withdrawn)
        with pytest.raises(TrailContradiction):
            state_after(run.process, [*run.events, event])

    def test_no_task_is_completed_after_its_token_has_left(self, run):
        beside = run.at("c1")
        claimed = run.claim(task=beside).events[0]
        honest = run.finish("b1"), run.finish("b2", "ditolak")
        assert len(honest) == 2
        at = next(at for at, event in enumerate(run.events) if event.type == "step.withdrawn")
        late = KINDS["step.completed"](
            **{"id": UUID(int=999), "at": run.now, "actor": claimed.actor, "task_id": beside.id, "activity": "c1"},
            **{"scope": beside.scope, "round": 1, "outcome": "completed", "from": "c1", "to": "c2"},
        )
        with pytest.raises(TrailContradiction, match="after its token had left"):
            state_after(run.process, [*run.events[:at], late])

    @pytest.mark.parametrize("outcome", [">undone:satu", ">joined", ">left:satu"])
    def test_no_trigger_of_the_engine_is_an_outcome(self, run, outcome):
        run.finish("b1")
        at = max(at for at, event in enumerate(run.events) if event.type == "step.completed")
        forged = run.events[at].model_copy(update={"outcome": outcome})
        with pytest.raises(TrailContradiction):
            state_after(run.process, [*run.events[:at], forged])


def state_after(process: CompiledProcess, events: list[Event]) -> InstanceState:
    return replay(process, events).state
