"""The trail: canonical bytes, commitments, and a chain that shows every change."""

import hashlib
import json
import math
import struct
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.trail import (
    GENESIS,
    SALT_BYTES,
    Chapter,
    canonical_json,
    check_chain,
    check_personal,
    commitment,
    digest,
    seal,
)
from tests.factories import Run

SALT = bytes(range(SALT_BYTES))
CHAPTER = Chapter(instance_id=UUID(int=42), definition="lakip", version=3)

# RFC 8785, appendix B: the bits of an IEEE 754 double and how it is written
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}

WORDS = st.text(max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS
PLAIN = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)


class TestCanonicalJson:
    @pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
    def test_writes_numbers_as_the_rfc_does(self, bits, text):
        (number,) = struct.unpack(">d", bytes.fromhex(bits))
        assert canonical_json(number) == text

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_a_number_read_again_is_the_same_number(self, number):
        assert float(canonical_json(number)) == number

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_a_number_has_the_shape_ecmascript_gives_it(self, number):
        text = canonical_json(number)
        assert ("e" in text) == (number != 0 and not 1e-6 <= abs(number) < 1e21)
        assert not text.endswith(".0")
        assert "e-0" not in text
        assert "e+0" not in text

    @pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
    def test_refuses_what_is_not_a_number(self, bits):
        (number,) = struct.unpack(">d", bytes.fromhex(bits))
        assert not math.isfinite(number)
        with pytest.raises(ValueError, match="not a JSON number"):
            canonical_json({"a": [number]})

    @pytest.mark.parametrize("whole", [2**53, -(2**53), 0, 1])
    def test_whole_numbers_are_written_plainly(self, whole):
        assert canonical_json(whole) == str(whole)

    @pytest.mark.parametrize("whole", [2**53 + 1, -(2**53) - 1, 10**30])
    def test_refuses_whole_numbers_that_a_double_cannot_hold(self, whole):
        with pytest.raises(ValueError, match="beyond"):
            canonical_json({"a": whole})

    @pytest.mark.parametrize(
        "value", ["\ud800", {"\udfff": 1}, ["a", {"b": "\ude00\ud83d"}], {"é": "\ud800"}, [0.5, "\ud800"]]
    )
    def test_refuses_a_lone_surrogate(self, value):
        with pytest.raises(ValueError, match="lone surrogate"):
            canonical_json(value)

    @pytest.mark.parametrize("value", [UUID(int=1), b"a", {1, 2}, {1: "a"}, [object()], {"é": {None: 1}}])
    def test_refuses_what_json_cannot_say(self, value):
        with pytest.raises(ValueError, match=r"is not JSON|is a string"):
            canonical_json(value)

    def test_sorts_names_by_their_utf16_units(self):
        """RFC 8785, 3.2.3: the emoji, a pair of surrogates, stands before the Hebrew letter."""
        names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
        written = canonical_json(dict.fromkeys(names, 0))
        assert list(json.loads(written)) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]

    def test_writes_the_example_of_the_rfc(self):
        value = {
            "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
            "literals": [None, True, False],
        }
        assert canonical_json(value) == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        )

    @given(PLAIN)
    def test_the_fast_way_and_the_slow_way_write_the_same(self, value):
        # a fraction anywhere sends the whole value the slow way
        assert canonical_json([value, 0.5]) == f"[{canonical_json(value)},0.5]"

    @given(PLAIN)
    def test_is_json_that_says_the_same_and_is_its_own_canonical_form(self, value):
        text = canonical_json(value)
        assert json.loads(text) == value
        assert canonical_json(json.loads(text)) == text

    @given(st.dictionaries(WORDS, SCALARS, min_size=2, max_size=5), st.randoms())
    def test_the_order_in_which_names_were_given_leaves_no_trace(self, value, random):
        names = list(value)
        random.shuffle(names)
        assert canonical_json({name: value[name] for name in names}) == canonical_json(value)


