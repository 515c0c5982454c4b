"""What the server logs, one line an entry: JSON for machines, text for a terminal.

Every line of a request carries its ids. No line can be forged from outside: what a client sends never breaks a line.
Keys, passwords and the rows that PostgreSQL quotes in its errors are left out of messages and stack traces.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from app.observation.exchange import CURRENT

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "text"]

Fields = dict[str, Any]


def configure(level: Level, form: Format | None, stream: TextIO) -> None:
    """Send everything this process logs to a stream; unless told, as text to a terminal and as JSON otherwise."""
    lines = logging.StreamHandler(stream)
    lines.setFormatter(TextLines() if (form or ("text" if stream.isatty() else "json")) == "text" else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    logging.getLogger("alur").setLevel(level.upper())
    logging.captureWarnings(True)


class JsonLines(logging.Formatter):
    """A JSON object a line, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        return _JSON.encode(_fields(record))


class TextLines(logging.Formatter):
    """Moment, level, message and fields; a stack trace follows indented, so that no line of it looks like an entry."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        moment, level, message = fields.pop("moment"), fields.pop("level"), fields.pop("message")
        trace = fields.pop("trace", "")
        told = " ".join(f"{name}={_bare(str(value))}" for name, value in fields.items())
        entry = f"{moment} {level.upper():7} {_BREAKING.sub(_escaped, message)} {told}"
        return "\n    ".join([entry, *(_BREAKING.sub(_escaped, line) for line in trace.split("\n") if trace)])


_JSON = json.JSONEncoder(separators=(",", ":"), default=str)

_BREAKING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode()


def _bare(value: str) -> str:
    """A value as it is where it is one plain word, in quotes otherwise."""
    return value if _PLAIN.fullmatch(value) else json.dumps(value)


_PLAIN = re.compile(r"[!#-<>-~]+")


def _fields(record: logging.LogRecord) -> Fields:
    told: Fields | None = getattr(record, "told", None)
    fields: Fields = {
        "moment": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage() if told else without_secrets(record.getMessage()),
    }
    exchange = CURRENT.get()
    if exchange is not None:
        fields["request_id"] = exchange.request_id
        fields["trace_id"] = exchange.trace_id
        fields["span_id"] = exchange.span_id
    if told:
        fields |= told
    if record.exc_info and record.exc_info[0]:
        fields["error"] = record.exc_info[0].__qualname__
        fields["trace"] = without_secrets(_STANDARD.formatException(record.exc_info))
    return fields


_STANDARD = logging.Formatter()


def without_secrets(text: str) -> str:
    """The text without API keys, without passwords, and without the words of people that errors like to quote."""
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text


_SECRETS = (
    (re.compile(r"alur_[0-9A-Za-z]{20,}"), "alur_***"),
    (re.compile(r"(?i)\b(bearer|basic) [^\s'\",]+"), r"\1 ***"),
    (re.compile(r"(://[^:/?#\s@]*):[^/?#\s@]*@"), r"\1:***@"),
    (re.compile(r"(?s)\nDETAIL: .*?(?=\nHINT: |\n\[SQL: |\n\nThe above |\n\nDuring |\Z)"), "\nDETAIL: ***"),
    (re.compile(r"input_value=.*?(?=, input_type=)", re.DOTALL), "input_value=***"),
)
