"""What the application's role may do with each table. The owner of the tables is another role."""

from __future__ import annotations

from collections.abc import Iterator

READ, ADD, CHANGE, REMOVE = "SELECT", "INSERT", "UPDATE", "DELETE"

GRANTS: dict[str, tuple[str, ...]] = {
    "agencies": (READ, ADD, CHANGE),
    "units": (READ, ADD, CHANGE),
    "positions": (READ, ADD, CHANGE),
    "officials": (READ, ADD, CHANGE),
    "holders": (READ, ADD, CHANGE),
    "role_bindings": (READ, ADD, REMOVE),
    "api_keys": (READ, ADD, CHANGE),
    "api_key_agencies": (READ, ADD, REMOVE),
    "api_key_officials": (READ, ADD, REMOVE),
    "process_definitions": (READ, ADD),
    "instances": (READ, ADD, CHANGE),
    "tasks": (READ, ADD, CHANGE),
    "audit_events": (READ, ADD),
    "audit_personal": (READ, ADD),
    "idempotency_answers": (READ, ADD, REMOVE),
    "calendars": (READ, ADD),
    "calendar_versions": (READ, ADD),
    "holiday_years": (READ, ADD, CHANGE),
    "holidays": (READ, ADD, REMOVE),
    "ramadans": (READ, ADD, REMOVE),
    "holiday_changes": (READ, ADD, CHANGE),
    "deadline_rules": (READ, ADD, CHANGE),
    "obligation_notices": (READ, ADD),
    "messages": (READ, ADD, REMOVE),
    "outbox": (READ, ADD, REMOVE),
    "feed": (READ, ADD, REMOVE),
    "webhook_endpoints": (READ, ADD, CHANGE),
    "webhook_secrets": (READ, ADD, CHANGE, REMOVE),
    "deliveries": (READ, ADD, CHANGE, REMOVE),
    "attempts": (READ, ADD, REMOVE),
    "replays": (READ, ADD, CHANGE),
    "event_consumers": (READ, ADD, CHANGE),
    "manifests": (READ, ADD),
    "signing_keys": (READ, ADD),
    "alembic_version": (READ,),
}


def statements(role: str, schema: str = "public") -> Iterator[str]:
    """The grants for a role, as SQL. What is not listed is taken away, so the list is the whole truth."""
    quoted = '"' + role.replace('"', '""') + '"'
    yield f"GRANT USAGE ON SCHEMA {schema} TO {quoted}"
    for table, privileges in GRANTS.items():
        yield f"REVOKE ALL ON {schema}.{table} FROM {quoted}"
        yield f"GRANT {', '.join(privileges)} ON {schema}.{table} TO {quoted}"
