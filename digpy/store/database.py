"""Opening the database, and transactions in which named statements run.

The statements are text that the package carries (`sql/sqlite.sql`, made from `statements`); this
module runs them on the bare driver, because SQLAlchemy costs more to import than everything else
together. It knows SQLite; what the modules beside it see is `Transaction`, which any DB-API
connection can stand behind.

SQLite allows one writer at a time. Its own busy handler backs off to waits that starve a second
writer beside back-to-back commits, so a busy database is asked again every half millisecond.
"""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from digpy.errors import ConfigError, DigpyError, DiskFull, InternalError, Locked, Unavailable

REVISION = "0002"
"""The Alembic revision of the schema that this release knows. Later ones compare greater."""

PATIENCE = 5.0
"""Seconds for which a busy database is asked again, unless told otherwise."""

Row: TypeAlias = "tuple[Any, ...]"

_SYNCHRONOUS = {"full": "FULL", "relaxed": "NORMAL"}
"""``full``: a commit survives power loss. ``relaxed``: only the death of processes."""

_PAUSE = 0.0005
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_BROKEN = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Statement(NamedTuple):
    """A statement with positional parameters, and their names in order (a name may occur twice)."""

    sql: str
    parameters: tuple[str, ...]
    writes: bool


class Transaction:
    """One database transaction: everything that happens in it is committed together, or nothing is.

    Statements are named as in ``sql/sqlite.sql``. Raises `InternalError` when a constraint refuses
    a row, and `Unavailable` when the database is away.
    """

    __slots__ = ("_connection", "_statements", "_translate", "_writing")

    def __init__(
        self,
        connection: Any,
        statements: Mapping[str, Statement],
        translate: Callable[[Exception, str], DigpyError],
        *,
        writing: bool,
    ) -> None:
        self._connection = connection
        self._statements = statements
        self._translate = translate
        self._writing = writing

    def run(self, name: str, params: Mapping[str, Any]) -> list[Row]:
        """Execute a statement and return all its rows."""
        rows: list[Row] = self._execute(name, params).fetchall()
        return rows

    def one(self, name: str, params: Mapping[str, Any]) -> Row | None:
        """Execute a statement that finds at most one row, and return it."""
        rows = self.run(name, params)
        if len(rows) > 1:
            raise InternalError(f"{name} found {len(rows)} rows where there can be one")
        return rows[0] if rows else None

    def change(self, name: str, params: Mapping[str, Any]) -> int:
        """Execute a statement that changes rows; how many it changed."""
        return int(self._execute(name, params).rowcount)

    def many(self, name: str, rows: Iterable[Sequence[Any]]) -> int:
        """Execute a statement once for each of `rows`; how many rows were changed in all.

        A row holds the parameters in the statement's own order, which stands at its head in the
        ``.sql`` file.
        """
        statement = self._statement(name)
        try:
            return max(0, int(self._connection.executemany(statement.sql, rows).rowcount))
        except sqlite3.Error as error:
            raise self._translate(error, name) from error

    def _execute(self, name: str, params: Mapping[str, Any]) -> Any:
        statement = self._statement(name)
        values = [params[parameter] for parameter in statement.parameters]
        try:
            return self._connection.execute(statement.sql, values)
        except sqlite3.Error as error:
            raise self._translate(error, name) from error

    def _statement(self, name: str) -> Statement:
        statement = self._statements[name]
        if statement.writes and not self._writing:
            raise InternalError(f"{name} changes rows in a transaction that only reads")
        return statement


