"""A mail server on this machine that keeps what it is given: plain, with STARTTLS, or TLS at once.

Its certificate, for ``localhost``, is `CERTIFICATE`; ``SSL_CERT_FILE`` has it believed.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any, NamedTuple

CERTIFICATE = Path(__file__).parent / "certificates" / "localhost.pem"
"""Certificate and key, made for these tests only."""


class Received(NamedTuple):
    """A mail: who the envelope is for, what it says, and whether its line was encrypted."""

    recipients: list[str]
    message: EmailMessage
    encrypted: bool


class MailServer(ThreadingTCPServer):
    """Takes mails.

    Attributes:
        answers: what to answer to the commands that begin so, in place of what is usual; None:
            nothing, and for ever.
        logins: decoded ``AUTH PLAIN`` replies.
    """

    def __init__(
        self,
        *,
        starttls: bool = False,
        tls: bool = False,
        answers: Mapping[str, str | None] | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.starttls = starttls
        self.tls = tls
        self.answers = dict(answers or {})
        self.received: list[Received] = []
        self.logins: list[str] = []
        self.port = self.socket.getsockname()[1]

    def wrapped(self, connection: Any) -> Any:
        """The connection behind TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        return context.wrap_socket(connection, server_side=True)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Conversation(StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.encrypted = False
        if self.server.tls:
            self._encrypt()
        self.recipients: list[str] = []
        self._say("220 localhost")
        while line := self.rfile.readline().decode().strip():
            for start, answer in self.server.answers.items():
                if line.upper().startswith(start):
                    if answer is None:
                        self.rfile.read()  # until the client has had enough
                        return
                    self._say(answer)
                    break
            else:
                self._answer(line)

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _answer(self, line: str) -> None:
        word = line.partition(" ")[0].upper()
        if word == "EHLO":
            offers = ["AUTH PLAIN"]
            if self.server.starttls and not self.encrypted:
                offers.append("STARTTLS")
            self._say(
                "\r\n".join(["250-localhost", *(f"250-{offer}" for offer in offers), "250 SIZE"])
            )
        elif word == "STARTTLS":
            self._say("220 go ahead")
            self._encrypt()
        elif word == "AUTH":
            login = base64.b64decode(line.split()[2]).decode()
            self.server.logins.append(login)
            self._say("235 welcome")
        elif word == "RCPT":
            self.recipients.append(line.partition("<")[2].partition(">")[0])
            self._say("250 ok")
        elif word == "DATA":
            self._say("354 go on")
            self._read_mail()
            self._say("250 got it")
        else:
            self._say("221 bye" if word == "QUIT" else "250 ok")

    def _read_mail(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.replace(b"\r\n", b"\n"))
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        self.server.received.append(Received(self.recipients, message, self.encrypted))

    def _encrypt(self) -> None:
        self.connection = self.server.wrapped(self.connection)
        self.rfile = self.connection.makefile("rb")
        self.encrypted = True

    def _say(self, text: str) -> None:
        self.connection.sendall(text.encode() + b"\r\n")


@contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    """A server that runs in threads of this process; see `MailServer`."""
    with MailServer(**options) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
