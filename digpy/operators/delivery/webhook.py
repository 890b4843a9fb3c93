"""Notifications over HTTP: one request, its body JSON.

By the standard library: one request without redirects, pools or streams is all there is to it, and
the base installation stays without an HTTP library.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from http.client import HTTPMessage
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import digpy
from digpy.operators.delivery import Refused
from digpy.operators.delivery.lines import Lines
from digpy.values import Params

_TIMEOUT = 30.0
"""Seconds to connect, and for each answer."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Webhook:
    """Sends to one address; any status but 2xx is a failure.

    Follows digdag 0.10.5, which follows no redirects either. Proxies are taken from the usual
    variables (``https_proxy``, ``no_proxy``).
    """

    def __init__(self, lines: Lines) -> None:
        self._url = lines.required("http.url")
        self._method = lines.text("http.method")
        self._is_slack = lines.text("http.format") == "slack"
        self._headers = lines.below("http.headers")
        if self._url:
            _check_url(self._url, lines)
        if not _TOKEN.fullmatch(self._method):
            lines.refuse("http.method", "is no HTTP method")
        for name, value in self._headers.items():
            if not _TOKEN.fullmatch(name):
                lines.refuse(f"http.headers.{name}", "is no name of a header")
            elif not value.isascii():
                lines.refuse(f"http.headers.{name}", "contains more than ASCII")

    def send(self, payload: Params) -> str:
        """See `Sender.send`."""
        body = {"text": slack_text(payload)} if self._is_slack else payload
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"digpy/{digpy.__version__}",
            "Idempotency-Key": str(payload["id"]),
            **self._headers,
        }
        request = Request(  # noqa: S310 - the address was checked to be http or https
            self._url, json.dumps(body).encode(), headers, method=self._method
        )
        try:
            with build_opener(_NoRedirects).open(request, timeout=_TIMEOUT):
                return ""
        except HTTPError as error:
            with error:
                raise Refused(f"the server answered {_status(error.code)}") from None


class _NoRedirects(HTTPRedirectHandler):
    # Headers and address are for the server that was named, and for no other.
    def redirect_request(
        self,
        req: Request,  # noqa: ARG002
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: HTTPMessage,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> Request | None:
        return None


def slack_text(payload: Params) -> str:
    """One line in Slack's markup; what the payload says is shown as it is."""
    about = f"{payload['workflow_name']} {payload['session_time']}, attempt {payload['attempt_id']}"
    text = f"{payload['message']}: {about}"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _check_url(url: str, lines: Lines) -> None:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        lines.refuse("http.url", "is no address")
        return
    if parts.scheme not in ("http", "https") or not named or not url.isascii() or " " in url:
        lines.refuse("http.url", "is no address that begins with http:// or https://")
    elif parts.username is not None:
        lines.refuse("http.url", "contains a user: set notification.http.headers.Authorization")


def _status(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)
