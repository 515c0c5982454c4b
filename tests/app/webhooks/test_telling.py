"""What outsiders are told: all that can happen, in the published shape, small, in two languages, never of people."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest

from app.clock import new_id
from app.instances.telling import LARGEST
from app.reports.announce_owed import announce_owed
from app.webhooks import envelope, event_types
from app.webhooks.telling import endpoint_disabled
from engine.compiler import CompiledProcess
from engine.definition import ProcessDefinition, RouteKind
from engine.events import KINDS
from engine.trail import canonical_json
from tests.app.past import MONDAY, Past, a_reviewed_draft, at
from tests.app.webhooks.outsiders import DAY, Json, Told, everything
from tests.definitions.shipped import KEYS, shipped
from tests.factories import a_block, a_definition, a_process, a_schedule, a_start, an_activity, each_unit, forward
from tests.journeys.course import Course, example, period_of
from tests.world import Agency, World, refused

Make = Callable[..., Agency]


@pytest.fixture(scope="module")
def world(a_world: Callable[[], World]) -> Iterator[World]:
    """A world of its own: what is owed is announced here for all its agencies."""
    made = a_world()
    yield made
    made.close_clients()
    assert made.proof().findings == ()


@cache
def all_that_can_happen() -> Told:
    return everything()


@cache
def _validator(type_: str) -> Any:
    return jsonschema_rs.validator_for(event_types.schema_of(type_), validate_formats=True)


def require_shape(type_: str, data: str) -> None:
    """Hold a message against its model and, as its receiver would, against the published schema."""
    event_types.KINDS[type_].data.model_validate_json(data)
    _validator(type_).validate(json.loads(data))


def stored(world: World, instance: Json | str) -> list[Json]:
    """The messages of an instance, in the order in which they wait to be sent."""
    query = (
        "SELECT m.*, a.key AS agency FROM outbox o JOIN messages m ON m.id = o.message_id"
        " JOIN agencies a ON a.id = m.agency_id WHERE m.instance_id = $1 ORDER BY o.number"
    )
    return world.sql(query, UUID(instance if isinstance(instance, str) else instance["id"]))


def count(world: World) -> int:
    found: int = world.one("SELECT count(*) FROM messages")
    return found


# The shape


def test_every_type_is_told_in_the_shape_that_is_published() -> None:
    messages = all_that_can_happen().messages
    assert {one["type"] for one in messages} == set(KINDS)
    for one in messages:
        require_shape(one["type"], one["data"])


def test_the_text_is_canonical() -> None:
    for one in all_that_can_happen().messages:
        assert one["data"] == canonical_json(json.loads(one["data"]))


def test_every_sentence_ends_and_is_said_in_both_languages() -> None:
    for one in all_that_can_happen().messages:
        sentence = json.loads(one["data"])["sentence"]
        assert sentence["id"] != sentence["en"]
        for said in sentence.values():
            assert said.startswith("Penyusunan LAKIP 2026: ")
            assert re.search(r"[^ .]\.$", said), said
            assert not re.search(r"None|null|[{}]|  ", said), said


def test_a_completed_step_tells_what_it_opened_for_whom_and_by_when() -> None:
    run = all_that_can_happen()
    told = next(json.loads(one["data"]) for one in run.messages if one["type"] == "step.completed")
    (opened,) = told["opened"]
    assert (told["step"]["activity"], told["step"]["outcome"], told["by"]["position"]) == (
        "susun",
        "completed",
        "Jabatan staf",
    )
    assert opened["due_at"] == "2026-03-03T07:00:00Z"
    assert (opened["activity"], opened["position"], opened["candidate_roles"]) == (
        "periksa",
        "Jabatan Kabid",
        ["kabid"],
    )
    assert told["sentence"]["id"].endswith(
        "langkah 1 “Susun” diselesaikan; berikutnya langkah 2 “Periksa” pada Jabatan Kabid,"
        " batas waktu Selasa 3 Maret 2026 pukul 14.00 WIB."
    )
    assert told["sentence"]["en"].endswith(
        "step 1 “Susun” is completed; next is step 2 “Periksa” with Jabatan Kabid,"
        " due Tuesday 3 March 2026 at 14:00 WIB."
    )


def test_moments_are_said_in_the_zone_of_the_agency() -> None:
    run = Told(CompiledProcess(a_reviewed_draft(), 1), zone="Asia/Makassar")
    assert run.said("step.opened")[0].endswith(" pukul 09.00 WITA.")


def test_a_return_tells_to_whom_the_work_goes_back_and_in_which_round() -> None:
    run = all_that_can_happen()
    returned = run.data("step.returned")
    assert [one["activity"] for one in returned["opened"]] == ["susun"]
    assert (
        "mengembalikan pekerjaan; berikutnya langkah 1 “Susun” pada Jabatan Staf, putaran 2"
        in run.said("step.returned")[0]
    )


def test_what_is_taken_back_tells_what_waits_again_and_nothing_else() -> None:
    process = a_process(
        an_activity("awal", forward("blok")),
        an_activity("kiri", forward("akhir_kiri"), role="kiri"),
        an_activity("akhir_kiri", role="kiri"),
        an_activity("kanan", role="kanan", time_limit=DAY),
        an_activity("tutup"),
        nodes=(a_block(to="tutup", kiri=["kiri", "akhir_kiri"], kanan=["kanan"]),),
    )
    run = Told(process)
    run.finish("awal")
    mistaken = run.finish("kiri")
    run.schedule = a_schedule("b" * 64, off=("2026-03-03",))
    run.undo(mistaken)
    assert run.data("step.due_changed")["step"]["activity"] == "kanan"
    assert [one["task_id"] for one in run.data("step.undone")["opened"]] == [str(mistaken)]
    (undone,) = [one for one in run.messages if one["type"] == "step.undone"]
    assert undone["roles"] == ["kiri"]


def test_a_party_that_is_waited_for_is_told_by_name() -> None:
    run = all_that_can_happen()
    himpun = [json.loads(one["data"]) for one in run.messages if one["type"] == "step.completed"][-2]
    assert (himpun["opened"], himpun["asked"]) == ([], [{"id": "bappeda", "name": "Bappeda"}])
    assert run.said("party.answered")[1].startswith("the answer of Bappeda came in; next is step 4 “Arsip”")


def test_roles_are_those_of_the_step_and_of_what_it_opened() -> None:
    roles = {one["type"]: one["roles"] for one in reversed(all_that_can_happen().messages)}
    assert roles["step.completed"] == ["staf", "kabid"]
    assert roles["step.opened"] == ["staf"]
    assert roles["instance.cancelled"] == ["staf"]
    assert roles["instance.completed"] == ["arsiparis"]


def test_nobody_is_named_and_nothing_they_wrote_is_told() -> None:
    run = all_that_can_happen()
    personal = {one.actor_name for one in run.events} | {one.reason for one in run.events}
    personal |= {one.note for one in run.events} - {None}
    words = {one for one in personal if one and " " in one} | {"Budi", "Banjir"}
    assert len(words) > 5
    for one in run.messages:
        assert not [word for word in words if word in one["data"]]


# How large


def carried(run: Told) -> Told:
    """Carry a run to its end, sent back once on the way."""
    returned = False
    while not run.state.status.is_over:
        if run.state.tasks:
            task = run.state.tasks[0]
            routes = run.process.activity(task.activity).routes
            back = [one for one in routes if one.kind is RouteKind.RETURN and not returned]
            returned = returned or bool(back)
            ahead = next(one for one in routes if one.kind is RouteKind.FORWARD)
            units = {"units": run.state.units.get("bidang", ())} if back and _enters(run.process, back[0].to) else {}
            run.finish(task.activity, (back or [ahead])[0].outcome, task.unit, reason="Uji", **units)
        else:
            one = run.state.asked[0]
            node = run.process.node(one.node)
            assert node
            run.answer(node.routes[0].outcome, party=one.party)
    return run


def _enters(process: CompiledProcess, to: str | None) -> bool:
    return to is not None and process.places.of[to].inside is not None


@pytest.mark.parametrize("key", KEYS)
def test_every_shipped_sop_is_told_in_small_bodies_of_the_published_shape(key: str) -> None:
    definition = shipped(key)
    units = {"bidang": ("koperasi", "ukm", "umum")}
    run = carried(
        Told(CompiledProcess(definition, 1), a_start(period=period_of(definition), units=units), title=definition.title)
    )
    assert {"step.completed", "step.returned", "instance.completed"} <= {one["type"] for one in run.messages}
    for one in run.messages:
        require_shape(one["type"], one["data"])
        assert len(one["data"].encode()) < 4_000


HOSTILE = {
    "quotes": '"' * 4_000,
    "controls": "x" + "\u0001" * 3_999,
    "astral": "𒐫" * 4_000,
    "braces": "{step}{0}" * 400,
}


def a_hostile_sop(words: str) -> ProcessDefinition:
    roles = tuple(f"r{number:02}" + "x" * 97 for number in range(50))
    first, inner = (
        an_activity(id, *routes, role=roles[0], name=words, candidate_roles=roles)
        for id, routes in (("a" * 100, (forward("per_bidang"),)), ("b" * 100, ()))
    )
    made = a_definition(first, inner, nodes=(each_unit("b" * 100),), title=words, key="k" * 100, agency="a" * 100)
    return made.model_copy(update={"roles": tuple(one.model_copy(update={"name": words}) for one in made.roles)})


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("bidang", [1, 1_000])
def test_a_hostile_sop_is_told_in_small_bodies_that_say_what_was_left_out(words: str, bidang: int) -> None:
    units = {"bidang": tuple(f"u{number}" + "y" * 90 for number in range(bidang))}
    run = Told(CompiledProcess(a_hostile_sop(words), 1), a_start(units=units), title=words)
    run.complete()
    for one in run.messages:
        require_shape(one["type"], one["data"])
        assert len(one["data"].encode()) <= LARGEST
        row = one | {"at": run.now, "agency": "a" * 100, "instance_id": new_id(), "subject": "x" * 36}
        personal = {"actor_name": words, "reason": words, "note": words}
        assert len(envelope.body(row, previous=new_id(), public_url="https://" + "u" * 500, personal=personal)) < 20_000
    told = run.data("step.completed")
    assert len(told["opened"]) + told.get("opened_left_out", 0) == bidang
    step = told["step"]
    assert len(step["candidate_roles"]) + step.get("candidate_roles_left_out", 0) == 50
    if bidang > 1:
        assert "langkah lain" in told["sentence"]["id"]


# Written with the step


@pytest.fixture
def agency(world: World) -> Agency:
    return world.an_agency()


def test_a_whole_cycle_is_told_exactly_as_its_trail_has_it(agency: Agency, world: World) -> None:
    course = Course.of(agency, reference={"system": "esakip", "id": "L-17", "letter_number": "000.8/1"})
    returned = False
    while course.instance["status"] == "running":
        (task,) = course.tasks()
        back = [one["outcome"] for one in task["outcomes"] if one["kind"] == "return"]
        given = {"note": "Catatan rahasia Sumiati."}
        course.do(task["activity"], back[0] if back and not returned else None, **given)
        returned = returned or bool(back)
    told, trail = stored(world, course.id), course.trail()
    assert [(str(one["id"]), one["seq"], one["type"]) for one in told] == [
        (one["id"], one["seq"], one["type"]) for one in trail
    ]
    assert [one["at"] for one in told] == [datetime.fromisoformat(one["at"]) for one in trail]
    for one in told:
        require_shape(one["type"], one["data"])
        assert (one["definition_key"], one["subject"]) == (agency.definition.key, course.id)
        assert json.loads(one["data"])["instance"]["reference"]["letter_number"] == "000.8/1"
        for word in (*agency.names.values(), "Sumiati", "Angka belum cocok"):
            assert word not in one["data"]
    by = json.loads(told[-2]["data"])["by"]
    assert (by["official"], by["position"]) == (trail[-2]["actor"], trail[-2]["position"])


def test_units_parties_and_what_people_changed_their_minds_about_are_told(world: World) -> None:
    collecting = Course.of(world.an_agency(example("pengumpulan-bahan"), bidang=("koperasi", "ukm")))
    collecting.do("minta_bahan")
    task = collecting.task("kumpulkan_bahan")
    by = task["candidates"][0]["official"]
    assert collecting.http.deliver(task, "ukm", by=by, note="Dari Sumiati").status_code == 200
    asking = Course.of(world.an_agency(example("permohonan-rekomendasi")))
    asking.undone(asking.do("susun_permohonan")["task"], reason="Sumiati keliru")
    asking.do("susun_permohonan")
    asking.do("kirim_permohonan")
    asking.answered("diskominfo", outcome="direkomendasikan", note="Kata Sumiati")
    asking.http.interrupt(asking.instance, "suspend", "Sumiati sakit")
    asking.http.interrupt(asking.instance, "resume", "Sumiati sembuh")
    asking.http.comment(asking.instance, "Untuk Sumiati")
    asking.http.interrupt(asking.instance, "cancel", "Sumiati pindah")
    for course in (collecting, asking):
        told = stored(world, course.id)
        assert [(str(one["id"]), one["seq"]) for one in told] == [(one["id"], one["seq"]) for one in course.trail()]
        for one in told:
            require_shape(one["type"], one["data"])
            assert "Sumiati" not in one["data"]
    (received,) = [one for one in stored(world, collecting.id) if one["type"] == "step.material_received"]
    assert json.loads(received["data"])["source"] == {"id": "ukm", "name": "ukm"}


def test_an_sop_of_every_bidang_tells_each_of_its_steps(world: World) -> None:
    bidang = ("koperasi", "pemberdayaan", "ukm", "umum")
    course = Course.of(world.an_agency(example("capaian-setiap-bidang"), bidang=bidang))
    course.do("minta_capaian")
    (told,) = [one for one in stored(world, course.id) if one["type"] == "step.completed"]
    data = json.loads(told["data"])
    assert [one["unit"] for one in data["opened"]] == list(bidang)
    assert [one["position"] for one in data["opened"]] == [f"Jabatan staf_bidang {one}" for one in bidang]
    assert " (koperasi) pada Jabatan staf_bidang koperasi" in data["sentence"]["id"]
    assert " dan 1 langkah lain." in data["sentence"]["id"]


def test_a_refused_deed_leaves_no_message(agency: Agency, world: World) -> None:
    task = agency.opened()
    before = count(world)
    refused(agency.http.complete(task, outputs=[]), 422, "output-missing")
    refused(agency.http.start(agency.definition.key, period="2025"), 409, "duplicate-instance")
    assert count(world) == before


def test_a_retried_deed_is_told_once(agency: Agency, world: World) -> None:
    task = agency.opened()
    agency.http.completed(task, key="sekali")
    before = count(world)
    agency.http.completed(task, key="sekali")
    assert count(world) == before
    for _ in range(2):
        agency.http.start(agency.definition.key, period="2026", key="mulai")
    assert count(world) == before + 2


def test_what_was_begun_before_messages_were_written_goes_on(agency: Agency, world: World) -> None:
    task = agency.opened()
    instance = {"id": task["instance_id"]}
    world.sql("DELETE FROM outbox; DELETE FROM messages;")
    agency.http.completed(task)
    assert [one["seq"] for one in stored(world, instance)] == [3, 4, 5]


# What is about no instance


def test_an_obligation_that_is_late_is_told_once_in_the_transaction_of_its_notice(world: World) -> None:
    past = Past(world.an_agency(a_reviewed_draft()))
    past.obliged("02-28", at(MONDAY, "08:00"))
    moment = datetime(2026, 2, 28, tzinfo=UTC)

    async def all_at_once() -> None:
        await asyncio.gather(*(announce_owed(past.journal, moment) for _ in range(4)))

    world.run(all_at_once())
    world.run(announce_owed(past.journal, moment + timedelta(days=1)))
    query = (
        "SELECT m.*, n.late_since, o.number FROM messages m LEFT JOIN obligation_notices n ON n.id = m.id"
        " LEFT JOIN outbox o ON o.message_id = m.id WHERE m.agency_id = $1 AND m.subject LIKE '%/2025'"
    )
    (told,) = world.sql(query, past.agency.id)
    assert told["number"] is not None
    assert (told["instance_id"], told["seq"], told["type"]) == (None, None, "obligation.late")
    assert (told["roles"], told["at"]) == (["staf"], moment)
    assert told["definition_key"] == past.agency.definition.key
    require_shape(told["type"], told["data"])
    data = json.loads(told["data"])
    assert datetime.fromisoformat(data["obligation"]["late_since"]) == told["late_since"]
    assert data["sentence"]["id"].startswith("SOP Uji 2025 belum berjalan dan terlambat sejak ")


@pytest.mark.parametrize("reason", ["gone", "failing", "administrator"])
def test_a_disabled_endpoint_is_told_by_its_host_alone(reason: Any) -> None:
    row = {"id": new_id(), "url": "https://u:p@esakip.example.go.id/rahasia?token=1", "failing_since": None}
    told = endpoint_disabled(new_id(), new_id(), row, reason, at(MONDAY, "08:00"))
    require_shape(told["type"], told["data"])
    assert "esakip.example.go.id" in json.loads(told["data"])["sentence"]["en"]
    assert "rahasia" not in told["data"]
    assert "token" not in told["data"]
