"""Whether somebody collects spans: the environment says so, in OpenTelemetry's own variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.observation.spans import Spans

COLLECTOR = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""The variables that name a collector. Where neither is set, nothing of OpenTelemetry's SDK is imported."""


class TelemetryMissing(Exception):
    """A collector is named, but what sends spans to it is not installed."""


def spans(environment: Mapping[str, str] = os.environ) -> Spans | None:
    """Where spans go; null where no collector is named. Raises TelemetryMissing."""
    named = next((name for name in COLLECTOR if environment.get(name)), None)
    if named is None:
        return None
    try:
        from app.observation.spans import Spans
    except ImportError as missing:
        raise TelemetryMissing(named) from missing
    return Spans(environment.get("OTEL_SERVICE_NAME") or "alur")
