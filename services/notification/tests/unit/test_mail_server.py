import pytest

from proctorium_notification.transport.smtp import MailServer


def test_plain_server() -> None:
    assert MailServer.parse("smtp://127.0.0.1:2525") == MailServer("127.0.0.1", 2525)
    assert MailServer.parse("smtp://mail.internal").port == 25


def test_encrypted_server_with_a_password() -> None:
    server = MailServer.parse("smtp+starttls://user%40x:p%2Fw@mail.example.org")
    assert (server.username, server.password, server.port) == ("user@x", "p/w", 587)
    assert server.start_tls
    assert MailServer.parse("smtps://u:p@mail.example.org").tls
    assert "p/w" not in repr(server)


@pytest.mark.parametrize(
    "url",
    ["", "mail.example.org", "http://mail", "smtp://", "smtp://user:secret@mail.example.org"],
    ids=repr,
)
def test_invalid_url_is_refused_without_its_text(url: str) -> None:
    with pytest.raises(ValueError, match=r"mail server|password") as refused:
        MailServer.parse(url)
    assert "secret" not in str(refused.value)
