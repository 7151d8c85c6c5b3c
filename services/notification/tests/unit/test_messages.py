"""Every topic in every language, and what a mail is made of."""

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from importlib.resources import files
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from icalendar import Calendar
from jinja2 import Environment, StrictUndefined, UndefinedError, meta

from proctorium_notification.domain.topics import CALENDAR, Session, Topic
from proctorium_notification.messages.commands import SAMPLE_HELP, preview, sample, sample_reader
from proctorium_notification.messages.contents import Content, Help, Reader, link_of
from proctorium_notification.messages.mail import AddressError, Mail, MailMaker
from proctorium_notification.messages.render import LOCALES, Renderer, _block, locale_of

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
URL = "https://portal.example.org"
RENDERER = Renderer(URL)
MAKER = MailMaker("Example Training <no-reply@example.org>", URL)
TEMPLATES = files("proctorium_notification") / "messages" / "templates"
DELIVERY = UUID("0197a000-0000-7000-8000-00000000000d")

ALL = [(topic, locale) for topic in Topic for locale in LOCALES]


def made(content: Content, reader: Reader | None = None, email: str = "ada@example.org") -> Mail:
    return MAKER.make(
        content,
        reader or sample_reader("en"),
        SAMPLE_HELP,
        delivery_id=DELIVERY,
        email=email,
        now=NOW,
    )


