"""A web server on this machine that keeps what it is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """A request; the names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class WebServer(ThreadingHTTPServer):
    """Answers each request with the next of `statuses`, and with the last one from then on.

    A status of 0 answers nothing until the server ends.
    """

    daemon_threads = False  # the end waits for them

    def __init__(self, *statuses: int, location: str = "/elsewhere") -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.statuses = list(statuses)
        self.location = location
        self.asked: list[Asked] = []
        self.ended = Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Answer(BaseHTTPRequestHandler):
    server: WebServer

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline()
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(Asked(self.command, self.path, headers, json.loads(body or "{}")))
        statuses = self.server.statuses
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        if not status:
            self.server.ended.wait()
            return
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's
        pass


@contextmanager
def web_server(*statuses: int, **options: Any) -> Iterator[WebServer]:
    """A server that runs in threads of this process; see `WebServer`."""
    with WebServer(*(statuses or (200,)), **options) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
