"""Read an SOP from text: a ProcessDefinition, or every mistake and the place where it stands.

Takes text and a source name, never a path. YAML is read strictly: UTF-8, one document, no anchors, aliases, tags,
directives, merge keys or repeated keys, and nothing of YAML 1.1's surprises. Plain words are true, false, null,
a whole number, or text: `22:30`, `010`, `on` and `2023-08-31` stay what they are.
A text of any content is answered in bounded time: size, depth, number of values and of mistakes are limited.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

import yaml
from annotated_types import MaxLen
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from engine import checks, proof
from engine.definition import ProcessDefinition
from engine.errors import DefinitionRejected, Mistake
from engine.mistakes import (
    Location,
    Path,
    Wording,
    closest,
    from_validation,
    model_inside,
    rendered,
    shortened,
    too_many,
    unknown_key,
)

LARGEST_YAML = 256 * 1024
"""Bytes."""

LARGEST_JSON = 512 * 1024
"""Bytes; larger than YAML, since JSON as it is answered names every empty field too."""

DEEPEST = 20
"""Groups and lists inside each other. An SOP needs seven."""

MOST_VALUES = 15_000
"""Values in one text. The largest SOP that fits in the bytes needs some 9,000, in JSON some 12,000."""

MOST_MISTAKES = 100
"""Mistakes that are listed; of the others only the number is given."""

MOST_ABSENT = 1_000
"""Missing fields after which further items are not looked at: ten thousand empty items would make sixty thousand."""


def read_yaml(text: str | bytes, source: str) -> ProcessDefinition:
    """Read an SOP from its YAML form, with Indonesian keys; raises DefinitionRejected with every mistake."""
    found = _Found(source)
    root = _Composer(_decoded(text, LARGEST_YAML, found), found).compose()
    return _define(root, INDONESIAN, found)


def read_json(text: str | bytes, source: str) -> ProcessDefinition:
    """Read an SOP from its JSON form, with the field names of the model; raises DefinitionRejected with every mistake.

    What an answer of the API adds on top (`version`, `published_at`) is ignored, so that an answer can be sent back.
    """
    found = _Found(source)
    root = _Loader(found).load(_decoded(text, LARGEST_JSON, found))
    if isinstance(root.value, dict):
        root.value = {key: node for key, node in root.value.items() if key not in ADDED_BY_THE_API}
    return _define(root, ENGLISH, found)


ADDED_BY_THE_API = frozenset({"version", "published_at"})

Mark = tuple[int, int] | None
"""Line and column from 1; null where the text has none."""


@dataclass(slots=True, eq=False)
class Node:
    """A value of the text, and where it and its key stand."""

    value: str | int | float | bool | list[Node] | dict[str, Node] | None
    mark: Mark = None
    key_mark: Mark = None
    spoilt: bool = False
    """A mistake about this value is noted already."""
    merging: bool = False
    """The plain word `<<`, which YAML 1.1 takes for a merge when it is a key."""
    fields: dict[str, Node] | None = None
    """What stands under each field of the model, once the keys are translated."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words a document uses for the fields of a model, and what an empty value means in it."""

    word: Callable[[str, FieldInfo], str]
    """The word for a field; a dot in it is a group."""
    empty_is_absent: bool


INDONESIAN = Vocabulary(word=lambda name, field: str(field.validation_alias or name), empty_is_absent=True)
ENGLISH = Vocabulary(word=lambda name, field: name, empty_is_absent=False)


def _define(root: Node, vocabulary: Vocabulary, found: _Found) -> ProcessDefinition:
    """Translate the keys, validate the shape once, check the rules, prove it; everything wrong is raised together."""
    translation = _Translation(vocabulary, found)
    data = translation.of(root, ProcessDefinition, ())
    definition = _validated(data, root, vocabulary, found)
    if definition is not None and translation.is_whole:
        for finding in checks.findings(definition) or proof.findings(definition):
            location = _place(root, finding.path, vocabulary)[1]
            wording = Wording(finding.message_id, finding.message_en, finding.expected)
            found.put(wording, location)
    found.raise_any()
    assert definition is not None, "a text without mistakes is a definition"  # noqa: S101 - for mypy
    return definition