class TestCommitments:
    def test_is_the_sha256_of_salt_and_words(self):
        words = '{"reason":"Pak Budi sakit"}'
        assert commitment(SALT, words) == hashlib.sha256(SALT + words.encode()).hexdigest()

    def test_hides_equal_words_behind_different_salts(self):
        assert commitment(SALT, "sama") != commitment(SALT[::-1], "sama")

    @given(st.text(max_size=20), st.text(max_size=20))
    def test_binds_to_the_words(self, words, others):
        facts = {"personal": commitment(SALT, words)}
        assert check_personal(facts, SALT, words)
        assert check_personal(facts, SALT, others) == (words == others)

    def test_a_record_without_personal_words_vouches_for_none(self):
        assert not check_personal({}, SALT, "")

    @given(st.integers(0, 10))
    def test_no_words_can_be_moved_into_the_salt_or_out_of_it(self, moved):
        words = "abcdefghijklmnop"
        facts = {"personal": commitment(SALT, words)}
        assert check_personal(facts, SALT + words[:moved].encode(), words[moved:]) == (moved == 0)

    @pytest.mark.parametrize("length", [0, 16, SALT_BYTES - 1, SALT_BYTES + 1])
    def test_refuses_a_salt_of_another_length(self, length):
        with pytest.raises(ValueError, match="32 bytes"):
            commitment(bytes(length), "kata")


def sealed_run(run: Run | None = None, client: UUID | None = None, length: int = 0, head: str = GENESIS):
    run = run or a_run_with_a_return()
    salted = [(event, bytes([index]) * SALT_BYTES) for index, event in enumerate(run.events)]
    return seal(salted, CHAPTER, client, length=length, head=head)


def a_run_with_a_return() -> Run:
    run = Run().until("periksa_draf")
    run.complete("returned", reason="Pak Budi lupa tabel 3")
    return run.to_the_end()


def pairs(sealed) -> list[tuple[str, str]]:
    return [(one.canonical, one.hash) for one in sealed]


class TestSealing:
    def test_each_record_holds_the_hash_of_the_one_before_it(self):
        sealed = sealed_run()
        assert [one.seq for one in sealed] == list(range(1, len(sealed) + 1))
        assert [one.prev_hash for one in sealed] == [GENESIS, *(one.hash for one in sealed[:-1])]
        for one in sealed:
            facts = json.loads(one.canonical)
            assert (facts["prev_hash"], facts["seq"]) == (one.prev_hash, one.seq)
            assert one.hash == hashlib.sha256(one.canonical.encode()).hexdigest()

    def test_each_record_says_which_instance_of_which_version_it_tells_of(self):
        for one in sealed_run(client=UUID(int=9)):
            facts = json.loads(one.canonical)
            assert (facts["instance_id"], facts["definition"], facts["version"]) == (str(UUID(int=42)), "lakip", 3)

    def test_each_deed_names_the_client_it_came_through_and_what_the_engine_did_names_none(self):
        for one in sealed_run(client=UUID(int=9)):
            deed = one.event.type not in ("step.opened", "instance.completed")
            assert json.loads(one.canonical).get("client") == (str(UUID(int=9)) if deed else None)

    def test_no_client_is_named_where_there_was_none(self):
        assert all("client" not in json.loads(one.canonical) for one in sealed_run())

    def test_a_trail_sealed_bit_by_bit_is_the_trail_sealed_at_once(self):
        run = a_run_with_a_return()
        salted = [(event, SALT) for event in run.events]
        at_once = seal(salted, CHAPTER, None, length=0, head=GENESIS)
        first = seal(salted[:7], CHAPTER, None, length=0, head=GENESIS)
        rest = seal(salted[7:], CHAPTER, None, length=7, head=first[-1].hash)
        assert first + rest == at_once

    def test_personal_words_stand_beside_the_record_and_are_only_committed_to(self):
        sealed = sealed_run()
        (returned,) = [one for one in sealed if one.event.type == "step.returned"]
        assert "Budi" not in returned.canonical
        assert json.loads(returned.personal) == {"actor_name": "kepala_bidang", "reason": "Pak Budi lupa tabel 3"}
        assert check_personal(json.loads(returned.canonical), returned.salt, returned.personal)
        assert not check_personal(json.loads(returned.canonical), returned.salt, returned.personal.replace("B", "R"))

    def test_without_personal_words_there_is_no_commitment_and_no_salt(self):
        (opened, *_) = [one for one in sealed_run() if one.event.type == "step.opened"]
        assert (opened.personal, opened.salt) == (None, None)
        assert "personal" not in json.loads(opened.canonical)

    def test_erasing_the_words_leaves_the_chain_whole(self):
        sealed = sealed_run()
        assert check_chain(pairs(sealed)) == ([], len(sealed), sealed[-1].hash)


