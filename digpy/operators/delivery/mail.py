"""Notifications by mail."""

from __future__ import annotations

import html
import ssl
from contextlib import suppress
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import default
from email.utils import localtime
from pathlib import Path
from smtplib import (
    SMTP,
    SMTP_SSL,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from typing import Any

from digpy.expr.evaluate import evaluate_text
from digpy.operators.delivery import Refused
from digpy.operators.delivery.lines import Lines
from digpy.values import Params

_CONNECT_TIMEOUT = 10.0
_ANSWER_TIMEOUT = 60.0
"""Seconds; as in digdag 0.10.5."""

_LAST_PORT = 65535

_BODY = """\
${message}

Workflow:     ${workflow_name}
Session time: ${session_time}
Project:      ${project_name}
Revision:     ${revision}
Session:      ${session_id}
Attempt:      ${attempt_id}
Task:         ${task_name}
Time:         ${timestamp}
"""


class Mail:
    """One message to all recipients, through one server.

    Follows digdag 0.10.5: keys, STARTTLS where it is offered, ``Sender``. Differs: certificates
    must be for the host; in an HTML mail what is put into the template is escaped.
    """

    def __init__(self, lines: Lines, project: Path) -> None:
        self._host = lines.required("mail.host")
        self._port = int(lines.required("mail.port") or 0)
        if self._port > _LAST_PORT:
            lines.refuse("mail.port", f"is more than {_LAST_PORT}")
        self._tls = lines.text("mail.tls")
        self._ssl = lines.text("mail.ssl").lower() == "true"
        self._username = lines.text("mail.username")
        self._password = lines.text("mail.password")
        self._debug = lines.text("mail.debug").lower() == "true"
        self._from = _addresses(lines, "from", lines.required("mail.from"))
        self._recipients = {
            "To": _addresses(lines, "to", lines.required("mail.to")),
            "Cc": _addresses(lines, "cc", lines.text("mail.cc")),
            "Bcc": _addresses(lines, "bcc", lines.text("mail.bcc")),
        }
        self._subject = lines.text("mail.subject")
        self._is_html = lines.text("mail.html").lower() == "true"
        self._template = _template(lines, project)

    def send(self, payload: Params) -> str:
        """See `Sender.send`."""
        message = self._message(payload)
        try:
            return self._hand_over(message)
        except SMTPRecipientsRefused as error:
            raise Refused(_refusals(error.recipients)) from None
        except SMTPResponseException as error:
            answer = _answer(error.smtp_code, error.smtp_error)
            raise Refused(f"the mail server answered {answer}") from None
        except SMTPException as error:
            raise Refused(f"the mail server cannot be used: {error}") from None

    def _hand_over(self, message: EmailMessage) -> str:
        recipients = [a.addr_spec for field in self._recipients.values() for a in field.addresses]
        server = self._connected()
        try:
            remarks = self._secure(server)
            refused = server.send_message(message, self._from.addresses[0].addr_spec, recipients)
            with suppress(OSError):
                server.quit()  # the server has the mail, whatever it says now
        finally:
            server.close()
        if refused:  # the others have got the mail: sending it again would be worse
            remarks.append(_refusals(refused))
        return "; ".join(remarks)

    def _connected(self) -> SMTP:
        if self._ssl:
            context = ssl.create_default_context()
            server: SMTP = SMTP_SSL(
                self._host, self._port, timeout=_CONNECT_TIMEOUT, context=context
            )
        else:
            server = SMTP(self._host, self._port, timeout=_CONNECT_TIMEOUT)
        if server.sock is not None:
            server.sock.settimeout(_ANSWER_TIMEOUT)
        server.set_debuglevel(self._debug)
        return server

    def _secure(self, server: SMTP) -> list[str]:
        """Encrypt and log in as far as it is wanted; returns remarks."""
        server.ehlo()
        is_encrypted = self._ssl
        if not is_encrypted and self._tls != "false" and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            is_encrypted = True
        if not is_encrypted and self._tls == "required":
            raise Refused("the mail server does not offer STARTTLS, which is required")
        if not self._username:
            return []
        server.set_debuglevel(0)  # a log is no place for a password
        server.login(self._username, self._password)
        server.set_debuglevel(self._debug)
        if is_encrypted:
            return []
        return ["the password was sent unencrypted: the mail server offers no STARTTLS"]

    def _message(self, payload: Params) -> EmailMessage:
        values = payload
        if self._is_html:
            values = {
                key: html.escape(value) if isinstance(value, str) else value
                for key, value in payload.items()
            }
        message = EmailMessage()
        message["From"] = message["Sender"] = str(self._from)
        for name, field in self._recipients.items():
            if field.addresses and name != "Bcc":
                message[name] = str(field)
        message["Subject"] = self._subject
        message["Date"] = localtime()
        message["Message-ID"] = f"<{payload['id']}@digpy>"  # the same at every try
        text = evaluate_text(self._template, values)
        message.set_content(text, subtype="html" if self._is_html else "plain")
        return message


def _addresses(lines: Lines, name: str, written: str) -> AddressHeader:
    parsed: Any = default.header_factory(name, written)  # made of two classes, and typed as neither
    found: AddressHeader = parsed
    if parsed.defects:
        lines.refuse(f"mail.{name}", "contains what is no mail address")
    elif name == "from" and len(found.addresses) > 1:
        lines.refuse("mail.from", "names more than one sender")
    return found


def _template(lines: Lines, project: Path) -> str:
    key = "mail.body_template_file"
    name = lines.text(key)
    if not name:
        return _BODY
    try:
        return (project / name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        lines.refuse(key, f'names "{project / name}", which cannot be read: {why}')
        return ""


def _refusals(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{who} was refused: {_answer(*why)}" for who, why in refused.items())


def _answer(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(said.split())}"