class Database:
    """An open SQLite database: one connection, used by the thread and the process that opened it.

    Attributes:
        path: the file.
        durability: what a commit survives.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, durability: str, patience: float
    ) -> None:
        self.path = path
        self.durability = durability
        self._patience = patience
        self._waiting: Callable[[float], None] = lambda _: None
        self._connection = connection
        self._connections = 1
        self._is_resting = False
        self._process = os.getpid()
        self._statements = load_statements("sqlite")
        self._gone: str | None = None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that may write; it holds the write lock from the start.

        Committed when the block ends, rolled back when it raises. Raises `Unavailable` if others
        hold the lock for longer than our patience, or if the file cannot be used; nothing was
        changed then, except that a commit that reports an error may have happened: callers write
        what can be written twice.
        """
        with self._within("BEGIN IMMEDIATE") as connection:
            yield Transaction(connection, self._statements, self._translate, writing=True)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that only reads: one state of the database, without a lock."""
        with self._within("BEGIN", "SELECT 1 FROM sqlite_master LIMIT 1") as connection:
            yield Transaction(connection, self._statements, self._translate, writing=False)

    def changes(self) -> int:
        """A number that is another one after somebody else has committed; it costs nothing.

        Also after a rest: what happened meanwhile nobody knows. Raises `Unavailable`.
        """
        try:
            version = self._awake().execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            raise self._translate(error, "PRAGMA data_version") from error
        return (self._connections << 32) + int(version)

    def be_patient(self, waiting: Callable[[float], None]) -> None:
        """Wait for a busy database without end; `waiting` is told how long, each second.

        For a process whose programs run on meanwhile. What `waiting` raises ends the waiting.
        """
        self._patience = math.inf
        self._waiting = waiting

    def rest(self) -> None:
        """Close the connection until it is needed again. Before any fork."""
        self._check_process()
        if self._gone is None:
            self._connection.close()
            self._is_resting = True

    def close(self) -> None:
        """Close the connection for good; twice does no harm."""
        self._check_process()
        self._connection.close()
        self._gone = self._gone or f'the database "{self.path}" is closed'

    @contextmanager
    def _within(self, *begin: str) -> Iterator[sqlite3.Connection]:
        connection = self._awake()
        if connection.in_transaction:
            raise InternalError("a transaction inside a transaction")
        try:
            _patiently(connection, begin, self._patience, self._waiting)
        except sqlite3.Error as error:
            self._roll_back()
            raise self._translate(error, begin[0]) from error
        except BaseException:
            self._roll_back()
            raise
        try:
            yield connection
        except BaseException:
            self._roll_back()
            raise
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise self._translate(error, "COMMIT") from error

    def _awake(self) -> sqlite3.Connection:
        self._check_process()
        if self._gone is not None:
            raise Unavailable(self._gone)
        if self._is_resting:
            self._connection = _connect(self.path, self.durability, self._patience, create=False)
            self._connections += 1
            self._is_resting = False
        return self._connection

    def _roll_back(self) -> None:
        if self._gone is None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                # What made us roll back is being raised; this only decides that the connection is
                # finished.
                self._break(_unavailable(self.path, error))

    def _check_process(self) -> None:
        # A connection that crossed a fork shares file locks and the log with its twin: both would
        # corrupt it.
        if os.getpid() != self._process:
            raise InternalError(f'the connection to "{self.path}" belongs to another process')

    def _translate(self, error: Exception, name: str) -> DigpyError:
        if isinstance(error, sqlite3.IntegrityError):
            return InternalError(f"{name}: {error}")
        code = _code(error)
        if code in _BUSY or code in _BROKEN or _is_the_environment(code):
            unavailable = _unavailable(self.path, error)
            if code in _BROKEN:
                # After a failed sync the kernel may report success next time: never use this
                # connection again.
                self._break(unavailable)
                with suppress(OSError):  # `unavailable` says what is wrong with the place
                    _suspect(self.path).touch()
            return unavailable
        return InternalError(f"{name}: {error}")

    def _break(self, error: Unavailable) -> None:
        self._gone = str(error)
        self._connection.close()


def open_database(
    path: Path, *, durability: str = "full", create: bool = True, patience: float = PATIENCE
) -> Database:
    """Open the database file `path`; make it, and its directory, if it is missing and `create`.

    With `durability` ``full`` a commit survives power loss, with ``relaxed`` only the death of
    processes. A file of an older release is migrated. Raises `ConfigError` for one of a newer
    release, `Unavailable` when it is missing, damaged, no database of ours, or locked for longer
    than `patience` (seconds).
    """
    if durability not in _SYNCHRONOUS:
        raise ConfigError(f'database.durability is "{durability}"; it can be "full" or "relaxed"')
    return Database(_connect(path, durability, patience, create=create), path, durability, patience)


def _connect(path: Path, durability: str, patience: float, *, create: bool) -> sqlite3.Connection:
    try:
        if not path.exists():
            if not create:
                raise Unavailable(f'there is no database "{path}"')
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Parameters may be nobody else's business; SQLite's own files follow this one.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    except (sqlite3.Error, OSError) as error:
        raise _unavailable(path, error) from error
    try:
        if _suspect(path).exists():
            _check_integrity(connection, path)
        _patiently(connection, ["PRAGMA journal_mode=WAL"], patience)
        connection.execute(f"PRAGMA synchronous={_SYNCHRONOUS[durability]}")
        if _stamp(connection, path) != REVISION:
            # Under the lock it is read again: several processes may find the same new or old file.
            _patiently(connection, ["BEGIN IMMEDIATE"], patience)
            _bring_up_to_date(connection, path)
            connection.execute("COMMIT")
        connection.execute("PRAGMA foreign_keys=ON")
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise _unavailable(path, error) from error
        raise
    return connection


def load_statements(dialect: str) -> dict[str, Statement]:
    """The package's statements for `dialect`, by name."""
    text = (Path(__file__).parent / "sql" / f"{dialect}.sql").read_text("utf-8")
    statements = {}
    for part in text.split("\n-- ")[1:]:
        head, _, sql = part.partition("\n")
        name, _, parameters = head.partition("(")
        names = tuple(parameters[:-1].split(", ")) if len(parameters) > 1 else ()
        writes = not sql.startswith("SELECT")
        statements[name] = Statement(sql.rstrip().removesuffix(";"), names, writes)
    return statements


