"""What the engine refuses is said in sentences."""

import re

import pytest

from engine import errors
from engine.errors import Refused
from engine.state import Output, TaskStatus

EVERY = [kind for kind in Refused.__subclasses__() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", EVERY)
def test_every_refusal_stands_in_the_list_at_the_top(kind):
    assert re.search(rf"── {kind.__name__} ", errors.__doc__)


def test_the_list_names_nothing_that_does_not_exist():
    assert set(re.findall(r"── (\w+)", errors.__doc__)) == {kind.__name__ for kind in EVERY}


@pytest.mark.parametrize("kind", EVERY)
def test_every_refusal_is_a_sentence(kind):
    named = re.findall(r"{(\w+)}", kind.__doc__)
    said = str(kind(**dict.fromkeys(named, "camat")))
    assert "camat" in said or not named
    assert said.endswith(".")
    assert "{" not in said


def test_what_was_typed_is_quoted_and_never_interpreted():
    said = str(errors.OutcomeUnknown(outcome="{roles.__class__}", offered="completed"))
    assert '"{roles.__class__}"' in said


def test_a_status_is_said_as_it_is_written():
    assert str(errors.TaskClosed(status=TaskStatus.WITHDRAWN)).startswith("The task is withdrawn;")


@pytest.mark.parametrize("words", ["", " ", "\n", "a\x00b", "\x00", "a" * 501, "\ud800"])
def test_words_that_are_blank_or_that_no_database_stores_are_refused(words):
    with pytest.raises(ValueError, match="name"):
        Output(name=words)


@pytest.mark.parametrize("words", ["a", "Draf\nLAKIP", " é ", "a" * 500])
def test_other_words_are_taken_as_they_are(words):
    assert Output(name=words).name == words


@pytest.mark.parametrize(
    "url",
    [
        "http://contoh.go.id",
        "https://",
        "https://a b",
        "https://a\x00",
        "https://a\n",
        "javascript:alert(1)",
        " https://a",
    ],
)
def test_a_link_is_https_and_has_no_blanks(url):
    with pytest.raises(ValueError, match="url"):
        Output(name="Draf", url=url)


@pytest.mark.parametrize("sha256", ["a" * 63, "a" * 65, "A" * 64, "g" * 64])
def test_a_fingerprint_is_64_lower_case_hex_digits(sha256):
    with pytest.raises(ValueError, match="sha256"):
        Output(name="Draf", sha256=sha256)
