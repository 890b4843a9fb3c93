"""Delivers notifications, in a process of its own, so that nobody waits for anybody's mail server.

`Courier.tick` is called whenever something happens, or is due. One notification is under way at a
time. A try is counted before it begins and its outcome is written down after it: a crash between
the two has it tried again, under the same id.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from digpy.clock import Clock
from digpy.errors import Unavailable
from digpy.failpoints import reach
from digpy.launchers.local import Channel, LocalLauncher, LocalWorker
from digpy.operators.delivery import DeliveryFailed, Retries
from digpy.store import events as event_rows
from digpy.store import notifications as notification_rows
from digpy.store.database import Database
from digpy.store.events import NewEvent
from digpy.store.notifications import NotificationRow
from digpy.values import SECOND, Params

_ANSWER = SECOND
"""How long the process may take to give up after it was told to."""

Deliver: TypeAlias = Callable[[Params], str]
"""Sends a body, and returns a remark; raises `DeliveryFailed`."""


def courier_main(deliver: Deliver, channel: Channel) -> None:
    """Body of the forked process: deliver one body after the other, and say what became of it."""
    while (body := channel.wait()) is not None:
        try:
            channel.send({"remark": deliver(body)})
        except DeliveryFailed as error:
            channel.send({"error": str(error)})


class _UnderWay(NamedTuple):
    row: NotificationRow  # as it was before this try
    until: int

    @property
    def tries(self) -> int:
        """This one included."""
        return self.row.tries + 1


class Courier:
    """Delivers what is waiting, oldest first.

    `open_database` opens a connection of the courier's own; it is closed before `launch` is called,
    which forks, and has to see to it that no other is open. `limit` is how long a try may take
    (microseconds).

    Attributes:
        error: what went wrong last, None if nothing has.
    """

    def __init__(
        self,
        open_database: Callable[[], Database],
        launcher: LocalLauncher,
        launch: Callable[[], LocalWorker],
        clock: Clock,
        retries: Retries,
        limit: int,
    ) -> None:
        self._open_database = open_database
        self._database: Database | None = None
        self._launcher = launcher
        self._launch = launch
        self._clock = clock
        self._retries = retries
        self._limit = limit
        self._worker: LocalWorker | None = None
        self._under_way: _UnderWay | None = None
        self.error: str | None = None

    @property
    def channel(self) -> Channel | None:
        """What to wait for; None while nothing is under way."""
        return None if self._under_way is None or self._worker is None else self._worker.channel

    def tick(self) -> int | None:
        """Look, act, and return the instant (UTC microseconds) to look again; None: all is done."""
        if self._under_way is not None:
            self._look_after(self._under_way)
        while self._under_way is None:
            row = self._first()
            if row is None or row.next_at is None:
                return None
            if row.next_at > self._clock.now():
                return row.next_at
            self._begin(row)
        return self._under_way.until

    def waiting(self) -> int:
        """How many notifications are still to be delivered."""
        with self._opened().reading() as tx:
            return notification_rows.count_waiting(tx)

    def close(self) -> None:
        """Stop; what is under way is given up, and tried again later."""
        if self._under_way is not None:
            self._give_up(self._under_way)
        self._let_go()
        self._close_database()

    # One try

    def _first(self) -> NotificationRow | None:
        with self._opened().reading() as tx:
            return notification_rows.first_waiting(tx)

    def _begin(self, row: NotificationRow) -> None:
        until = self._clock.now() + self._limit
        with self._opened().transaction() as tx:
            # Longer than we wait ourselves: nobody else begins while this try may be under way.
            if not notification_rows.begin(tx, row, until + _ANSWER):
                return  # somebody else delivers it
        under_way = _UnderWay(row, until)
        try:
            worker = self._employed()
        except Unavailable as error:
            self._end(under_way, error=str(error))
            return
        worker.channel.send(row.body)
        self._under_way = under_way

    def _look_after(self, under_way: _UnderWay) -> None:
        assert self._worker is not None  # noqa: S101 - it carries what is under way
        for message in self._worker.channel.receive():
            reach("courier.before_record")
            self._end(under_way, **message)
            return
        if self._worker.channel.closed:
            self._let_go()
            self._end(under_way, error="the process that was to deliver it ended")
        elif self._clock.now() >= under_way.until:
            self._give_up(under_way)

    def _give_up(self, under_way: _UnderWay) -> None:
        """Have the process stop, and what it started; it says so, unless it is past hearing."""
        worker = self._worker
        assert worker is not None  # noqa: S101 - it carries what is under way
        if self._launcher.probe(worker) is None:
            os.kill(worker.pid, signal.SIGALRM)
        select.select([worker.channel], [], [], _ANSWER / SECOND)
        answers = worker.channel.receive()
        self._end(under_way, **(answers[0] if answers else {"error": "it hung, and was killed"}))
        self._let_go()

    def _end(self, under_way: _UnderWay, *, error: str | None = None, remark: str = "") -> None:
        self.error = error or self.error
        row, tries, now = under_way.row, under_way.tries, self._clock.now()
        wait = self._retries.wait(tries)
        again_at = None if wait is None else now + wait
        with self._opened().transaction() as tx:
            if error is None:
                ended = notification_rows.end(
                    tx, row.id, tries, delivered_at=now, error=remark or None
                )
                kind, data = "notification.delivered", {"remark": remark} if remark else {}
            else:
                ended = notification_rows.end(tx, row.id, tries, next_at=again_at, error=error)
                kind, data = "notification.failed", {"error": error}
            if ended and row.attempt is not None:
                about: Params = {"id": row.id, "kind": row.kind, "try": tries, **data}
                event_rows.append(tx, row.attempt, NewEvent(now, kind, "courier", data=about))
        self._under_way = None

    # The process, and the database

    def _employed(self) -> LocalWorker:
        if self._worker is None:
            self._opened().rest()
            self._worker = self._launch()
        return self._worker

    def _let_go(self) -> None:
        if self._worker is not None:
            self._launcher.terminate(self._worker, kill=True)
            self._launcher.reap(self._worker)
            self._worker.channel.close()
            self._worker = None

    def _opened(self) -> Database:
        if self._database is None:
            self._database = self._open_database()
        return self._database

    def _close_database(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