class TestCheckingTheChain:
    def test_an_honest_chain_has_no_fault(self):
        sealed = sealed_run()
        assert check_chain(pairs(sealed)) == ([], len(sealed), sealed[-1].hash)

    def test_an_empty_chain_has_no_fault_and_ends_where_every_chain_begins(self):
        assert check_chain([]) == ([], 0, GENESIS)

    def test_names_the_record_that_was_changed(self):
        chain = pairs(sealed_run())
        text, stored = chain[4]
        chain[4] = (text.replace("2026-03-02", "2026-03-01"), stored)
        faults, _, _ = check_chain(chain)
        assert [(fault.seq, fault.what) for fault in faults] == [(5, "was changed after it was written")]

    def test_names_the_record_that_follows_a_rehashed_one(self):
        chain = pairs(sealed_run())
        changed = chain[4][0].replace("2026-03-02", "2026-03-01")
        chain[4] = (changed, digest(changed))
        faults, _, _ = check_chain(chain)
        assert [(fault.seq, fault.what) for fault in faults] == [(6, "does not follow on the record before it")]

    def test_names_the_place_of_a_gap(self):
        chain = pairs(sealed_run())
        del chain[2]
        faults, _, _ = check_chain(chain)
        assert (faults[0].seq, faults[0].what) == (3, "holds seq 4 at place 3")

    def test_a_chain_without_its_beginning_is_no_chain(self):
        faults, _, _ = check_chain(pairs(sealed_run())[1:])
        assert {fault.seq for fault in faults if "does not follow" in fault.what} == {1}

    def test_a_chain_without_its_end_has_another_length_and_head(self):
        sealed = sealed_run()
        faults, length, head = check_chain(pairs(sealed)[:-1])
        assert faults == []
        assert (length, head) != (len(sealed), sealed[-1].hash)

    @pytest.mark.parametrize("respaced", [True, False])
    def test_a_record_written_in_another_way_is_a_fault_even_with_its_own_hash(self, respaced):
        text = sealed_run()[0].canonical
        facts = json.loads(text)
        changed = json.dumps(facts, sort_keys=True) if respaced else text.replace("}", ',"seq":1}', 1)
        assert json.loads(changed)["seq"] == 1
        faults, _, _ = check_chain([(changed, digest(changed))])
        assert "is not canonical JSON" in {fault.what for fault in faults}

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "null",
            '"teks"',
            '{"seq":1,"a":NaN}',
            '{"seq":1,"a":Infinity}',
            '{"seq":1,"a":123456789012345678901234567890}',
            '{"seq":1,"a":"\\ud800"}',
            '{"seq":1,"a":"\ud800"}',
            "[" * 100_000,
        ],
        ids=lambda text: text[:30].encode("ascii", "backslashreplace").decode(),
    )
    def test_a_record_that_is_no_canonical_json_is_a_fault_and_not_an_accident(self, text):
        faults, length, _ = check_chain([(text, "0" * 64)])
        assert length == 1
        assert {fault.seq for fault in faults} == {1}
        assert "is not canonical JSON" in {fault.what for fault in faults}

    def test_a_fault_does_not_hide_the_faults_after_it(self):
        chain = pairs(sealed_run())
        chain[1] = ("{", chain[1][1])
        chain[6] = (chain[6][0], "f" * 64)
        assert {fault.seq for fault in check_chain(chain)[0]} == {2, 7, 8}

    @settings(max_examples=50)
    @given(st.data())
    def test_no_byte_can_be_changed_unseen(self, data):
        sealed = SEALED
        chain = pairs(sealed)
        place = data.draw(st.integers(0, len(chain) - 1))
        text, stored = chain[place]
        at = data.draw(st.integers(0, len(text) - 1))
        other = data.draw(st.characters(codec="utf-8").filter(lambda one: one != text[at]))
        chain[place] = (text[:at] + other + text[at + 1 :], stored)
        assert place + 1 in {fault.seq for fault in check_chain(chain)[0]}


SEALED = sealed_run()
