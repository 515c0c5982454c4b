"""The command `alur`: run, serve, work, migrate, check, publish, holidays, verify, backup, restore, key, demo."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import make_url

from app import demo, embedded
from app.backup import BackupRefused, Manifest, back_up, inspect, restore
from app.calendars.catalog import Calendars
from app.calendars.load import Loaded, load, load_missing, read_years, stored, written
from app.calendars.national import FIRST_YEAR, LAST_YEAR, NationalYear, national_year
from app.clock import new_id, now
from app.database import Database
from app.deadlines.shipped import load_shipped_deadlines
from app.definitions.catalog import Catalog
from app.definitions.publish import publish
from app.definitions.shipped import FOLDER, publish_shipped, shipped
from app.demonstration import seed, write_environment
from app.errors import DefinitionOfAnotherAgency
from app.identity.callers import SCOPES
from app.identity.issue import UnknownName, agency_id, issue_key
from app.instances.journal import Journal
from app.instances.lay_anew import AT_ONCE, lay_anew
from app.instances.verify import Proof, verify
from app.migrate import migrate
from app.observation import logs
from app.observation.telemetry import TelemetryMissing
from app.pool import DatabaseUnavailable
from app.serve import PortTaken, bound, serve, url_of
from app.settings import Settings, described
from app.tables.grants import statements
from app.webhooks.outside import the_world
from app.webhooks.sealing import SealingRefused
from app.webhooks.secrets import kept_key, seal_of
from app.webhooks.wake import Wake
from app.worker import working
from engine.calendar_checks import CalendarRejected
from engine.definition import ProcessDefinition
from engine.errors import DefinitionRejected
from engine.flow import mermaid, table
from engine.reader import read_json, read_yaml
from engine.schema import editor_schema

OK, WRONG = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 where it did what was asked, 1 where it says why not."""
    asked = _parser().parse_args(arguments)
    try:
        settings = Settings()
        deed: Callable[[argparse.Namespace, Settings], int] = asked.deed
        return deed(asked, settings)
    except ValidationError as wrong:
        return _say_wrong("Pengaturan keliru · wrong settings:\n" + str(wrong))
    except PortTaken as taken:
        return _say_wrong(f"{taken} sudah dipakai; pilih porta lain: ALUR_PORT=8001 · already in use")
    except embedded.EmbeddedDatabaseFailed as failed:
        return _say_wrong(str(failed))
    except DatabaseUnavailable as lost:
        return _say_wrong(f"Basis data tidak terjangkau · database unavailable: {lost}")
    except (BackupRefused, SealingRefused) as refused:
        return _say_wrong(str(refused))
    except TelemetryMissing as missing:
        return _say_wrong(
            f"{missing} terisi, tetapi OpenTelemetry belum terpasang · is set, but OpenTelemetry is not installed: "
            'pip install "alur[telemetry]"'
        )
    except (DefinitionRejected, CalendarRejected) as rejected:
        return _say_wrong("\n".join(f"{one.at}: {one.message_id} · {one.message_en}" for one in rejected.mistakes))
    except KeyboardInterrupt:
        return OK if asked.deed in (_run, _serve, _work) else WRONG  # a server has done its work, anything else has not


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="alur", description="Menjalankan lembar SOP · runs SOP sheets")
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, deed: Callable[[argparse.Namespace, Settings], int], told: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=told, description=told)
        one.set_defaults(deed=deed)
        return one

    command("run", _run, "everything at once: database, migrations, shipped SOPs, demonstration, server")
    command("serve", _serve, "serve HTTP over ALUR_DATABASE_URL")
    command("work", _work, "announce what is due and deliver webhooks, beside servers; any number may run")
    one = command("migrate", _migrate, "bring the database to the newest revision and grant the application its rights")
    one.add_argument("--print-grants", metavar="ROLE", help="only print the grants for a role")
    one = command("check", _check, "say every mistake in SOP files")
    one.add_argument("files", nargs="+", type=Path)
    one = command("show", _show, "show the flow of an SOP file or of a shipped SOP")
    one.add_argument("sop", help="a file, or the key of a shipped SOP")
    one.add_argument("--mermaid", action="store_true", help="as a Mermaid flowchart")
    one = command("settings", _settings, "print every setting, or renew them in a Markdown page")
    one.add_argument(
        "page", nargs="?", type=Path, help="a page with a line <!-- settings --> and one <!-- /settings -->"
    )
    command("schema", _schema, "print the JSON Schema of SOP files for an editor")
    command("flows", _flows, "print the flows of all shipped SOPs as one Markdown page")
    one = command("publish", _publish, "publish SOP files, or with --shipped those that come with Alur")
    one.add_argument("files", nargs="*", type=Path)
    one.add_argument("--shipped", action="store_true")
    one = command("holidays", _holidays, "load national holidays and cuti bersama, or show what is loaded")
    one.add_argument("what", choices=("load", "show"))
    one.add_argument("years", nargs="*", help="2027, or 2025-2028; the years around now that are missing unless told")
    one.add_argument("--file", type=Path, help="load what a file says, as `show` writes it, for instance a changed SKB")
    command("verify", _verify, "prove the trail, the state and the tasks of every instance")
    one = command("backup", _backup, "write the embedded database into one file, while it is in use or not")
    one.add_argument("file", type=Path)
    one.add_argument("--overwrite", action="store_true", help="replace the file if it is there, once the new is whole")
    one = command("restore", _restore, "bring a backup into an empty home and prove it: all of it or nothing")
    one.add_argument("file", type=Path)
    one = command("key", _key, "issue an API key; it is shown once")
    one.add_argument("name")
    one.add_argument("--scopes", default="read", help=",".join(SCOPES))
    one.add_argument("--agencies", required=True, help="keys of agencies, comma-separated")
    one.add_argument("--officials", default="", help="ids of officials it may act for, or 'all'")
    command("demo", _demo, "carry a Kalbar LAKIP cycle from first step to archive over HTTP")
    return parser


