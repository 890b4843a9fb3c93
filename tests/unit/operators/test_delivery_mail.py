"""Notifications by mail, to a real server."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from digpy.errors import ConfigError
from digpy.operators.delivery import DeliveryFailed, check
from tests.support.deliveries import lines, tell
from tests.support.mail_server import CERTIFICATE, MailServer, Received, mail_server

PASSWORD = "very secret"


def settings(server: MailServer | int, **more: str) -> dict[str, str]:
    port = server if isinstance(server, int) else server.port
    usual = {
        "mail__host": "localhost" if "mail__ssl" in more or "mail__tls" in more else "127.0.0.1",
        "mail__port": str(port),
        "mail__from": "digpy@example.com",
        "mail__to": "ops@example.com",
    }
    return lines("mail", **{**usual, **more})


def received(tmp_path: Path, message: str = "it failed", **more: str) -> Received:
    with mail_server() as server:
        tell(settings(server, **more), tmp_path, message)
    (found,) = server.received
    return found


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's certificate is one of those that are trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


def test_a_mail_says_what_happened(tmp_path: Path) -> None:
    text = received(tmp_path).message.get_content()

    assert text.startswith("it failed\n\nWorkflow:     daily\n")


def test_headers_are_those_of_the_settings(tmp_path: Path) -> None:
    more = {"mail__subject": "läuft nicht", "mail__to": "Ops <ops@example.com>, b@example.com"}
    message = received(tmp_path, mail__cc="c@example.com", **more).message

    names = ("From", "Sender", "To", "Cc", "Subject")
    assert [str(message[name]) for name in names] == [
        "digpy@example.com",
        "digpy@example.com",
        "Ops <ops@example.com>, b@example.com",
        "c@example.com",
        "läuft nicht",
    ]


def test_blind_copies_are_in_the_envelope_only(tmp_path: Path) -> None:
    mail = received(tmp_path, mail__bcc="boss@example.com")

    assert mail.recipients == ["ops@example.com", "boss@example.com"]
    assert "boss" not in mail.message.as_string()


def test_every_try_of_a_notification_has_the_same_message_id(tmp_path: Path) -> None:
    assert received(tmp_path).message["Message-ID"] == "<id-1@digpy>"


def test_a_template_decides_about_the_text(tmp_path: Path) -> None:
    (tmp_path / "body.txt").write_text("Ü ${workflow_name.toUpperCase()} ${attempt_id + 1}")

    mail = received(tmp_path, mail__body_template_file="body.txt")

    assert mail.message.get_content() == "Ü DAILY 8\n"


def test_what_is_told_is_no_template(tmp_path: Path) -> None:
    assert received(tmp_path, "${1 + 1}").message.get_content().startswith("${1 + 1}\n")


def test_in_html_what_is_told_is_no_markup(tmp_path: Path) -> None:
    (tmp_path / "body.html").write_text("<p>${message}</p>")
    more = {"mail__body_template_file": "body.html", "mail__html": "true"}

    message = received(tmp_path, "<b>", **more).message

    assert message.get_content_type() == "text/html"
    assert message.get_content() == "<p>&lt;b&gt;</p>\n"


def test_line_breaks_in_what_is_told_make_no_headers(tmp_path: Path) -> None:
    message = received(tmp_path, "x\r\nBcc: spy@example.com").message

    assert message["Bcc"] is None


@pytest.mark.usefixtures("believed")
def test_starttls_is_used_where_it_is_offered(tmp_path: Path) -> None:
    with mail_server(starttls=True) as server:
        tell(settings(server, mail__tls="true"), tmp_path)

    assert server.received[0].encrypted


def test_a_certificate_of_a_stranger_is_not_believed(tmp_path: Path) -> None:
    with mail_server(starttls=True) as server:
        with pytest.raises(DeliveryFailed, match="certificate verify failed"):
            tell(settings(server, mail__tls="true"), tmp_path)

        assert server.received == []


def test_starttls_can_be_switched_off(tmp_path: Path) -> None:
    with mail_server(starttls=True) as server:
        tell(settings(server, mail__tls="false"), tmp_path)

    assert not server.received[0].encrypted


def test_starttls_can_be_required(tmp_path: Path) -> None:
    with mail_server() as server:
        with pytest.raises(DeliveryFailed, match="does not offer STARTTLS, which is required"):
            tell(settings(server, mail__tls="required"), tmp_path)

        assert server.received == []


@pytest.mark.usefixtures("believed")
def test_a_connection_can_be_encrypted_from_the_first_byte(tmp_path: Path) -> None:
    with mail_server(tls=True) as server:
        tell(settings(server, mail__ssl="true"), tmp_path)

    assert server.received[0].encrypted


@pytest.mark.usefixtures("believed")
def test_a_user_logs_in(tmp_path: Path) -> None:
    login = {"mail__username": "me", "mail__password": PASSWORD}
    with mail_server(starttls=True) as server:
        assert not tell(settings(server, mail__tls="true", **login), tmp_path)

    assert server.logins == [f"\0me\0{PASSWORD}"]


def test_a_password_that_went_unencrypted_is_remarked(tmp_path: Path) -> None:
    login = {"mail__username": "me", "mail__password": PASSWORD}
    with mail_server() as server:
        remark = tell(settings(server, **login), tmp_path)

    assert remark == "the password was sent unencrypted: the mail server offers no STARTTLS"


def test_a_refused_login_does_not_reveal_the_password(tmp_path: Path) -> None:
    login = {"mail__username": "me", "mail__password": PASSWORD}
    with (
        mail_server(answers={"AUTH": f"535 {PASSWORD} is wrong"}) as server,
        pytest.raises(DeliveryFailed, match=r"^the mail server answered 535 \*\*\* is wrong$"),
    ):
        tell(settings(server, **login), tmp_path)


def test_the_conversation_can_be_shown_without_the_login(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    login = {"mail__username": "me", "mail__password": PASSWORD, "mail__debug": "true"}
    with mail_server() as server:
        tell(settings(server, **login), tmp_path)

    shown = capfd.readouterr().err
    assert "MAIL FROM" in shown.upper()
    assert "AUTH PLAIN" not in shown.replace("250-AUTH PLAIN", "").replace(r"AUTH PLAIN\n", "")


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"MAIL": "451 try later"}, "the mail server answered 451 try later"),
        ({"RCPT": "550 who?"}, "ops@example.com was refused: 550 who?"),
        ({"DATA": "554 no"}, "the mail server answered 554 no"),
    ],
)
def test_what_the_server_says_is_in_the_error(
    answers: dict[str, str], error: str, tmp_path: Path
) -> None:
    with mail_server(answers=answers) as server, pytest.raises(DeliveryFailed) as failed:
        tell(settings(server), tmp_path)

    assert str(failed.value) == error


def test_a_mail_that_some_have_got_is_delivered(tmp_path: Path) -> None:
    with mail_server(answers={"RCPT TO:<GONE@": "550 who?"}) as server:
        remark = tell(settings(server, mail__cc="gone@example.com"), tmp_path)

    assert remark == "gone@example.com was refused: 550 who?"
    assert server.received[0].recipients == ["ops@example.com"]


def test_trouble_after_the_server_has_the_mail_is_none(tmp_path: Path) -> None:
    with mail_server(answers={"QUIT": "500 no"}) as server:
        assert not tell(settings(server), tmp_path)


def test_a_refused_connection_is_a_failure(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(DeliveryFailed, match=r"^Connection refused$"):
            tell(settings(taken.getsockname()[1]), tmp_path)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({"mail__to": "no address"}, "mail.to contains what is no mail address"),
        ({"mail__to": ","}, "mail.to contains what is no mail address"),
        ({"mail__from": "a@x, b@x"}, "mail.from names more than one sender"),
        ({"mail__subject": "x\r\nBcc: spy@x"}, "mail.subject contains a line break"),
        ({"mail__to": "a@x\nBcc: spy@x"}, "mail.to contains a line break"),
        ({"mail__port": "70000"}, "mail.port is more than 65535"),
        ({"mail__body_template_file": "none.txt"}, "mail.body_template_file names "),
    ],
)
def test_bad_settings_are_refused(written: dict[str, str], problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as failed:
        check(settings(25, **written), tmp_path)

    assert f"notification.{problem}" in str(failed.value)
