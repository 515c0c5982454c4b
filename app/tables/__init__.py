"""The tables, one a file. Their constraints repeat the rules, so that an impossible row cannot be stored."""

from app.tables.agencies import agencies
from app.tables.api_keys import api_key_agencies, api_key_officials, api_keys
from app.tables.audit_events import audit_events, audit_personal
from app.tables.calendars import calendar_versions, calendars
from app.tables.deadline_rules import deadline_rules
from app.tables.deliveries import attempts, deliveries, replays
from app.tables.event_consumers import event_consumers, manifests, signing_keys
from app.tables.holders import holders
from app.tables.holidays import holiday_changes, holiday_years, holidays, ramadans
from app.tables.idempotency_answers import idempotency_answers
from app.tables.instances import instances
from app.tables.messages import feed, messages, outbox
from app.tables.metadata import metadata
from app.tables.obligation_notices import obligation_notices
from app.tables.officials import officials
from app.tables.positions import positions
from app.tables.process_definitions import process_definitions
from app.tables.role_bindings import role_bindings
from app.tables.tasks import tasks
from app.tables.units import units
from app.tables.webhook_endpoints import webhook_endpoints, webhook_secrets

__all__ = [
    "agencies",
    "api_key_agencies",
    "api_key_officials",
    "api_keys",
    "attempts",
    "audit_events",
    "audit_personal",
    "calendar_versions",
    "calendars",
    "deadline_rules",
    "deliveries",
    "event_consumers",
    "feed",
    "holders",
    "holiday_changes",
    "holiday_years",
    "holidays",
    "idempotency_answers",
    "instances",
    "manifests",
    "messages",
    "metadata",
    "obligation_notices",
    "officials",
    "outbox",
    "positions",
    "process_definitions",
    "ramadans",
    "replays",
    "role_bindings",
    "signing_keys",
    "tasks",
    "units",
    "webhook_endpoints",
    "webhook_secrets",
]