def _run(asked: argparse.Namespace, settings: Settings) -> int:
    with _databases(settings, watched=True) as with_database:
        listener = bound(with_database)
        url, environment = url_of(listener), settings.home / "demo.env"
        secret_keys = settings.secret_keys or kept_key(settings.home / "secret.key")
        asyncio.run(_prepare(with_database, environment, url))
        place = settings.home / "postgres" if settings.database_url is None else "ALUR_DATABASE_URL"

        def announce() -> None:
            print(f"Alur siap di {url} · API: {url}/docs")
            print(f"Kunci dan pejabat demonstrasi · demo key and officials: {environment}")
            print(f"Basis data · database: {place} · berhenti · stop: Ctrl+C", flush=True)

        serve(with_database.model_copy(update={"worker": True, "secret_keys": secret_keys}), listener, announce)
    return OK


async def _prepare(settings: Settings, environment: Path, url: str) -> None:
    """All that must stand before the port opens."""
    await migrate(_required(settings.migration_url), _required(settings.database_url))
    database = Database.of(settings)
    try:
        await load_missing(database, now())
        await seed(database, now())
        await publish_shipped(database)
        await load_shipped_deadlines(database)
        await write_environment(database, environment, url, now())
    finally:
        await database.close()


def _serve(asked: argparse.Namespace, settings: Settings) -> int:
    if settings.database_url is None:
        return _say_wrong("ALUR_DATABASE_URL belum diisi · is not set (alur run memakai PostgreSQL tertanam)")
    with _ended_in_order():
        listener = bound(settings)
        serve(settings, listener, lambda: print(f"Alur siap di {url_of(listener)}", flush=True))
    return OK


def _work(asked: argparse.Namespace, settings: Settings) -> int:
    if settings.database_url is None:
        return _say_wrong("ALUR_DATABASE_URL belum diisi · is not set (alur run bekerja sendiri · works by itself)")
    logs.configure(settings.log_level, settings.log_format, sys.stderr)
    with _ended_in_order():
        asyncio.run(_worked(settings))
    return OK