def parsed(mail: Mail) -> EmailMessage:
    message = message_from_bytes(mail.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize(("topic", "locale"), ALL, ids=str)
def test_every_topic_is_there_in_every_language(topic: Topic, locale: str) -> None:
    reader = sample_reader(locale)
    mail = RENDERER.mail(sample(topic), reader, SAMPLE_HELP)
    short = RENDERER.short(sample(topic), reader)
    assert mail.locale == locale
    assert short.subject == mail.subject
    for part in (mail.subject, short.body, mail.html, mail.text):
        assert part.strip()
        assert "{{" not in part
        assert "{%" not in part
    assert "\n" not in mail.subject
    assert link_of(sample(topic), URL) in mail.html
    assert link_of(sample(topic), URL) in mail.text
    assert reader.name in mail.html
    assert SAMPLE_HELP.contact in mail.text


@pytest.mark.parametrize("topic", list(Topic), ids=str)
def test_no_language_has_the_words_of_another(topic: Topic) -> None:
    said = {
        RENDERER.mail(sample(topic), sample_reader(locale), SAMPLE_HELP).text for locale in LOCALES
    }
    assert len(said) == len(LOCALES)


def test_every_template_belongs_to_a_topic() -> None:
    for locale in LOCALES:
        names = {path.name for path in (TEMPLATES / locale).iterdir()}
        assert names == {f"{topic}.jinja" for topic in Topic} | {"words.toml"}
    assert {path.name for path in TEMPLATES.iterdir() if path.is_dir()} == set(LOCALES)


@pytest.mark.parametrize(("topic", "locale"), ALL, ids=str)
def test_templates_use_only_what_they_are_given(topic: Topic, locale: str) -> None:
    source = (TEMPLATES / locale / f"{topic}.jinja").read_text(encoding="utf-8")
    assert meta.find_undeclared_variables(Environment().parse(source)) <= {
        "session",
        "start",
        "title",
    }


def test_a_template_that_uses_what_is_not_there_raises() -> None:
    template = Environment(undefined=StrictUndefined).from_string(
        "{% block subject %}{{ nobody }}{% endblock %}"
    )
    with pytest.raises(UndefinedError):
        _block(template, "subject", {})


@pytest.mark.parametrize("topic", [Topic.RESULT_RELEASED, Topic.CERTIFICATE_ISSUED], ids=str)
@pytest.mark.parametrize("locale", LOCALES)
def test_what_is_self_paced_names_no_session(topic: Topic, locale: str) -> None:
    mail = RENDERER.mail(Content(topic, None, uuid4()), sample_reader(locale), SAMPLE_HELP)
    assert "None" not in mail.text


@pytest.mark.parametrize(("topic", "locale"), ALL, ids=str)
def test_a_mail_fetches_nothing_and_leads_only_to_the_portal(topic: Topic, locale: str) -> None:
    html = RENDERER.mail(sample(topic), sample_reader(locale), SAMPLE_HELP).html
    links = set(re.findall(r"https?://[^\s\"'<>)]+", html)) - {"http://www.w3.org/1999/xhtml"}
    assert links == {link_of(sample(topic), URL)}
    assert "<img" not in html


def test_what_people_typed_is_text_and_nothing_else() -> None:
    session = Session(
        uuid4(), "A <script>alert(1)</script> & {{ x }}\r\nBcc: all", NOW, timedelta(hours=1)
    )
    mail = made(Content(Topic.CODE_ISSUED, session, uuid4(), "Kf7Q2mXa"), Reader("<b>Ada</b>{0}"))
    message = parsed(mail)
    assert message["Bcc"] is None
    html = message.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "<b>Ada" not in html.get_content()
    assert "&lt;b&gt;Ada&lt;/b&gt;{0}" in html.get_content()


def test_times_are_the_readers() -> None:
    content = sample(Topic.CODE_ISSUED)
    berlin = RENDERER.mail(content, Reader("Ada", "de", "Europe/Berlin"), SAMPLE_HELP).text
    assert "Freitag, 6. März 2026, 15:00 (Mitteleuropäische Normalzeit)" in berlin
    tokyo = RENDERER.mail(content, Reader("Ada", "en", "Asia/Tokyo"), SAMPLE_HELP).text
    assert "Friday, March 6, 2026, 11:00" in tokyo
    assert "Japan Standard Time" in tokyo
    nowhere = RENDERER.mail(content, Reader("Ada", "en", "Mars/Olympus"), SAMPLE_HELP).text
    assert "(UTC)" in nowhere
    london = RENDERER.mail(content, Reader("Ada", "de", "Europe/London"), SAMPLE_HELP).text
    assert "14:00 (UTC)" in london


@pytest.mark.parametrize(
    ("tag", "locale"),
    [("de-AT", "de"), ("DE", "de"), ("en_GB", "en"), ("fr", "en"), ("", "en")],
    ids=str,
)
def test_the_language_is_the_readers_or_the_first(tag: str, locale: str) -> None:
    assert locale_of(tag) == locale


def test_the_code_is_in_the_mail_and_not_in_the_application() -> None:
    content, reader = sample(Topic.CODE_ISSUED), sample_reader("en")
    mail = RENDERER.mail(content, reader, SAMPLE_HELP)
    assert content.code in mail.text
    assert content.code in mail.html
    assert content.code not in RENDERER.short(content, reader).body
    assert content.code not in repr(content)


def one_line(topic: Topic, locale: str, session: Session | None) -> str:
    content = Content(topic, session, uuid4(), sample(topic).code)
    return " ".join(RENDERER.mail(content, sample_reader(locale), SAMPLE_HELP).text.split())


@pytest.mark.parametrize(
    ("locale", "said"), [("en", "which no longer works"), ("de", "der nicht mehr gilt")]
)
def test_the_mail_of_a_code_that_replaces_another_says_so(locale: str, said: str) -> None:
    content = sample(Topic.CODE_REPLACED)
    text = one_line(Topic.CODE_REPLACED, locale, content.session)
    assert said in text
    assert content.code in text
    assert said not in one_line(Topic.CODE_ISSUED, locale, content.session)
    assert content.code not in RENDERER.short(content, sample_reader(locale)).body


@pytest.mark.parametrize(
    ("locale", "said"),
    [("en", "once the session has ended"), ("de", "sobald die Sitzung beendet ist")],
)
def test_feedback_is_promised_for_when_the_session_has_ended(locale: str, said: str) -> None:
    session = sample(Topic.RESULT_RELEASED).session
    assert said in one_line(Topic.RESULT_RELEASED, locale, session)
    assert said not in one_line(Topic.RESULT_RELEASED, locale, None)


def test_a_mail_has_text_html_and_headers_that_machines_read() -> None:
    message = parsed(made(sample(Topic.RESULT_RELEASED)))
    assert message["Message-ID"] == f"<{DELIVERY}@example.org>"
    assert message["From"] == "Example Training <no-reply@example.org>"
    assert message["To"] == "Ada <ada@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "en"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_the_same_delivery_is_the_same_message() -> None:
    assert (
        parsed(made(sample(Topic.REMOVED)))["Message-ID"]
        == parsed(made(sample(Topic.REMOVED)))["Message-ID"]
    )


@pytest.mark.parametrize("topic", sorted(CALENDAR), ids=str)
def test_messages_about_dates_carry_a_calendar_entry(topic: Topic) -> None:
    message = parsed(made(sample(topic)))
    [part] = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    assert part.get_param("method") == CALENDAR[topic]
    calendar = Calendar.from_ical(part.get_content())
    assert calendar["METHOD"] == CALENDAR[topic]
    [event] = calendar.walk("VEVENT")
    session = sample(topic).session
    assert session is not None
    assert event["UID"] == f"{session.session_id}@example.org"
    assert event.decoded("DTSTART") == session.start_at
    assert event.decoded("DTEND") == session.end_at
    assert event["ATTENDEE"] == "mailto:ada@example.org"
    attachments = [part.get_filename() for part in message.iter_attachments()]
    assert attachments == ["session.ics"]


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "a b@example.org",
        "ada@",
        "@example.org",
        "ada@a@example.org",
        "ada@a..org",
        f"ada@{'x' * 64}.org",
        "ada@[127.0.0.1]",
        "ada@\u200b.org",
        "ada@exam\u2028ple.org",
        "a\u2028b@example.org",
        "a\x85b@example.org",
        "a\x7fb@example.org",
        "ada@example.org\r\nBcc: x@y.z",
    ],
    ids=repr,
)
def test_what_is_no_address_is_refused_and_not_repeated(email: str) -> None:
    with pytest.raises(AddressError) as refused:
        made(sample(Topic.REMOVED), email=email)
    assert not email or email not in str(refused.value)