# From bytes to a tree


def _decoded(text: str | bytes, largest: int, found: _Found) -> str:
    """The text, if it is small enough and UTF-8."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > largest:
        found.stop(
            Wording(
                f"Naskah ini berukuran {len(raw)} bita; paling besar {largest} bita. Ringkas atau bagi SOP ini.",
                f"This text has {len(raw)} bytes; at most {largest} are accepted.",
                f"<= {largest}",
            )
        )
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as broken:
        found.stop(
            Wording(
                "Naskah ini bukan UTF-8. Simpan ulang berkas dengan pengodean UTF-8.",
                "This text is not UTF-8. Save the file again in UTF-8.",
                "UTF-8",
            ),
            _mark_at(raw[: broken.start].decode("utf-8", "replace")),
        )


def _mark_at(before: str) -> Mark:
    """Line and column of what follows a text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


class _Composer:
    """Builds the tree from the parser's events on a stack of its own: depth is a number here, never a recursion.

    libyaml alone takes minutes over 256 KB of opening brackets; told to stop at the depth limit it takes none.
    """

    def __init__(self, text: str, found: _Found) -> None:
        self.text = text
        self.found = found
        self.root: Node | None = None
        self.open: list[Node] = []
        self.keys: list[Node | None] = []
        """For each open group, the key that waits for its value."""
        self.steps: list[str | int] = []
        """For each open value, the step that leads into it from the one around it; none for the root."""
        self.values = 0

    def compose(self) -> Node:
        """The one document of the text."""
        self._refuse_what_the_parser_chokes_on()
        try:
            for event in yaml.parse(self.text, Loader=yaml.CLoader):
                self._take(event)
        except yaml.YAMLError as broken:
            self.found.stop(_broken(broken), _mark(_where_broken(broken)))
        if self.root is None or self.root.value is None:
            self.found.stop(_EMPTY)
        return self.root

    def _refuse_what_the_parser_chokes_on(self) -> None:
        if strange := UNPRINTABLE.search(self.text):
            self.found.stop(_unprintable(strange[0]), _mark_at(self.text[: strange.start()]))
        if (content := FIRST_CONTENT.search(self.text)) and content[1] == "%":
            self.found.stop(_DIRECTIVE, _mark_at(self.text[: content.start(1)]))

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._put(self._scalar(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()
            self.keys.pop()
            del self.steps[max(len(self.open) - 1, 0) :]
        elif isinstance(event, yaml.AliasEvent):
            self._note(_ALIAS, _mark(event.start_mark))
            self._put(Node(None, _mark(event.start_mark), spoilt=True))
        elif isinstance(event, yaml.DocumentStartEvent):
            if self.root is not None:
                self.found.stop(_SECOND_DOCUMENT, _mark(event.start_mark))
        elif isinstance(event, yaml.DocumentEndEvent):
            self._refuse_a_second_document(event)

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        node = Node(event.value, _mark(event.start_mark))
        self._refuse_properties(event)
        if event.implicit[0]:
            node.value = _resolved(event.value)
            node.merging = event.value == "<<"
            if node.value is _TOO_LARGE:
                self._note(_TOO_LARGE, node.mark)
                node.value, node.spoilt = None, True
        elif strange := UNPRINTABLE.search(event.value):
            self._note(_unprintable(strange[0]), node.mark)
            node.value = UNPRINTABLE.sub("?", event.value)
        return node

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        if len(self.open) == DEEPEST:
            self.found.stop(_TOO_DEEP, _mark(event.start_mark))
        self._refuse_properties(event)
        node = Node({} if isinstance(event, yaml.MappingStartEvent) else [], _mark(event.start_mark))
        step = self._step()
        self._put(node)
        self.steps.extend(step)
        self.open.append(node)
        self.keys.append(None)

    def _put(self, node: Node) -> None:
        """Lay a value where it belongs: the root, the next item, a key, or the value of the key that waits."""
        if self.open and isinstance(self.open[-1].value, dict) and self.keys[-1] is None:
            self.keys[-1] = node
            return
        self.values += 1
        if self.values > MOST_VALUES:
            self.found.stop(_TOO_MANY_VALUES, node.mark)
        if not self.open:
            self.root = node
        elif isinstance(items := self.open[-1].value, list):
            items.append(node)
        elif key := self.keys[-1]:
            self._enter(key, node)
            self.keys[-1] = None

    def _enter(self, key: Node, node: Node) -> None:
        entries = self.open[-1].value
        assert isinstance(entries, dict)  # noqa: S101 - only a group has keys
        if key.merging:
            self._note(_MERGE, key.mark)
        elif not isinstance(key.value, str):
            if not key.spoilt:
                self._note(_key_not_text(key.value), key.mark)
        elif key.value in entries:
            self._note(_repeated_key(key.value, entries[key.value].key_mark), key.mark)
        else:
            node.key_mark = key.mark
            entries[key.value] = node

    def _refuse_properties(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            self._note(_ANCHOR, _mark(event.start_mark))
        if event.tag is not None:
            self._note(_TAG, _mark(event.start_mark))

    def _refuse_a_second_document(self, event: yaml.DocumentEndEvent) -> None:
        """Before the parser sees it: its directives alone could take half a second."""
        rest = self.text[event.end_mark.index if event.end_mark else 0 :]
        content = FIRST_CONTENT.search(rest.removeprefix("..."))
        if content and content[1] in ("%", "---"):
            self.found.stop(_SECOND_DOCUMENT, _mark(event.end_mark))

    def _note(self, wording: Wording, mark: Mark) -> None:
        self.found.add(wording, self._at, mark)

    def _at(self) -> Path:
        """Where the composing stands, in the words of the document."""
        return (*self.steps, *self._step())

    def _step(self) -> Path:
        """The step to what comes next: the next item, or the value of the key that waits."""
        if not self.open:
            return ()
        if isinstance(items := self.open[-1].value, list):
            return (len(items),)
        key = self.keys[-1]
        if key is None or isinstance(key.value, (dict, list)):
            return ("?",)
        return (key.value if isinstance(key.value, str) else shortened("null" if key.value is None else key.value),)


def _mark(mark: Any) -> Mark:
    return (mark.line + 1, mark.column + 1) if mark else None


def _resolved(plain: str) -> Any:
    """What a word without quotes means."""
    if plain in PLAIN_WORDS:
        return PLAIN_WORDS[plain]
    if WHOLE_NUMBER.fullmatch(plain):
        return int(plain) if len(plain) <= LONGEST_NUMBER else _TOO_LARGE
    return plain


PLAIN_WORDS = {"true": True, "false": False, "null": None, "": None}
WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]*")
LONGEST_NUMBER = 300
"""Digits; far more than any field takes, few enough to be converted at once."""

UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML calls unprintable. NUL and half a surrogate pair could not even be stored."""

FIRST_CONTENT = re.compile(r"(?:\A|[\r\n\x85\u2028\u2029])[ \t]*(?!\.\.\.)(---|[^\s#])")
"""How the first line begins that is neither blank nor a comment nor the end of a document."""


class _Loader:
    """Builds the same tree from JSON. Python's reader stops by itself at a depth far below its own danger."""

    def __init__(self, found: _Found) -> None:
        self.found = found
        self.values = 0

    def load(self, text: str) -> Node:
        """The one value of the text."""
        try:
            value = json.loads(text, object_pairs_hook=_Pairs, parse_int=_whole, parse_constant=lambda _: _NOT_JSON)
        except RecursionError:
            self.found.stop(_TOO_DEEP)
        except json.JSONDecodeError as broken:
            self.found.stop(_broken_json(broken), (broken.lineno, broken.colno))
        return self._node(value, ())

    def _node(self, value: Any, at: Path) -> Node:
        self.values += 1
        if self.values > MOST_VALUES:
            self.found.stop(_TOO_MANY_VALUES)
        if isinstance(value, (_Pairs, list)) and len(at) >= DEEPEST:
            self.found.stop(_TOO_DEEP)
        if isinstance(value, _Pairs):
            return Node(self._entries(value, at))
        if isinstance(value, list):
            return Node([self._node(item, (*at, place)) for place, item in enumerate(value)])
        if isinstance(value, Wording):
            self.found.add(value, at)
            return Node(None, spoilt=True)
        if isinstance(value, str) and (strange := UNPRINTABLE.search(value)):
            self.found.add(_unprintable(strange[0]), at)
            return Node(UNPRINTABLE.sub("?", value))
        return Node(value)

    def _entries(self, pairs: _Pairs, at: Path) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for key, value in pairs.pairs:
            place = (*at, UNPRINTABLE.sub("?", key))
            if key in entries:
                self.found.add(_repeated_key(key, None), place)
            else:
                entries[key] = self._node(value, place)
        return entries


@dataclass(frozen=True, slots=True)
class _Pairs:
    """A JSON object with every pair it has, also the repeated ones."""

    pairs: list[tuple[str, Any]]


def _whole(digits: str) -> Any:
    return int(digits) if len(digits) <= LONGEST_NUMBER else _TOO_LARGE


# From the words of the document to the fields of the model


class _Translation:
    """Turns the tree into plain data under the model's field names, and remembers which node became which field.

    A key that is nearly right is reported and then taken as what was meant, so that it is not missed as well.
    """

    def __init__(self, vocabulary: Vocabulary, found: _Found) -> None:
        self.vocabulary = vocabulary
        self.found = found
        self.absent = 0
        """Required fields that are known to be missing."""
        self.is_whole = True
        """Whether nothing was cut off: what leads into a part that was cut off must not be called wrong."""

    def of(self, node: Node, model: type[BaseModel] | None, at: Path) -> Any:
        """The plain data of a value, which stands at `at` in the words of the document."""
        value = node.value
        if isinstance(value, list):
            return [
                self.of(item, model, (*at, place))
                for place, item in enumerate(value)
                if place == 0 or self.absent < MOST_ABSENT
            ]
        if not isinstance(value, dict):
            return value
        if model is None:
            return {key: self.of(child, None, (*at, key)) for key, child in value.items()}
        return self._fields(node, value, model, at)

    def _fields(self, node: Node, entries: dict[str, Node], model: type[BaseModel], at: Path) -> dict[str, Any]:
        dictionary = _dictionary(self.vocabulary, model)
        node.fields = {}
        self._gather(node.fields, entries, dictionary, (), at)
        self.absent += len(dictionary.required - node.fields.keys())
        data = {}
        for name, child in node.fields.items():
            entry = dictionary.entries[name]
            if child.value is None and entry.is_optional and self.vocabulary.empty_is_absent:
                continue
            child_at = (*at, *entry.words)
            data[name] = self.of(self._shortened(child, entry.most, child_at), entry.model, child_at)
        return data

    def _gather(
        self,
        fields: dict[str, Node],
        entries: dict[str, Node],
        dictionary: _Dictionary,
        group: tuple[str, ...],
        at: Path,
    ) -> None:
        """Lay every entry under its field, group by group; the unknown last, where their place is still free."""
        unknown = []
        for key, child in entries.items():
            words = (*group, key)
            if words in dictionary.names:
                fields.setdefault(dictionary.names[words], child)
            elif words in dictionary.groups:
                self._gather_group(fields, child, dictionary, words, at)
            else:
                unknown.append((words, child))
        for words, child in unknown:
            self._recover(fields, child, dictionary, words, at)

    def _gather_group(
        self, fields: dict[str, Node], child: Node, dictionary: _Dictionary, group: tuple[str, ...], at: Path
    ) -> None:
        if isinstance(child.value, dict):
            self._gather(fields, child.value, dictionary, group, at)
        elif child.value is not None:
            self.found.add(_not_a_group(dictionary.known(group)), (*at, *group), child.mark)

    def _recover(
        self, fields: dict[str, Node], child: Node, dictionary: _Dictionary, words: tuple[str, ...], at: Path
    ) -> None:
        """Report a key nobody knows, and take it as the one that was meant, if that one is absent."""
        if self.found.is_full:  # what is only counted needs no words
            self.found.more += 1
            return
        meant = dictionary.meant(words)
        known = dictionary.known(words[:-1])
        wording = unknown_key(words[-1], known, ".".join(meant[len(words) - 1 :]) if meant else None)
        self.found.add(wording, (*at, *words), child.key_mark)
        if meant in dictionary.names:
            fields.setdefault(dictionary.names[meant], child)
        elif meant in dictionary.groups:
            self._gather_group(fields, child, dictionary, meant, at)

    def _shortened(self, node: Node, most: int | None, at: Path) -> Node:
        """A list no longer than allowed: what is too many is one mistake, and not those of each item as well."""
        if most is None or not isinstance(node.value, list) or len(node.value) <= most:
            return node
        self.found.add(too_many(most, len(node.value)), at, node.mark)
        self.is_whole = False
        node.value = node.value[:most]
        return node


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the reader needs to know of a field."""

    words: tuple[str, ...]
    """Its word, after those of its groups."""
    model: type[BaseModel] | None
    most: int | None
    is_optional: bool


class _Dictionary:
    """The words of one model in one vocabulary."""

    def __init__(self, vocabulary: Vocabulary, model: type[BaseModel]) -> None:
        self.entries = {name: _entry(vocabulary, name, field) for name, field in model.model_fields.items()}
        self.required = {name for name, entry in self.entries.items() if not entry.is_optional}
        self.names = {entry.words: name for name, entry in self.entries.items()}
        self.groups = {words[:depth] for words in self.names for depth in range(1, len(words))}
        self.elsewhere = {
            other: entry.words
            for name, entry in self.entries.items()
            for other in (
                name,
                entry.words[-1],
                *str(model.model_fields[name].validation_alias or name).split(".")[-1:],
            )
        }
        """Words that mean a field in the other language, or outside their group."""

    def known(self, group: tuple[str, ...]) -> tuple[str, ...]:
        """The words that may stand in a group, or outside all of them."""
        inside = (words[len(group)] for words in self.names if words[: len(group)] == group)
        return tuple(dict.fromkeys(inside))

    def meant(self, words: tuple[str, ...]) -> tuple[str, ...] | None:
        """What an unknown word was probably meant to be."""
        if words[-1] in self.elsewhere:
            return self.elsewhere[words[-1]]
        near = closest(words[-1], self.known(words[:-1]))
        return (*words[:-1], near) if near else None


def _entry(vocabulary: Vocabulary, name: str, field: FieldInfo) -> _Entry:
    return _Entry(
        words=tuple(vocabulary.word(name, field).split(".")),
        model=model_inside(field.annotation),
        most=next((limit.max_length for limit in field.metadata if isinstance(limit, MaxLen)), None),
        is_optional=not field.is_required(),
    )


@lru_cache(maxsize=100)
def _dictionary(vocabulary: Vocabulary, model: type[BaseModel]) -> _Dictionary:
    return _Dictionary(vocabulary, model)


# From the fields of the model back to the place in the text


def _validated(data: Any, root: Node, vocabulary: Vocabulary, found: _Found) -> ProcessDefinition | None:
    """The definition; or null, and its mistakes noted where they stand."""
    try:
        return ProcessDefinition.model_validate_json(json.dumps(data))
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
        listed = errors[: 2 * MOST_MISTAKES]  # placing costs time, and no more than half of these will be shown
        unspoilt = [error for error in listed if not _place(root, error["loc"], vocabulary)[0].spoilt]
        found.put_all(from_validation(unspoilt, lambda path: _place(root, path, vocabulary)[1]))
        found.more += len(errors) - len(listed)
        return None


def _place(root: Node, path: Path, vocabulary: Vocabulary) -> tuple[Node, Location]:
    """The node a path of the model leads to and its place; of what is absent, the place of what should hold it."""
    node: Node | None = root
    nearest = root
    model: type[BaseModel] | None = ProcessDefinition
    at: Path = ()
    for step in path:
        entry = _dictionary(vocabulary, model).entries.get(str(step)) if model else None
        at = (*at, *entry.words) if entry else (*at, step)
        node = _child(node, step) if node else None
        nearest = node or nearest
        if isinstance(step, str):
            model = entry.model if entry else None
    line, column = nearest.mark or (None, None)
    return nearest, Location(rendered(at), line, column)


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node.value, list):
        return node.value[step] if isinstance(step, int) and step < len(node.value) else None
    if isinstance(node.value, dict):
        return (node.fields if node.fields is not None else node.value).get(str(step))
    return None


# What was found


class _Found:
    """The mistakes of one text: the first hundred in full, of the others only how many."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.mistakes: list[Mistake] = []
        self.more = 0

    @property
    def is_full(self) -> bool:
        return len(self.mistakes) >= MOST_MISTAKES

    def add(self, wording: Wording, at: Path | Callable[[], Path], mark: Mark = None) -> None:
        """Note a mistake; a path that must be worked out is asked for only if the mistake is listed."""
        if self.is_full:
            self.more += 1
        else:
            self.put(wording, Location(rendered(at() if callable(at) else at), *(mark or (None, None))))

    def put(self, wording: Wording, location: Location) -> None:
        """Note a mistake whose place is known."""
        self.put_all((wording.mistake(location),))

    def put_all(self, mistakes: tuple[Mistake, ...]) -> None:
        room = MOST_MISTAKES - len(self.mistakes)
        self.mistakes.extend(mistakes[:room])
        self.more += len(mistakes[room:])

    def stop(self, wording: Wording, mark: Mark = None) -> NoReturn:
        """Nothing more can be read: raise this mistake, after those before it."""
        self.mistakes.append(wording.mistake(Location("", *(mark or (None, None)))))
        raise self._rejection()

    def raise_any(self) -> None:
        """Raise what was found, if anything was."""
        if self.mistakes:
            raise self._rejection()

    def _rejection(self) -> DefinitionRejected:
        """Everything found, from top to bottom of the text."""
        found = sorted(self.mistakes, key=lambda mistake: (mistake.line or 0, mistake.column or 0))
        if self.more:
            found.append(_and_more(self.more).mistake(Location("")))
        rejection = DefinitionRejected(tuple(found))
        rejection.add_note(f"in {self.source}")
        return rejection


# The sentences


def _and_more(count: int) -> Wording:
    return Wording(
        f"Masih ada sedikitnya {count} kesalahan lain yang tidak ditampilkan. "
        "Perbaiki dahulu yang di atas, lalu periksa lagi.",
        f"There are at least {count} more mistakes. Correct the ones above first, then check again.",
    )


_EMPTY = Wording("Naskah ini kosong. Isi dengan satu SOP.", "This text is empty. It must hold one SOP.")
_TOO_DEEP = Wording(
    f"Susunan ini bertingkat terlalu dalam; paling banyak {DEEPEST} tingkat. Kurangi tingkatnya.",
    f"This is nested too deeply; at most {DEEPEST} levels are accepted.",
    f"<= {DEEPEST}",
)
_TOO_MANY_VALUES = Wording(
    f"Naskah ini memuat terlalu banyak nilai; paling banyak {MOST_VALUES}. Bagi menjadi beberapa SOP.",
    f"This text holds too many values; at most {MOST_VALUES} are accepted. Split it into several SOPs.",
    f"<= {MOST_VALUES}",
)
_TOO_LARGE = Wording("Bilangan ini terlalu besar. Periksa angkanya.", "This number is too large.")
_NOT_JSON = Wording(
    "NaN dan Infinity bukan JSON. Tulis bilangan biasa.", "NaN and Infinity are not JSON. Write a plain number."
)
_ALIAS = Wording(
    "Rujukan (*) tidak dipakai di sini. Tulis ulang isinya; jika ini teks, apit dengan tanda kutip.",
    "Aliases (*) are not accepted. Write the content out; if it is text, put it in quotes.",
    '"*..."',
)
_ANCHOR = Wording(
    "Jangkar (&) tidak dipakai di sini. Hapus; jika ini teks, apit dengan tanda kutip.",
    "Anchors (&) are not accepted. Remove it; if it is text, put it in quotes.",
    '"&..."',
)
_TAG = Wording(
    "Penanda jenis (!) tidak dipakai di sini. Hapus; jika ini teks, apit dengan tanda kutip.",
    "Tags (!) are not accepted. Remove it; if it is text, put it in quotes.",
    '"!..."',
)
_MERGE = Wording(
    "Penggabungan (<<) tidak dipakai di sini. Tulis setiap isian sendiri.",
    "Merge keys (<<) are not accepted. Write every key out.",
)
_DIRECTIVE = Wording(
    "Baris yang diawali % tidak dipakai di sini. Hapus baris ini.", "Directives (%) are not accepted. Remove the line."
)
_SECOND_DOCUMENT = Wording(
    "Satu naskah hanya memuat satu SOP. Pindahkan bagian setelah tanda --- atau ... ke naskah lain.",
    "One text holds one SOP. Move what follows the --- or ... into a text of its own.",
)


def _unprintable(character: str) -> Wording:
    code = f"U+{ord(character):04X}"
    return Wording(
        f"Ada karakter yang tidak terlihat ({code}) di sini. Hapus dan ketik ulang bagian ini.",
        f"There is an unprintable character ({code}) here. Remove it and type this part again.",
    )


def _key_not_text(value: object) -> Wording:
    if isinstance(value, (dict, list)):
        return Wording(
            "Kunci harus berupa satu kata, bukan daftar atau bagian. Tulis sebagai kunci: nilai.",
            "A key must be a word, not a list or a group. Write it as key: value.",
            "kunci: nilai",
        )
    written = "null" if value is None else shortened(value)
    return Wording(
        f"Kunci {written} dibaca bukan sebagai teks. Jika memang dimaksud, apit dengan tanda kutip.",
        f"The key {written} is not read as text. If it is meant, put it in quotes.",
        f'"{written}"',
    )


def _repeated_key(key: str, first: Mark) -> Wording:
    where_id, where_en = (f" di baris {first[0]}", f" on line {first[0]}") if first else ("", "")
    return Wording(
        f'Isian "{shortened(key)}" sudah ada{where_id}. Gabungkan atau hapus salah satunya.',
        f'The key "{shortened(key)}" is already there{where_en}. Join them or remove one.',
    )


def _not_a_group(known: tuple[str, ...]) -> Wording:
    return Wording(
        f"Bagian ini harus berisi isian: {', '.join(known)}. Tulis masing-masing di baris sendiri, menjorok ke dalam.",
        f"This must be a group with the keys {', '.join(known)}. Write each on a line of its own, indented.",
        ", ".join(known),
    )


def _broken_json(broken: json.JSONDecodeError) -> Wording:
    return Wording(
        "JSON ini tidak dapat dibaca di sini. Periksa tanda kutip, koma dan kurung di sekitarnya "
        f"(keterangan teknis: {broken.msg}).",
        f"This JSON cannot be read here: {broken.msg}. Check the quotes, commas and brackets around it.",
    )


def _broken(broken: yaml.YAMLError) -> Wording:
    """What libyaml says, in words that help; its own ones where it says something rare."""
    problem = str(getattr(broken, "problem", None) or getattr(broken, "reason", None) or broken)
    for part, wording in BROKEN_YAML.items():
        if part in problem:
            return wording
    return Wording(
        f"Susunan YAML rusak di sini. Periksa indentasi, titik dua dan tanda kutip (keterangan teknis: {problem}).",
        f"The YAML is broken here: {problem}. Check indentation, colons and quotes.",
    )


def _where_broken(broken: yaml.YAMLError) -> Any:
    """Where the trouble began: of a quote that is never closed, the quote and not the end of the text."""
    if "quoted scalar" in str(getattr(broken, "context", None)):
        return getattr(broken, "context_mark", None)
    return getattr(broken, "problem_mark", None)


_INDENTATION = Wording(
    "Indentasi baris ini tidak sejajar dengan baris di atasnya. Samakan jumlah spasinya.",
    "This line is not indented like the ones above it. Use the same number of spaces.",
)
_UNCLOSED = Wording(
    "Tanda kurung sebelum ini belum ditutup, atau koma di antara butirnya hilang. "
    "Tutup kurung, atau apit butir dengan tanda kutip.",
    "A bracket before this is not closed, or a comma is missing between its items. Close it, or quote the item.",
)
_MARKED = Wording(
    "Nilai yang diawali & atau * harus diapit tanda kutip.", "A value that starts with & or * needs quotes.", '"..."'
)

BROKEN_YAML: dict[str, Wording] = {
    "mapping values are not allowed": Wording(
        "Titik dua di sini tidak dapat dibaca. Jika titik dua bagian dari kalimat, apit seluruh nilai dengan tanda "
        "kutip; jika tidak, periksa indentasi baris ini.",
        "A colon is not possible here. If it belongs to a sentence, put the whole value in quotes; "
        "otherwise check the indentation.",
        '"...: ..."',
    ),
    "found character that cannot start any token": Wording(
        "Karakter ini tidak boleh mengawali nilai atau baris. Ganti tab dengan spasi; apit nilai yang diawali "
        "@, %, ` dengan tanda kutip.",
        "No value or line may start with this character. Use spaces instead of tabs; quote values that start "
        "with @, % or `.",
    ),
    "found a tab character": Wording(
        "Indentasi memakai tab. Ganti dengan spasi.", "The indentation holds a tab. Use spaces."
    ),
    "could not find expected ':'": Wording(
        "Baris sebelum ini tidak memiliki titik dua setelah kuncinya. Tulis sebagai kunci: nilai.",
        "The line before has no colon after its key. Write it as key: value.",
        "kunci: nilai",
    ),
    "did not find expected key": _INDENTATION,
    "did not find expected '-' indicator": _INDENTATION,
    "block sequence entries are not allowed": _INDENTATION,
    "did not find expected ',' or": _UNCLOSED,
    "did not find expected node content": _UNCLOSED,
    "found unexpected end of stream": Wording(
        "Tanda kutip yang dibuka di atas tidak pernah ditutup. Tambahkan tanda kutip penutup.",
        "A quote opened above is never closed. Add the closing quote.",
    ),
    "found unexpected document indicator": Wording(
        "Tanda kutip yang dibuka di atas tidak ditutup sebelum tanda --- atau ... Tambahkan tanda kutip penutup.",
        "A quote opened above is not closed before the --- or ... line. Add the closing quote.",
    ),
    "found unknown escape character": Wording(
        "Garis miring terbalik di antara tanda kutip ganda salah pakai. Gunakan tanda kutip tunggal.",
        "A backslash between double quotes is misused. Use single quotes.",
        "'...'",
    ),
    "did not find expected <document start>": Wording(
        "Baris ini berada di luar SOP. Periksa indentasinya, atau hapus.",
        "This line stands outside the SOP. Check its indentation, or remove it.",
    ),
    "did not find expected alphabetic or numeric character": _MARKED,
    "control characters are not allowed": Wording(
        "Ada karakter yang tidak terlihat di sini. Hapus dan ketik ulang bagian ini.",
        "There is an unprintable character here. Remove it and type this part again.",
    ),
}
"""What libyaml says, and what it means to the writer of an SOP."""
