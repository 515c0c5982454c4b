"""`alur work`, but its webhooks go to receivers on this machine, which nothing in production can allow."""

from __future__ import annotations

import asyncio
import signal
import sys

from app.calendars.catalog import Calendars
from app.database import Database
from app.definitions.catalog import Catalog
from app.instances.journal import Journal
from app.settings import Settings
from app.webhooks.secrets import seal_of
from app.webhooks.wake import Wake
from app.worker import working
from tests.world import HERE


async def main() -> None:
    settings = Settings()
    assert settings.database_url
    database = Database.of(settings)
    try:
        async with Wake.listening(settings.database_url) as wake:
            journal = Journal(database, Catalog(database), Calendars(database))
            async with working(journal, wake, HERE, seal_of(settings.secret_keys), ""):
                print("at work", flush=True)
                await asyncio.Event().wait()
    finally:
        await database.close()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
