"""A definition compiled into one machine that decides every move."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from engine.compiler import ENDED, IDLE, STARTED, CompiledProcess
from engine.definition import ActivityKind, RouteKind
from engine.errors import OutcomeUnknown, TrailContradiction
from engine.state import InstanceStatus
from tests.factories import LAKIP, Run, a_definition, a_process, an_activity, back, forward


@pytest.fixture(scope="module")
def process() -> CompiledProcess:
    return a_process()


def test_a_new_token_goes_to_the_first_printed_activity(process):
    assert process.fire(IDLE, STARTED) == "disposisi"


@pytest.mark.parametrize("activity", LAKIP, ids=lambda one: one.id)
def test_every_printed_route_leads_where_it_says(process, activity):
    for route in activity.routes:
        assert process.fire(activity.id, route.outcome) == (route.to or ENDED)


def test_no_outcome_moves_a_token_but_those_the_activity_prints(process):
    triggers = {STARTED, *(route.outcome for one in LAKIP for route in one.routes)}
    for node in (IDLE, ENDED, *(one.id for one in LAKIP)):
        printed = {route.outcome for one in LAKIP if one.id == node for route in one.routes}
        for trigger in triggers - printed - ({STARTED} if node == IDLE else set()):
            with pytest.raises(TrailContradiction):
                process.fire(node, trigger)


@pytest.mark.parametrize("trigger", ["to_kirim", "to_disposisi", "trigger", "state", "nobody_knows", ""])
def test_there_is_no_back_door_into_a_node(process, trigger):
    with pytest.raises(TrailContradiction):
        process.fire("disposisi", trigger)


def test_a_token_on_a_node_of_another_version_contradicts(process):
    with pytest.raises(TrailContradiction):
        process.fire("kegiatan_lama", "completed")


def test_an_outcome_that_leads_back_to_its_own_activity_is_a_move():
    process = a_process(an_activity("satu", forward(None, "approved"), back("satu")))
    assert process.fire("satu", "returned") == "satu"


def test_finds_activities_and_roles_by_id(process):
    assert process.activity("kirim") is process.definition.activities[-1]
    assert process.role("sekretaris").name == "Sekretaris"
    with pytest.raises(KeyError):
        process.activity(ENDED)
    with pytest.raises(KeyError):
        process.role("bupati")


def test_remembers_of_which_version_it_is():
    assert CompiledProcess(a_definition(), 3).version == 3


def test_a_route_is_found_by_its_outcome(process):
    decision = process.activity("periksa_draf")
    assert process.route(decision, "returned").kind is RouteKind.RETURN
    assert process.route(decision, "approved").to == "sempurnakan"


@pytest.mark.parametrize("kind", ActivityKind)
def test_only_an_execution_with_one_route_takes_it_unnamed(kind):
    one = an_activity("satu", forward(None), kind=kind)
    process = a_process(one)
    if kind is ActivityKind.EXECUTION:
        assert process.route(one, None) == one.routes[0]
    else:
        with pytest.raises(OutcomeUnknown):
            process.route(one, None)


def test_all_that_follows_is_to_be_done_again(process):
    assert process.to_be_done_again("finalisasi") == {"finalisasi", "tanda_tangan", "kirim"}
    assert process.to_be_done_again("disposisi") == {one.id for one in LAKIP}


def test_what_only_a_return_leads_to_does_not_follow():
    process = a_process(
        an_activity("satu", forward("dua")),
        an_activity("dua", forward("tiga", "approved"), back("satu")),
        an_activity("tiga"),
    )
    assert process.to_be_done_again("dua") == {"dua", "tiga"}


def test_a_loop_of_forward_routes_is_followed_once():
    process = a_process(
        an_activity("satu", forward("dua")), an_activity("dua", forward("satu", "lagi"), forward(None, "cukup"))
    )
    assert process.to_be_done_again("dua") == {"satu", "dua"}


def test_one_machine_serves_many_threads_without_a_wrong_state():
    process, threads, laps = a_process(), 8, 300
    together = Barrier(threads)
    walks = [["approved"] * 3, ["returned", "approved"], ["completed"] * 2]
    starts = ["periksa_draf", "verifikasi", "disposisi"]
    wanted = [
        ["sempurnakan", TrailContradiction, TrailContradiction],
        ["sempurnakan", TrailContradiction],
        ["bentuk_tim", "kumpulkan_data"],
    ]

    def fire(node, outcome):
        try:
            return process.fire(node, outcome)
        except TrailContradiction:
            return TrailContradiction

    def walk(seed: int) -> int:
        together.wait()
        wrong = 0
        for lap in range(laps):
            which = (seed + lap) % len(walks)
            node = starts[which]
            for outcome, want in zip(walks[which], wanted[which], strict=True):
                got = fire(node, outcome)
                wrong += got != want
                node = got if isinstance(got, str) else node
        return wrong

    with ThreadPoolExecutor(threads) as pool:
        assert sum(pool.map(walk, range(threads))) == 0


def test_many_instances_run_at_once_on_one_process():
    process, threads = a_process(), 8
    together = Barrier(threads)

    def one_cycle(returns: int) -> Run:
        together.wait()
        run = Run(process)
        for _ in range(returns):
            run.until("periksa_draf").complete("returned")
        return run.to_the_end()

    with ThreadPoolExecutor(threads) as pool:
        for returns, run in enumerate(pool.map(one_cycle, range(threads))):
            assert run.state.status is InstanceStatus.COMPLETED
            assert run.state.rounds["susun_draf"] == run.state.rounds["periksa_draf"] == 1 + returns
            assert run.state.rounds["sempurnakan"] == 1
