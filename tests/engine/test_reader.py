"""An SOP text is read strictly and in bounded time; whatever is wrong is said at its line and column."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from time import process_time
from typing import Any

import pytest

from engine.definition import ActivityKind, Cycle, ProcessDefinition, RouteKind, TimeUnit
from engine.errors import DefinitionRejected, Mistake
from engine.mistakes import model_inside
from engine.reader import INDONESIAN, LARGEST_JSON, LARGEST_YAML, MOST_MISTAKES, read_json, read_yaml

SOP = dedent("""\
    kunci: sop-uji
    judul: SOP Uji
    instansi: dinas-uji
    siklus: [yearly]
    peran:
      - {id: staf, nama: Staf}
      - {id: kepala, nama: Kepala}
    kegiatan:
      - id: susun
        nomor: 1
        uraian: Menyusun konsep
        jenis: execution
        pelaksana: [staf]
        mutu_baku:
          kelengkapan: [Disposisi]
          waktu: {tercetak: 3 Hari, jumlah: 3, satuan: workdays}
          output: Konsep
        alur:
          - {hasil: completed, jenis: forward, ke: periksa}
      - id: periksa
        nomor: 2
        uraian: Memeriksa konsep
        jenis: decision
        pelaksana: [kepala]
        alur:
          - {hasil: approved, jenis: forward, ke: null}
          - {hasil: returned, jenis: return, ke: susun}
    """)


def rejected(text: str | bytes) -> tuple[Mistake, ...]:
    with pytest.raises(DefinitionRejected) as caught:
        read_yaml(text, "uji.yaml")
    return caught.value.mistakes


def rejected_json(text: str | bytes) -> tuple[Mistake, ...]:
    with pytest.raises(DefinitionRejected) as caught:
        read_json(text, "uji.json")
    return caught.value.mistakes


def the_only(mistakes: tuple[Mistake, ...]) -> Mistake:
    assert len(mistakes) == 1, mistakes
    return mistakes[0]


def places(mistakes: tuple[Mistake, ...]) -> list[tuple[int | None, int | None, str]]:
    return [(found.line, found.column, found.at) for found in mistakes]


# What is right


def test_reads_an_sop_whose_keys_are_indonesian() -> None:
    definition = read_yaml(SOP, "uji.yaml")
    draft, review = definition.activities

    assert (definition.key, definition.agency, definition.cycle) == ("sop-uji", "dinas-uji", (Cycle.YEARLY,))
    assert (draft.name, draft.kind, draft.candidate_roles) == ("Menyusun konsep", ActivityKind.EXECUTION, ("staf",))
    assert (draft.requirements, draft.output) == (("Disposisi",), "Konsep")
    assert draft.time_limit is not None
    assert (draft.time_limit.text, draft.time_limit.amount, draft.time_limit.unit) == ("3 Hari", 3, TimeUnit.WORKDAYS)
    assert [(route.outcome, route.kind, route.to) for route in review.routes] == [
        ("approved", RouteKind.FORWARD, None),
        ("returned", RouteKind.RETURN, "susun"),
    ]


def test_reads_bytes_with_a_mark_of_their_encoding() -> None:
    assert read_yaml(b"\xef\xbb\xbf" + SOP.encode(), "uji.yaml") == read_yaml(SOP, "uji.yaml")


def test_reads_windows_line_ends() -> None:
    assert read_yaml(SOP.replace("\n", "\r\n"), "uji.yaml") == read_yaml(SOP, "uji.yaml")


def test_the_json_form_is_the_same_definition() -> None:
    definition = read_yaml(SOP, "uji.yaml")

    assert read_json(definition.model_dump_json(), "answer") == definition
    assert read_json(definition.model_dump_json().encode(), "answer") == definition


def test_an_answer_of_the_api_can_be_sent_back() -> None:
    definition = read_yaml(SOP, "uji.yaml")
    answer = {**definition.model_dump(mode="json"), "version": 3, "published_at": "2026-03-02T08:00:00+07:00"}

    assert read_json(json.dumps(answer), "answer") == definition


def test_what_the_sheet_leaves_blank_may_stay_blank() -> None:
    blank = SOP + "identitas:\n  nomor:\n  tanggal_revisi:\n  pencatatan:\n  bacaan:\n  disimpulkan:\npihak:\n"

    assert read_yaml(blank, "uji.yaml") == read_yaml(SOP, "uji.yaml")


def test_a_blank_group_is_as_if_it_were_not_there() -> None:
    with_group = SOP.replace("pelaksana: [kepala]", "pelaksana: [kepala]\n    mutu_baku:")

    assert read_yaml(with_group, "uji.yaml") == read_yaml(SOP, "uji.yaml")


@pytest.mark.parametrize(
    "written",
    [
        "22:30",
        "010",
        "on",
        "yes",
        "No",
        "TRUE",
        "Null",
        "~",
        "1_000",
        "0x1F",
        "2023-08-31",
        ".5",
        "1e3",
        "+1",
        "-0",
        "=",
    ],
)
def test_a_plain_word_that_yaml_1_1_would_change_stays_what_it_is(written: str) -> None:
    definition = read_yaml(SOP.replace("Menyusun konsep", written), "uji.yaml")

    assert definition.activities[0].name == written


@pytest.mark.parametrize("written", ["12", "0", "-3", "true", "false"])
def test_a_number_where_text_belongs_is_answered_with_the_quoted_text(written: str) -> None:
    found = the_only(rejected(SOP.replace("Menyusun konsep", written)))

    assert (found.line, found.column, found.at) == (11, 13, "kegiatan[0].uraian")
    assert found.expected == f'"{written}"'
    assert "tanda kutip" in found.message_id


def test_quotes_make_a_number_text() -> None:
    assert read_yaml(SOP.replace("Menyusun konsep", '"12"'), "uji.yaml").activities[0].name == "12"


# What is wrong with the shape


def test_every_mistake_of_shape_stands_at_its_line_and_column() -> None:
    text = (
        SOP.replace("judul: SOP Uji\n", "")
        .replace("[yearly]", "[yearli]")
        .replace("nomor: 1", "nomor: satu")
        .replace("jumlah: 3", "jumlah: 0")
        .replace("ke: susun}", "kee: susun, warna: merah}")
    )

    assert places(rejected(text)) == [
        (1, 1, "judul"),
        (3, 10, "siklus[0]"),
        (9, 12, "kegiatan[0].nomor"),
        (15, 41, "kegiatan[0].mutu_baku.waktu.jumlah"),
        (26, 42, "kegiatan[1].alur[1].kee"),
        (26, 54, "kegiatan[1].alur[1].warna"),
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "at", "meant"),
    [
        ("uraian: Menyusun", "urain: Menyusun", "kegiatan[0].urain", "uraian"),
        ("judul:", "title:", "title", "judul"),
        ("mutu_baku:", "mutubaku:", "kegiatan[0].mutubaku", "mutu_baku"),
        ("kelengkapan:", "kelengkapn:", "kegiatan[0].mutu_baku.kelengkapn", "kelengkapan"),
        ("peran:", "Peran:", "Peran", "peran"),
    ],
)
def test_an_unknown_key_is_answered_once_with_the_closest_one(right: str, wrong: str, at: str, meant: str) -> None:
    found = the_only(rejected(SOP.replace(right, wrong)))

    assert (found.at, found.expected) == (at, meant)
    assert f'Maksud Anda "{meant}"?' in found.message_id
    assert f'Did you mean "{meant}"?' in found.message_en


def test_a_key_outside_its_group_is_answered_with_the_group() -> None:
    found = the_only(rejected(SOP.replace("pelaksana: [kepala]", "pelaksana: [kepala]\n    output: Konsep")))

    assert (found.at, found.expected) == ("kegiatan[1].output", "mutu_baku.output")


def test_the_values_under_a_misspelt_key_are_checked_too() -> None:
    found = rejected(SOP.replace("waktu: {tercetak: 3 Hari, jumlah: 3", "wktu: {tercetak: 3 Hari, jumlah: tiga"))

    assert [one.at for one in found] == ["kegiatan[0].mutu_baku.wktu", "kegiatan[0].mutu_baku.waktu.jumlah"]


def test_a_key_that_resembles_none_is_answered_with_all_that_may_stand_there() -> None:
    found = the_only(rejected(SOP.replace("{id: staf, nama: Staf}", "{id: staf, nama: Staf, qqq: 1}")))

    assert found.expected == "id, nama"


def test_a_group_that_is_no_group_is_answered_with_its_keys() -> None:
    found = the_only(rejected(SOP.replace("pelaksana: [kepala]", "pelaksana: [kepala]\n    mutu_baku: 3 Hari")))

    assert (found.line, found.at, found.expected) == (25, "kegiatan[1].mutu_baku", "kelengkapan, waktu, output")


def test_a_list_that_is_too_long_is_one_mistake() -> None:
    text = SOP.replace("[yearly]", f"[{', '.join(['yearly'] * 30)}]")

    assert places(rejected(text)) == [(4, 9, "siklus")]


def test_every_field_of_every_model_has_a_key_of_its_own() -> None:
    for model in models(ProcessDefinition):
        words = [INDONESIAN.word(name, field) for name, field in model.model_fields.items()]
        assert len(set(words)) == len(words)


def models(model: Any) -> set[Any]:
    inside = (model_inside(field.annotation) for field in model.model_fields.values())
    return {model}.union(*(models(one) for one in inside if one))


# What is wrong between the parts


def test_what_the_checks_find_stands_at_its_line_and_column_too() -> None:
    text = (
        SOP.replace("ke: periksa}", "ke: perikso}")
        .replace("[kepala]", "[kepalo]")
        .replace("tercetak: 3", "tercetak: 4")
    )

    assert places(rejected(text)) == [
        (16, 41, "kegiatan[0].mutu_baku.waktu.jumlah"),
        (19, 48, "kegiatan[0].alur[0].ke"),
        (24, 17, "kegiatan[1].pelaksana[0]"),
    ]


def test_json_mistakes_are_named_in_the_words_of_json() -> None:
    document = read_yaml(SOP, "uji.yaml").model_dump(mode="json")
    document["activities"][1]["routes"][1]["to"] = "sussun"
    document["inferred"] = ["cycl"]

    assert [(found.at, found.line, found.expected) for found in rejected_json(json.dumps(document))] == [
        ("activities[1].routes[1].to", None, "susun"),
        ("inferred[0]", None, "cycle"),
    ]


# What is not accepted of YAML


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ("judul: SOP Uji", "judul: &a SOP Uji", (2, 8, "judul")),
        ("judul: SOP Uji", "judul: !!str SOP Uji", (2, 8, "judul")),
        ("judul: SOP Uji", "judul: *a", (2, 8, "judul")),
        ("judul: SOP Uji", "judul: ! SOP Uji", (2, 8, "judul")),
        ("judul: SOP Uji", "judul: SOP Uji\njudul: SOP Lain", (3, 1, "judul")),
        ("judul: SOP Uji", "judul: SOP Uji\n<<: {a: b}", (3, 1, "<<")),
        ("judul: SOP Uji", "judul: SOP Uji\n1: b", (3, 1, "1")),
        ("judul: SOP Uji", "judul: SOP Uji\ntrue: b", (3, 1, "true")),
        ("judul: SOP Uji", "judul: SOP Uji\n? [a]\n: b", (3, 3, "?")),
        ("judul: SOP Uji", "judul: SOP Uji\nnull: b", (3, 1, "null")),
        ("nomor: 2", "nomor: 2\n    nomor: 3", (22, 5, "kegiatan[1].nomor")),
        ("[staf]", "[*staf]", (13, 17, "kegiatan[0].pelaksana[0]")),
        ("judul: SOP Uji", 'judul: "SOP \\0 Uji"', (2, 8, "judul")),
        ("nomor: 1", f"nomor: 1{'0' * 5_000}", (10, 12, "kegiatan[0].nomor")),
    ],
)
def test_refuses_what_an_official_would_not_mean(right: str, wrong: str, place: tuple[int, int, str]) -> None:
    assert places(rejected(SOP.replace(right, wrong))) == [place]


def test_a_repeated_key_names_the_line_of_the_first() -> None:
    found = the_only(rejected(SOP + "judul: Lagi\n"))

    assert "baris 2" in found.message_id
    assert "line 2" in found.message_en


def test_what_yaml_refuses_and_what_the_shape_refuses_are_reported_together() -> None:
    found = rejected(SOP.replace("judul: SOP Uji", "judul: &a 12").replace("nomor: 2", "nomor: dua"))

    assert places(found) == [(2, 8, "judul"), (2, 8, "judul"), (21, 12, "kegiatan[1].nomor")]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("", None, None, "kosong"),
        ("# hanya komentar\n", None, None, "kosong"),
        ("---\n", None, None, "kosong"),
        (b"judul: \xff", 1, 8, "UTF-8"),
        (SOP.encode("utf-16"), 1, 1, "UTF-8"),
        ("judul: \ud800", 1, 8, "UTF-8"),
        ("a: 1\nb: \x07", 2, 4, "U+0007"),
        (SOP + "---\n" + SOP, 28, 1, "satu SOP"),
        (SOP + "...\n%TAG ! a\n", 28, 4, "satu SOP"),
        ("# x\n%YAML 1.2\n---\n" + SOP, 2, 1, "%"),
        (SOP.replace("Menyusun konsep", "Catatan: susun"), 11, 20, "Titik dua"),
        (SOP.replace("Menyusun konsep", '"Menyusun'), 11, 13, "Tanda kutip"),
        (SOP.replace("[staf]", "[staf"), 14, 14, "kurung"),
        (SOP.replace("    nomor: 2", "   nomor: 2"), 21, 4, "Indentasi"),
        (SOP.replace("    nomor: 2", "\tnomor: 2"), 21, 1, "tab"),
        (SOP.replace("Menyusun konsep", "@nama"), 11, 13, "tanda kutip"),
        (SOP.replace("uraian: Menyusun konsep", "uraian Menyusun konsep"), 12, 5, "titik dua"),
    ],
)
def test_a_text_that_cannot_be_read_says_where_and_why(
    text: str | bytes, line: int | None, column: int | None, says: str
) -> None:
    found = the_only(rejected(text))

    assert (found.line, found.column) == (line, column)
    assert says in found.message_id
    assert found.message_en != found.message_id


def test_the_rejection_names_its_source() -> None:
    with pytest.raises(DefinitionRejected) as caught:
        read_yaml("a: 1", "definitions/uji.yaml")

    assert caught.value.__notes__ == ["in definitions/uji.yaml"]


# What is not accepted of JSON


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ('{"key": "a", "key": "b"}', "key", "sudah ada"),
        ('{"roles": [{"id": NaN}]}', "roles[0].id", "NaN"),
        ('{"title": "\\u0000"}', "title", "U+0000"),
        ('{"title": "\\ud800"}', "title", "U+D800"),
        ('{"judul": "x"}', "judul", 'Maksud Anda "title"?'),
        ('{"activities": [{"mutu_baku": {}}]}', "activities[0].mutu_baku", "tidak dikenal"),
        (f'{{"activities": [{{"number": {"9" * 5_000}}}]}}', "activities[0].number", "terlalu besar"),
    ],
)
def test_refuses_in_json_what_another_reader_would_take_otherwise(text: str, at: str, says: str) -> None:
    assert [found for found in rejected_json(text) if found.at == at and says in found.message_id]


def test_broken_json_says_where() -> None:
    found = the_only(rejected_json('{"key": "a",\n "title": }'))

    assert (found.line, found.column) == (2, 11)


def test_json_that_is_no_object_is_refused() -> None:
    assert the_only(rejected_json("[]")).expected == "kunci: nilai"


# What is hostile


def filled(piece: str, before: str = "", after: str = "") -> str:
    room = LARGEST_YAML - len((before + after).encode())
    return before + piece * (room // len(piece.encode())) + after


HEAD = SOP.partition("kegiatan:")[0]
ROW = (
    "{{id: {id}, nomor: {number}, uraian: x, jenis: decision, pelaksana: [staf], "
    "alur: [{{hasil: a, jenis: forward, ke: {to}}}]{more}}}"
)


def rows(count: int, to: str = "b{0}", more: str = "") -> str:
    listed = (ROW.format(id=f"a{at}", number=at + 1, to=to.format(at), more=more) for at in range(count))
    return f"{HEAD}kegiatan: [{', '.join(listed)}]"


HOSTILE = {
    **{
        f"many {piece!r}": filled(piece)
        for piece in ("[", "{", "- ", "? ", "{?", "[a: ", "&a ", "*a ", "!a ", "%", ":")
    },
    **{
        f"lines {piece!r}": filled(piece)
        for piece in ("\r\n", "# \n", "...\n", "---\n", "? a\n", "- |\n", '- "\n', "a\n")
    },
    "empty lists": filled("[],", "[", "]"),
    "empty groups": filled("{},", "[", "]"),
    "empty rows": filled("{},", f"{HEAD}kegiatan: [", "]"),
    "keys": "".join(f"{at:x}:\n" for at in range(38_000)),
    "near keys": "".join(f"kegiatam{at}: 1\n" for at in range(11_000)),
    "one key": filled("a:\n"),
    "keys in a group": "{" + ",".join(f"a{at}: 1" for at in range(14_000)) + "}",
    "long word": filled("x", "judul: "),
    "long quoted word": filled("\\x41", 'judul: "', '"'),
    "long block": filled(" x\n", "judul: |\n"),
    "long key": filled("x", "? ", "\n: 1"),
    "long number": filled("9", "judul: "),
    "anchors": "".join(f"- &a{at} x\n" for at in range(14_900)),
    "aliases": filled("- *a\n"),
    "directives": "".join(f"%TAG !a{at}! b\n" for at in range(16_000)),
    "late directives": "a\n...\n...\n" + "".join(f"%TAG !a{at}! b\n" for at in range(16_000)),
    "two mistakes a value": f"{HEAD}kegiatan: [" + ",".join(["{sub_langkah: [" + "{}," * 34 + "]}"] * 400) + "]",
    "wrong words": f"{HEAD}identitas: {{bacaan: {{" + ",".join(f"a{at}: 1" for at in range(14_500)) + "}}",
    "routes to nowhere": rows(400, to="abababababababababababababababab{0}"),
    "pointers to nowhere": rows(400, to="null", more=f", disimpulkan: [{', '.join(['routes.ababab'] * 15)}]"),
}


# Processor time: what other processes do meanwhile is not the reader's fault.
@pytest.mark.parametrize("shape", HOSTILE)
def test_a_hostile_text_is_answered_within_a_fifth_of_a_second(shape: str) -> None:
    text = HOSTILE[shape]
    assert len(text.encode()) <= LARGEST_YAML

    def seconds() -> float:
        started = process_time()
        assert rejected(text)
        return process_time() - started

    assert min(seconds() for _ in range(3)) < 0.2


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of a process")
def test_the_most_expensive_text_needs_less_than_100_megabytes() -> None:
    # VmHWM and not ru_maxrss: the latter still counts what the process was before it became this program
    program = dedent("""
        import re, sys
        from engine.errors import DefinitionRejected
        from engine.reader import read_yaml
        try:
            read_yaml(sys.stdin.buffer.read(), "hostile")
        except DefinitionRejected:
            print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024)
        """)
    text = HOSTILE["two mistakes a value"].encode()
    answer = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, check=True)  # noqa: S603

    assert int(answer.stdout) < 100


@pytest.mark.parametrize(
    "text", ["[" * 250_000, '{"a":' * 50_000, "[" + "[]," * 80_000 + "0]", "[" + "1," * 120_000 + "0]"]
)
def test_hostile_json_is_refused_with_one_mistake(text: str) -> None:
    assert len(rejected_json(text)) == 1


def test_a_text_that_is_too_large_is_not_looked_at() -> None:
    assert "bita" in the_only(rejected("[" * (LARGEST_YAML + 1))).message_id
    assert "bita" in the_only(rejected_json("[" * (LARGEST_JSON + 1))).message_id


def test_of_many_mistakes_the_first_are_listed_and_the_others_counted() -> None:
    found = rejected(HOSTILE["near keys"])

    assert len(found) == MOST_MISTAKES + 1
    assert [one.line for one in found[:-1]] == sorted(one.line or 0 for one in found[:-1])
    assert "10906" in found[-1].message_id
    assert "10906" in found[-1].message_en


def test_a_large_sop_that_is_right_is_read() -> None:
    chain = rows(400, to="{0}")
    for at in reversed(range(400)):
        chain = chain.replace(f"ke: {at}}}", f"ke: a{at + 1}}}" if at < 399 else "ke: null}")

    definition = read_yaml(chain, "besar.yaml")

    assert len(definition.activities) == 400
    assert read_json(definition.model_dump_json(), "besar.json") == definition


def test_nesting_within_the_limit_is_a_mistake_of_shape_and_beyond_it_of_depth() -> None:
    assert "pasangan" in the_only(rejected("[" * 20 + "]" * 20)).message_id
    assert "terlalu dalam" in the_only(rejected("[" * 21 + "]" * 21)).message_id
    assert "terlalu dalam" in the_only(rejected_json("[" * 21 + "]" * 21)).message_id


def test_a_definition_is_what_comes_back() -> None:
    assert isinstance(read_yaml(SOP, "uji.yaml"), ProcessDefinition)