def who_locks(path: Path) -> str:
    """Who holds the write lock of a database, in words."""
    from digpy.filelock import record_lock_holders

    # In WAL mode all locks are on the file of the shared index.
    holders = record_lock_holders(path.with_name(path.name + "-shm"))
    return f"process {', '.join(map(str, holders))}" if holders else "another process"


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Make or migrate the schema, in the transaction that has begun."""
    stamp = _stamp(connection, path)
    if stamp is None:
        schema = Path(__file__).parent / "sql" / "schema.sqlite.sql"
        for statement in schema.read_text("utf-8").split(";\n"):
            connection.execute(statement)
    elif stamp > REVISION:
        raise ConfigError(
            f'the database "{path}" was written by a newer digpy: its schema is {stamp}, this'
            f" release knows {REVISION}. Nothing was changed: use that release or another file."
        )
    elif stamp < REVISION:
        from digpy.store.migrations import migrate

        migrate(connection)


def _stamp(connection: sqlite3.Connection, path: Path) -> str | None:
    """The revision of the file: None if it is empty, "" if no migration has run on it."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not names:
        return None
    if "alembic_version" not in names:
        raise Unavailable(f'"{path}" is a database, but not one of digpy\'s; nothing was changed')
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0]) if found else ""


def _suspect(path: Path) -> Path:
    """Exists after the disk has failed, until the whole database was looked through."""
    return path.with_name(path.name + ".suspect")


def _check_integrity(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise Unavailable(f'the database "{path}" was damaged by a failing disk: {found}')
    _suspect(path).unlink(missing_ok=True)


def _patiently(
    connection: sqlite3.Connection,
    statements: Sequence[str],
    patience: float,
    waiting: Callable[[float], None] = lambda _: None,
) -> None:
    """Execute `statements`, all of them again while the database is busy and `patience` lasts.

    `waiting` is told, each second, for how long.
    """
    began = time.monotonic()
    deadline, told = began + patience, began
    while True:
        try:
            for statement in statements:
                connection.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY or time.monotonic() > deadline:
                raise
        else:
            return
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if (now := time.monotonic()) >= told + 1:
            told = now
            waiting(now - began)
        # Half a millisecond and up to another half, by a clock's last digits, so that two do not
        # march in step.
        time.sleep(_PAUSE * (1 + time.monotonic_ns() % 1000 / 1000))


def _what_is_in_its_way(path: Path) -> str:
    from digpy.access import obstacle

    directory = path.parent
    for place in (directory, path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        if (found := obstacle(place, directory)) is not None:
            return f"{found.path}: {found.why}\n    help: {found.fix}"
    if not path.exists():
        return "it was moved or removed while it was used"
    return "what was committed is safe, try again"


def _code(error: Exception) -> int:
    """The primary result code; the driver's own complaints have none: 0."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _is_the_environment(code: int) -> bool:
    return code in {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
    }


def _unavailable(path: Path, error: Exception) -> Unavailable:
    code = _code(error)
    if code in _BUSY:
        what = f"is locked by {who_locks(path)}; nothing was changed, try again"
    elif code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        what = f"is damaged or no database ({error}); move it away to begin with a new one"
    elif code == sqlite3.SQLITE_FULL:
        what = "cannot grow: the disk is full; nothing was changed, make room and try again"
    else:
        what = f"cannot be used ({error}); {_what_is_in_its_way(path)}"
    kind = {sqlite3.SQLITE_FULL: DiskFull}.get(code, Locked if code in _BUSY else Unavailable)
    return kind(f'the database "{path}" {what}')