async def _worked(settings: Settings) -> None:
    database = Database.of(settings)
    try:
        async with Wake.listening(_required(settings.database_url)) as wake:
            journal = Journal(database, Catalog(database), Calendars(database))
            journal.wake = wake.rung
            async with working(journal, wake, the_world(), seal_of(settings.secret_keys), settings.public_url):
                print("Alur bekerja · at work", flush=True)
                await asyncio.Event().wait()  # until a signal ends it
    finally:
        await database.close()


def _migrate(asked: argparse.Namespace, settings: Settings) -> int:
    if asked.print_grants:
        print("\n".join(f"{statement};" for statement in statements(asked.print_grants)))
        return OK
    with _databases(settings) as with_database:
        migration_url = with_database.migration_url
        if migration_url is None:
            return _say_wrong("ALUR_MIGRATION_URL belum diisi · is not set")
        loaded = asyncio.run(_migrated(migration_url, with_database))
        _tell_loaded(loaded)
        print(f"Basis data mutakhir · up to date: {make_url(migration_url).render_as_string()}")
    return OK


async def _migrated(migration_url: str, settings: Settings) -> Loaded:
    await migrate(migration_url, _required(settings.database_url))
    database = Database.of(settings)
    try:
        return await load_missing(database, now())
    finally:
        await database.close()


def _check(asked: argparse.Namespace, settings: Settings) -> int:
    return max(_checked(file) is None for file in asked.files)


def _show(asked: argparse.Namespace, settings: Settings) -> int:
    file = Path(asked.sop)
    shipped_file = FOLDER / f"{asked.sop}.yaml"
    definition = _checked(file if file.exists() or not shipped_file.exists() else shipped_file, quiet=True)
    if definition is None:
        return WRONG
    print(mermaid(definition) if asked.mermaid else table(definition))
    return OK


def _schema(asked: argparse.Namespace, settings: Settings) -> int:
    print(json.dumps(editor_schema(), ensure_ascii=False, indent=2))
    return OK


def _settings(asked: argparse.Namespace, settings: Settings) -> int:
    if asked.page is None:
        print(described(), end="")
        return OK
    before, _, rest = asked.page.read_text().partition("<!-- settings -->\n")
    _, end, after = rest.partition("<!-- /settings -->")
    if not end:
        return _say_wrong(f"{asked.page}: <!-- settings --> ... <!-- /settings --> tidak ada · is not there")
    asked.page.write_text(f"{before}<!-- settings -->\n{described()}{end}{after}")
    return OK


def _flows(asked: argparse.Namespace, settings: Settings) -> int:
    print("# The flow of each shipped SOP\n")
    print("Made by `make docs`. Boxes are executions, diamonds decisions; dotted arrows go back.")
    for definition in shipped():
        print(f"\n## {definition.title} ({definition.key})\n\n```mermaid\n{mermaid(definition)}```")
    return OK


def _publish(asked: argparse.Namespace, settings: Settings) -> int:
    definitions = [_checked(file) for file in asked.files]
    if None in definitions:
        return WRONG
    with _databases(settings) as with_database:
        return asyncio.run(_publish_all([one for one in definitions if one], asked.shipped, with_database))


async def _publish_all(definitions: list[ProcessDefinition], with_shipped: bool, settings: Settings) -> int:
    database = Database.of(settings)
    try:
        for definition in definitions:
            async with database.transaction() as connection:
                agency = await agency_id(connection, definition.agency)
                done = await publish(connection, definition, agency, client=None, now=now(), new_id=new_id)
            told = "diterbitkan · published" if done.is_new else "tidak berubah · unchanged"
            print(f"{definition.key} versi {done.row.version}: {told}")
        if with_shipped:
            for key in await publish_shipped(database):
                print(f"{key} versi 1: diterbitkan · published")
            for key in await load_shipped_deadlines(database):
                print(f"{key}: tenggat dimuat · deadline loaded")
    except (UnknownName, DefinitionOfAnotherAgency) as refused:
        return _say_wrong(str(refused))
    finally:
        await database.close()
    return OK


