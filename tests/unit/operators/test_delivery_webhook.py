"""Notifications over HTTP, to a real server."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from digpy.errors import ConfigError
from digpy.operators.delivery import DeliveryFailed, check
from tests.support.deliveries import lines, tell, told
from tests.support.web_server import web_server

SECRET = "T0KEN/very-secret"


def test_a_web_address_gets_json(tmp_path: Path) -> None:
    with web_server() as server:
        tell(lines("http", http__url=server.url + "/hook"), tmp_path)

    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/hook", told())


def test_requests_carry_the_id_of_the_notification(tmp_path: Path) -> None:
    with web_server() as server:
        tell(lines("http", http__url=server.url), tmp_path)

    assert server.asked[0].headers["idempotency-key"] == "id-1"


def test_method_and_headers_are_those_of_the_settings(tmp_path: Path) -> None:
    settings = {
        "http__method": "PUT",
        "http__headers.X-Token": "s3",
        "http__headers.User-Agent": "me",
    }
    with web_server() as server:
        tell(lines("http", http__url=server.url, **settings), tmp_path)

    (asked,) = server.asked
    assert asked.method == "PUT"
    assert (asked.headers["x-token"], asked.headers["user-agent"]) == ("s3", "me")


def test_slack_gets_one_text_in_which_nothing_is_markup(tmp_path: Path) -> None:
    with web_server() as server:
        tell(lines("http", http__url=server.url, http__format="slack"), tmp_path, "<!channel> & so")

    text = "&lt;!channel&gt; &amp; so: daily 2024-01-30T00:00:00+00:00, attempt 7"
    assert server.asked[0].body == {"text": text}


@pytest.mark.parametrize(
    ("status", "error"), [(500, "500 Internal Server Error"), (404, "404 Not Found"), (599, "599")]
)
def test_any_status_but_2xx_is_a_failure(status: int, error: str, tmp_path: Path) -> None:
    with (
        web_server(status) as server,
        pytest.raises(DeliveryFailed, match=f"^the server answered {error}$"),
    ):
        tell(lines("http", http__url=server.url), tmp_path)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_other_server_gets_to_see_a_notification(status: int, tmp_path: Path) -> None:
    with web_server() as other, web_server(status, location=other.url) as server:
        with pytest.raises(DeliveryFailed, match=f"^the server answered {status} "):
            tell(lines("http", http__url=server.url), tmp_path)

        assert other.asked == []


def test_a_refused_connection_is_a_failure(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/{SECRET}"
        with pytest.raises(DeliveryFailed, match=r"^Connection refused$"):
            tell(lines("http", http__url=url), tmp_path)


def test_a_server_that_speaks_something_else_does_not_reveal_the_address(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/{SECRET}"
        with web_server() as plain:
            url = plain.url.replace("http:", "https:") + "/" + SECRET
            with pytest.raises(DeliveryFailed) as failed:
                tell(lines("http", http__url=url), tmp_path)

    assert SECRET not in str(failed.value)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"http__url": f"ftp://host/{SECRET}"}, "notification.http.url is no address"),
        ({"http__url": f"https:///{SECRET}"}, "notification.http.url is no address"),
        ({"http__url": f"http://host:99999/{SECRET}"}, "notification.http.url is no address"),
        ({"http__url": f"http://me:{SECRET[:5]}@host/"}, "notification.http.url contains a user"),
        ({"http__url": f"http://host/\r\nX: {SECRET}"}, "notification.http.url contains a line"),
        ({"http__method": "GET /"}, "notification.http.method is no HTTP method"),
        ({"http__headers.X Y": SECRET}, "notification.http.headers.X Y is no name of a header"),
        ({"http__headers.X": f"a\nB: {SECRET}"}, "notification.http.headers.X contains a line"),
        ({"http__headers.X": f"ä{SECRET}"}, "notification.http.headers.X contains more than ASCII"),
    ],
)
def test_bad_settings_are_refused_without_being_shown(
    settings: dict[str, str], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as failed:
        check(lines("http", **{"http__url": "http://host/", **settings}), tmp_path)

    assert problem in str(failed.value)
    assert SECRET not in str(failed.value)
