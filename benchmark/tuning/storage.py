"""Where trials are kept: an SQLite file, a PostgreSQL server, a journal file on a shared disk."""

from __future__ import annotations

import functools
import json
import os
import random
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..contract.errors import UserError

if TYPE_CHECKING:
    import optuna

EXPECTED = "expected sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE or journal:///FILE"
PATIENCE = 100  # seconds that a writer waits for SQLite's lock
CONNECT = 10  # seconds that a server may take to answer
ATTEMPTS = 5
BEGINNING = b'{"op_code"'  # of each line of a journal
MADE = ("already exists", "unique constraint")
"""What a database says where two processes make the same tables."""
POSTGRES = ("postgresql", "postgresql+psycopg", "postgres")


def url_of(asked: str | None, out: Path) -> str:
    """Return the storage's address: as asked for, or a file in the folder of the results.

    Raises
    ------
    UserError
        Not an address, or of a kind that is not known.
    """
    if asked is None:
        return of_file("sqlite", out / "tuning.db")
    try:
        parts = urlsplit(asked)
        kind = parts.scheme if parts.port != 0 else ""
    except ValueError:  # no host, or a port that is no number up to 65535
        kind = ""
    if "://" not in asked or kind not in ("sqlite", "journal", *POSTGRES):
        raise UserError(f"storage {shown(asked)!r} is not known; {EXPECTED}")
    if kind in ("sqlite", "journal"):
        path = asked.partition(":///")[2]
        if not path:
            raise UserError(f"storage {asked!r} names no file; {EXPECTED}")
        if path == ":memory:":
            raise UserError(f"storage {asked!r} is no file that processes share; {EXPECTED}")
        if not Path(path).resolve().parent.is_dir():
            raise UserError(f"storage {asked!r}: its folder does not exist; make it first")
        return of_file(kind, Path(path))
    return f"postgresql+psycopg://{asked.partition('://')[2]}"


def of_file(kind: str, file: Path) -> str:
    """Return the address of a file, wherever a worker's own folder is."""
    whole = str(file.resolve())
    if kind == "sqlite" and "?" in whole:  # an address ends there, and its options begin
        raise UserError(
            f"SQLite file {whole!r} has a question mark in its path; take another folder, or "
            f"--storage journal:///FILE"
        )
    return f"{kind}:///{whole}"


def shown(url: str) -> str:
    """Return an address without its password."""
    head, sign, rest = url.partition("://")
    before, at, after = rest.rpartition("@")
    user = before.partition(":")[0]
    hidden = f"{user}:***" if ":" in before else user
    return f"{head}{sign}{hidden}{at}{after}".replace("+psycopg", "")


def kind(url: str) -> str:
    """Return what a report says of a storage: no address, no folder."""
    names = {"sqlite": "an SQLite file", "journal": "a journal file"}
    return names.get(url.partition(":")[0], "a PostgreSQL server")


@contextmanager
def reachable(url: str) -> Iterator[None]:
    """Turn a storage that cannot be reached, or cannot be read, into one line for the user."""
    try:
        import optuna
        import sqlalchemy.exc
    except ModuleNotFoundError as error:
        raise UserError(
            f"tuning needs {error.name}, which is not installed; pip install 'fusemark[tune]'"
        ) from None
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(
            f"storage {shown(url)!r} needs the driver {error.name}; pip install 'fusemark[tune]'"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        if not url.startswith("journal:"):
            raise
        line = error.object if isinstance(error, UnicodeDecodeError) else error.doc
        raise UserError(
            f"storage {shown(url)!r} has a line that is no JSON, {line[:40]!r}, as a full disk "
            f"leaves one; remove it, and the same command goes on from the trials that are kept"
        ) from None
    except (
        optuna.exceptions.StorageInternalError,
        sqlalchemy.exc.SQLAlchemyError,
        BlockingIOError,
    ) as error:
        cause = error.__cause__ or error
        original = getattr(cause, "orig", None) or cause
        line = " ".join(str(original).split())[:200].rstrip(".")
        raise UserError(
            f"storage {shown(url)!r} cannot be used: {line}; finished trials are kept, the same "
            f"command goes on from them"
        ) from None


@functools.lru_cache(maxsize=4)
def opened(url: str) -> optuna.storages.BaseStorage:
    """Open a storage, once in a process.

    Raises
    ------
    UserError
        It cannot be reached, or its driver is missing.
    """
    with reachable(url):
        import optuna
        import sqlalchemy.exc

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        if url.startswith("journal:"):
            from optuna.storages.journal import JournalFileBackend

            path = url.partition("://")[2]
            try:
                mend_journal(Path(path))
                return optuna.storages.JournalStorage(JournalFileBackend(path))
            except OSError as error:
                raise UserError(f"storage {url!r} cannot be read as a journal: {error}") from None
        settings = {"connect_args": {"timeout": PATIENCE}}
        if not url.startswith("sqlite:"):
            settings = {"connect_args": {"connect_timeout": CONNECT}, "pool_pre_ping": True}
        for attempt in range(ATTEMPTS):
            try:
                database = optuna.storages.RDBStorage(url, engine_kwargs=settings)
                # The cache that a study would put round it, one for all studies of a process: it
                # must have heard of every trial that is made.
                return optuna.storages.get_storage(database)
            except sqlalchemy.exc.SQLAlchemyError as error:
                # Another process makes the tables at the same moment: look again.
                text = str(error).lower()
                if attempt == ATTEMPTS - 1 or not any(sign in text for sign in MADE):
                    raise
                time.sleep(random.uniform(0.2, 1.0))
            except RuntimeError as error:
                if "table schema" not in str(error):
                    raise
                raise UserError(
                    f"storage {shown(url)!r} was made by another version of Optuna than "
                    f"{optuna.__version__}; take that version, or another storage"
                ) from None
        raise AssertionError("the last attempt returns or raises")


def mend_journal(path: Path) -> None:
    """Cut a last line that was torn while it was written, so that the next is not glued to it.

    Raises
    ------
    UserError
        The file begins as no journal does: Optuna would take it for one with a torn line.
    """
    from optuna.storages.journal import JournalFileSymlinkLock

    if not path.exists() or not path.stat().st_size:
        return
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()  # nobody is writing now
    try:
        with path.open("rb+") as file:
            line = file.readline()
            if not (is_operation(line) or (line.startswith(BEGINNING) and line[-1:] != b"\n")):
                raise UserError(
                    f"storage 'journal:///{path}' cannot be read as a journal: it begins with "
                    f"{line[:40]!r}; expected a file that Optuna wrote, or none"
                )
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
    finally:
        lock.release()


def is_operation(line: bytes) -> bool:
    """Say whether a line of a file is one of a journal."""
    try:
        return line.endswith(b"\n") and "op_code" in json.loads(line)
    except (ValueError, TypeError):
        return False