def _holidays(asked: argparse.Namespace, settings: Settings) -> int:
    named = list(map(_years_named, asked.years))
    if None in named:
        return _say_wrong(
            f"Tulis tahun seperti 2027 atau 2025-2028, dari {FIRST_YEAR} sampai {LAST_YEAR} · write years so"
        )
    years = [year for span in named for year in span or ()]
    if asked.what == "show":
        with _databases(settings) as with_database:
            print(asyncio.run(_shown(years, with_database)))
        return OK
    try:
        given = read_years(asked.file.read_bytes(), asked.file.name) if asked.file else []
    except OSError as missing:
        return _say_wrong(f"{asked.file}: {missing.strerror}")
    with _databases(settings) as with_database:
        _tell_loaded(asyncio.run(_load(years, given, with_database)))
    return OK


def _years_named(text: str) -> range | None:
    """`2027` or `2025-2028`; null for anything else."""
    found = re.fullmatch(r"([0-9]{4})(?:-([0-9]{4}))?", text)
    if found is None:
        return None
    first, last = int(found[1]), int(found[2] or found[1])
    return range(first, last + 1) if FIRST_YEAR <= first <= last <= LAST_YEAR else None


async def _shown(years: list[int], settings: Settings) -> str:
    database = Database.of(settings)
    try:
        async with database.reading() as connection:
            known = await stored(connection)
    finally:
        await database.close()
    return written(one for year, one in known.items() if not years or year in years)


async def _load(years: list[int], given: list[NationalYear], settings: Settings) -> Loaded:
    """Load what was named, or else what is missing; and lay everything anew that this moves."""
    database = Database.of(settings)
    try:
        if given or years:
            # what a file says of a year goes before what the package does
            wanted = {year: national_year(year) for year in years} | {one.year: one for one in given}
            loaded = await load(database, list(wanted.values()), now())
        else:
            loaded = await load_missing(database, now())
        journal = Journal(database, Catalog(database), Calendars(database))
        while await lay_anew(journal, None, now(), AT_ONCE):
            pass
        return loaded
    finally:
        await database.close()


def _tell_loaded(loaded: Loaded) -> None:
    for line in loaded.differences:
        print(line)
    if not loaded.years:
        print("Hari libur sudah mutakhir · holidays are up to date")
    else:
        print(f"Kalender {loaded.agencies} instansi berubah · calendars of {loaded.agencies} agencies changed")


def _verify(asked: argparse.Namespace, settings: Settings) -> int:
    with _databases(settings) as with_database:
        proof = asyncio.run(_proved(with_database))
    for finding in proof.findings:
        print(f"{finding.instance}: {finding.what}")
    erased = f", {proof.erased} erased" if proof.erased else ""
    print(f"{proof.instances} instances, {proof.events} events{erased}: {len(proof.findings)} findings")
    return WRONG if proof.findings else OK


async def _proved(settings: Settings) -> Proof:
    database = Database.of(settings)
    try:
        return await verify(database)
    finally:
        await database.close()


def _backup(asked: argparse.Namespace, settings: Settings) -> int:
    folder = _own_database(settings)
    if not embedded.is_made(folder):
        return _say_wrong(
            f"Tidak ada basis data di {folder}; periksa ALUR_HOME · there is no database; check ALUR_HOME"
        )
    with _ended_in_order(), embedded.held(folder) as server:
        manifest = asyncio.run(back_up(server, asked.file, now(), overwrite=asked.overwrite))
    print(f"Cadangan ditulis · backup written: {asked.file} ({asked.file.stat().st_size} bytes)")
    print(_counted(manifest))
    print("demo.env tidak ikut: isinya kunci · demo.env is not in it: it holds a key")
    print(f"Catat di tempat lain · note elsewhere: trail heads SHA-256 {manifest.heads_sha256}")
    return OK