def test_an_address_with_other_letters_needs_a_server_that_knows_them() -> None:
    mail = made(sample(Topic.REMOVED), email="ädä@example.org")
    assert mail.needs_utf8
    assert "ädä@example.org".encode() in mail.content
    assert not made(sample(Topic.REMOVED)).needs_utf8


def test_addresses_and_names_are_not_shown_by_accident() -> None:
    assert "ada@example.org" not in repr(made(sample(Topic.REMOVED)))
    assert "Lovelace" not in repr(Reader("Ada Lovelace"))


def test_help_that_is_not_known_is_left_out() -> None:
    mail = RENDERER.mail(sample(Topic.REMOVED), sample_reader("en"), Help())
    assert "Questions?" not in mail.text
    assert "at Proctorium" in mail.text


def test_preview_writes_each_message_to_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preview(["--folder", str(tmp_path)]) == 0
    assert len(list(tmp_path.iterdir())) == len(ALL) * 2
    one = tmp_path / "one"
    assert preview(["--topic", "removed", "--locale", "de", "--folder", str(one)]) == 0
    assert {path.name for path in one.iterdir()} == {"removed.de.html", "removed.de.txt"}
    assert "Sie wurden aus" in capsys.readouterr().out


@pytest.mark.parametrize(
    "title",
    [
        "Ämter —Übung",
        "Ämter Übung " * 12,
        "Örtliche Prüfung: " + "x" * 60 + " — Ärzte",
        "安全 培训 " * 15,
        "plain " * 25 + "é é",
    ],
)
@pytest.mark.parametrize("email", ["ada@example.org", "ädä@example.org"], ids=["ascii", "utf8"])
def test_blanks_of_subjects_and_names_survive(title: str, email: str) -> None:
    title = title.strip()
    session = Session(uuid4(), title, NOW, timedelta(hours=1))
    content = Content(Topic.CODE_ISSUED, session, uuid4(), "Kf7Q2mXa")
    mail = made(content, Reader(title, "de"), email=email)
    head = mail.content.partition(b"\r\n\r\n")[0].decode()
    lines = head.replace("\r\n ", " ").split("\r\n")
    # As RFC 2047 reads it: Python's parser of addresses adds blanks between encoded words.
    said = {
        name: str(make_header(decode_header(text)))
        for name, _, text in (line.partition(": ") for line in lines)
    }
    assert said["Subject"] == f"Ihr Zugangscode für {title}"
    assert said["To"] == f"{title} <{email}>"


@pytest.mark.parametrize(("topic", "locale"), ALL, ids=str)
def test_mails_are_of_seven_bits_and_short_lines(topic: Topic, locale: str) -> None:
    mail = made(sample(topic), Reader("Jürgen Größner", locale))
    assert mail.content.isascii()
    assert max(map(len, mail.content.split(b"\r\n"))) <= 998
    assert b"8bit" not in mail.content