def _restore(asked: argparse.Namespace, settings: Settings) -> int:
    folder = _own_database(settings)
    manifest = inspect(asked.file)
    with _ended_in_order(), embedded.held(folder, alone=True) as server:
        proof = asyncio.run(restore(server, asked.file, manifest, settings))
    print(f"Dipulihkan ke · restored into: {folder}")
    print(_counted(manifest))
    print(f"Terbukti · proved: {proof.instances} instances, {proof.events} events, 0 findings")
    print(f"Cocokkan dengan catatan · compare with your note: trail heads SHA-256 {manifest.heads_sha256}")
    return OK


def _own_database(settings: Settings) -> Path:
    """The folder of the embedded PostgreSQL. Raises BackupRefused where another one is in use."""
    if settings.database_url is not None:
        raise BackupRefused(
            "ALUR_DATABASE_URL terisi: cadangkan PostgreSQL itu dengan pg_dump-nya sendiri · is set: back that "
            "PostgreSQL up with its own pg_dump; alur backup and alur restore serve the embedded one"
        )
    return settings.home / "postgres"


def _counted(manifest: Manifest) -> str:
    counts = ", ".join(f"{count} {table}" for table, count in manifest.counts.items())
    return f"{manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC, revisi {manifest.revision}: {counts}"


def _key(asked: argparse.Namespace, settings: Settings) -> int:
    with _databases(settings) as with_database:
        return asyncio.run(_issue(asked, with_database))


async def _issue(asked: argparse.Namespace, settings: Settings) -> int:
    database = Database.of(settings)
    agencies = [part.strip() for part in asked.agencies.split(",") if part.strip()]
    scopes = [part.strip() for part in asked.scopes.split(",") if part.strip()]
    officials: str = asked.officials
    try:
        async with database.transaction() as connection:
            key = await issue_key(
                connection, asked.name, scopes=scopes, agencies=agencies, officials=officials, at=now()
            )
    except UnknownName as unknown:
        return _say_wrong(str(unknown))
    finally:
        await database.close()
    print(key)
    return OK


def _demo(asked: argparse.Namespace, settings: Settings) -> int:
    return demo.main(settings.home)


def _checked(file: Path, *, quiet: bool = False) -> ProcessDefinition | None:
    """The definition in a file, or null after every mistake in it was said."""
    read = read_json if file.suffix == ".json" else read_yaml
    try:
        definition = read(file.read_bytes(), file.name)
    except OSError as missing:
        print(f"{file}: {missing.strerror}", file=sys.stderr)
        return None
    except DefinitionRejected as rejected:
        for mistake in rejected.mistakes:
            place = f"{file}:{mistake.line}:{mistake.column}" if mistake.line else f"{file}"
            print(f"{place}: {mistake.at}: {mistake.message_id} · {mistake.message_en}", file=sys.stderr)
        return None
    if not quiet:
        print(f"{file}: {definition.key}, {len(definition.activities)} kegiatan · sah · valid")
    return definition


@contextmanager
def _databases(settings: Settings, *, watched: bool = False) -> Iterator[Settings]:
    """The settings with both addresses: those that are set, or the embedded PostgreSQL's while the block lasts.

    A watched one is brought back when it dies meanwhile.
    """
    if settings.database_url is not None:
        yield settings
        return
    with _ended_in_order(), embedded.held(settings.home / "postgres") as server:
        with embedded.watched(server) if watched else nullcontext():
            addresses = server.addresses
            yield settings.model_copy(update={"database_url": addresses.application, "migration_url": addresses.owner})


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl+C does; else it would leave the embedded PostgreSQL behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _required(url: str | None) -> str:
    if url is None:
        raise DatabaseUnavailable("ALUR_DATABASE_URL / ALUR_MIGRATION_URL belum diisi · not set")
    return url


def _say_wrong(what: str) -> int:
    print(what, file=sys.stderr)
    return WRONG


if __name__ == "__main__":
    sys.exit(main())
