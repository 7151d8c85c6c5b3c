"""Tests of the messages of every topic in every language, and of the parts of mails."""

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

from proctorium_common.process.commands import main
from proctorium_notification.__main__ import build
from proctorium_notification.commands import (
    PREVIEW,
    SAMPLE_SUPPORT,
    sample_content,
    sample_reader,
)
from proctorium_notification.domain.topics import CALENDAR_METHODS, Session, Topic
from proctorium_notification.rendering.content import Content, Reader, Support, link_of
from proctorium_notification.rendering.mail import AddressError, Mail, MailBuilder
from proctorium_notification.rendering.renderer import LOCALES, Renderer, _block, locale_of
from proctorium_notification.settings import Settings

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
URL = "https://portal.example.org"
RENDERER = Renderer(URL)
BUILDER = MailBuilder("Example Training <no-reply@example.org>", URL)
TEMPLATES = files("proctorium_notification") / "rendering" / "templates"
DELIVERY_ID = UUID("0197a000-0000-7000-8000-00000000000d")

ALL = [(topic, locale) for topic in Topic for locale in LOCALES]


def build_mail(
    content: Content, reader: Reader | None = None, email: str = "ada@example.org"
) -> Mail:
    return BUILDER.build(
        content,
        reader or sample_reader("en"),
        SAMPLE_SUPPORT,
        delivery_id=DELIVERY_ID,
        email=email,
        now=NOW,
    )


def parse(mail: Mail) -> EmailMessage:
    message = message_from_bytes(mail.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize(("topic", "locale"), ALL, ids=str)
def test_every_topic_is_rendered_in_every_language(topic: Topic, locale: str) -> None:
    reader = sample_reader(locale)
    mail = RENDERER.mail(sample_content(topic), reader, SAMPLE_SUPPORT)
    summary = RENDERER.summary(sample_content(topic), reader)
    assert mail.locale == locale
    assert summary.subject == mail.subject
    for part in (mail.subject, summary.body, mail.html, mail.text):
        assert part.strip()
        assert "{{" not in part
        assert "{%" not in part
    assert "\n" not in mail.subject
    assert link_of(sample_content(topic), URL) in mail.html
    assert link_of(sample_content(topic), URL) in mail.text
    assert reader.name in mail.html
    assert SAMPLE_SUPPORT.contact in mail.text


@pytest.mark.parametrize("topic", list(Topic), ids=str)
def test_languages_differ(topic: Topic) -> None:
    texts = {
        RENDERER.mail(sample_content(topic), sample_reader(locale), SAMPLE_SUPPORT).text
        for locale in LOCALES
    }
    assert len(texts) == len(LOCALES)


def test_every_template_belongs_to_a_topic() -> None:
    for locale in LOCALES:
        names = {path.name for path in (TEMPLATES / locale).iterdir()}
        assert names == {f"{topic}.jinja" for topic in Topic} | {"common.toml"}
    assert {path.name for path in TEMPLATES.iterdir() if path.is_dir()} == set(LOCALES)


@pytest.mark.parametrize(("topic", "locale"), ALL, ids=str)
def test_templates_use_only_defined_variables(topic: Topic, locale: str) -> None:
    source = (TEMPLATES / locale / f"{topic}.jinja").read_text(encoding="utf-8")
    assert meta.find_undeclared_variables(Environment().parse(source)) <= {
        "session",
        "start",
        "title",
    }


def test_undefined_variable_in_a_template_is_an_error() -> None:
    template = Environment(undefined=StrictUndefined).from_string(
        "{% block subject %}{{ undefined }}{% endblock %}"
    )
    with pytest.raises(UndefinedError):
        _block(template, "subject", {})


@pytest.mark.parametrize("topic", [Topic.RESULT_RELEASED, Topic.CERTIFICATE_ISSUED], ids=str)
@pytest.mark.parametrize("locale", LOCALES)
def test_message_about_self_paced_work_names_no_session(topic: Topic, locale: str) -> None:
    mail = RENDERER.mail(Content(topic, None, uuid4()), sample_reader(locale), SAMPLE_SUPPORT)
    assert "None" not in mail.text


@pytest.mark.parametrize("locale", LOCALES)
def test_alarm_names_all_uncovered_sessions(locale: str) -> None:
    content = Content(Topic.SESSION_UNCOVERED, subject_title="First Aid, Fire Safety")
    mail = RENDERER.mail(content, sample_reader(locale), SAMPLE_SUPPORT)
    assert "First Aid, Fire Safety" in mail.text
    assert "None" not in mail.text
    assert f"{URL}/supervise" in mail.text


@pytest.mark.parametrize(("topic", "locale"), ALL, ids=str)
def test_mail_loads_nothing_and_links_only_to_the_portal(topic: Topic, locale: str) -> None:
    html = RENDERER.mail(sample_content(topic), sample_reader(locale), SAMPLE_SUPPORT).html
    links = set(re.findall(r"https?://[^\s\"'<>)]+", html)) - {"http://www.w3.org/1999/xhtml"}
    assert links == {link_of(sample_content(topic), URL)}
    assert "<img" not in html


def test_texts_of_people_are_escaped() -> None:
    session = Session(
        uuid4(), "A <script>alert(1)</script> & {{ x }}\r\nBcc: all", NOW, timedelta(hours=1)
    )
    mail = build_mail(
        Content(Topic.CODE_ISSUED, session, uuid4(), "Kf7Q2mXa"), Reader("<b>Ada</b>{0}")
    )
    message = parse(mail)
    assert message["Bcc"] is None
    html = message.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "<b>Ada" not in html.get_content()
    assert "&lt;b&gt;Ada&lt;/b&gt;{0}" in html.get_content()


def test_times_are_in_the_time_zone_of_the_reader() -> None:
    content = sample_content(Topic.CODE_ISSUED)
    berlin = RENDERER.mail(content, Reader("Ada", "de", "Europe/Berlin"), SAMPLE_SUPPORT).text
    assert "Freitag, 6. März 2026, 15:00 (Mitteleuropäische Normalzeit)" in berlin
    tokyo = RENDERER.mail(content, Reader("Ada", "en", "Asia/Tokyo"), SAMPLE_SUPPORT).text
    assert "Friday, March 6, 2026, 11:00" in tokyo
    assert "Japan Standard Time" in tokyo
    nowhere = RENDERER.mail(content, Reader("Ada", "en", "Mars/Olympus"), SAMPLE_SUPPORT).text
    assert "(UTC)" in nowhere
    london = RENDERER.mail(content, Reader("Ada", "de", "Europe/London"), SAMPLE_SUPPORT).text
    assert "14:00 (UTC)" in london


@pytest.mark.parametrize(
    ("tag", "locale"),
    [("de-AT", "de"), ("DE", "de"), ("en_GB", "en"), ("fr", "en"), ("", "en")],
    ids=str,
)
def test_language_is_that_of_the_reader_or_the_default(tag: str, locale: str) -> None:
    assert locale_of(tag) == locale


def test_code_is_in_the_mail_and_not_in_the_application() -> None:
    content, reader = sample_content(Topic.CODE_ISSUED), sample_reader("en")
    mail = RENDERER.mail(content, reader, SAMPLE_SUPPORT)
    assert content.code in mail.text
    assert content.code in mail.html
    assert content.code not in RENDERER.summary(content, reader).body
    assert content.code not in repr(content)


def text_in_one_line(topic: Topic, locale: str, session: Session | None) -> str:
    content = Content(topic, session, uuid4(), sample_content(topic).code)
    return " ".join(RENDERER.mail(content, sample_reader(locale), SAMPLE_SUPPORT).text.split())


@pytest.mark.parametrize(
    ("locale", "phrase"), [("en", "which no longer works"), ("de", "der nicht mehr gilt")]
)
def test_mail_with_a_replacement_code_mentions_it(locale: str, phrase: str) -> None:
    content = sample_content(Topic.CODE_REPLACED)
    text = text_in_one_line(Topic.CODE_REPLACED, locale, content.session)
    assert phrase in text
    assert content.code in text
    assert phrase not in text_in_one_line(Topic.CODE_ISSUED, locale, content.session)
    assert content.code not in RENDERER.summary(content, sample_reader(locale)).body


def test_mail_has_text_and_html_and_automatic_headers() -> None:
    message = parse(build_mail(sample_content(Topic.RESULT_RELEASED)))
    assert message["Message-ID"] == f"<{DELIVERY_ID}@example.org>"
    assert message["From"] == "Example Training <no-reply@example.org>"
    assert message["To"] == "Ada <ada@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "en"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_mails_of_one_delivery_have_the_same_message_id() -> None:
    assert (
        parse(build_mail(sample_content(Topic.PARTICIPANT_REMOVED)))["Message-ID"]
        == parse(build_mail(sample_content(Topic.PARTICIPANT_REMOVED)))["Message-ID"]
    )


@pytest.mark.parametrize("topic", sorted(CALENDAR_METHODS), ids=str)
def test_messages_about_dates_have_a_calendar_entry(topic: Topic) -> None:
    message = parse(build_mail(sample_content(topic)))
    [part] = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    assert part.get_param("method") == CALENDAR_METHODS[topic]
    calendar = Calendar.from_ical(part.get_content())
    assert calendar["METHOD"] == CALENDAR_METHODS[topic]
    [event] = calendar.walk("VEVENT")
    session = sample_content(topic).session
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
def test_invalid_address_is_refused_without_its_text(email: str) -> None:
    with pytest.raises(AddressError) as refused:
        build_mail(sample_content(Topic.PARTICIPANT_REMOVED), email=email)
    assert not email or email not in str(refused.value)


def test_non_ascii_address_needs_smtputf8() -> None:
    mail = build_mail(sample_content(Topic.PARTICIPANT_REMOVED), email="ädä@example.org")
    assert mail.needs_utf8
    assert "ädä@example.org".encode() in mail.content
    assert not build_mail(sample_content(Topic.PARTICIPANT_REMOVED)).needs_utf8


def test_repr_has_no_address_and_no_name() -> None:
    assert "ada@example.org" not in repr(build_mail(sample_content(Topic.PARTICIPANT_REMOVED)))
    assert "Lovelace" not in repr(Reader("Ada Lovelace"))


def test_unknown_support_contact_is_omitted() -> None:
    mail = RENDERER.mail(sample_content(Topic.PARTICIPANT_REMOVED), sample_reader("en"), Support())
    assert "Questions?" not in mail.text
    assert "at Proctorium" in mail.text


def preview(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run the command `preview`. The command needs no settings."""
    monkeypatch.setattr("sys.argv", ["notification", "preview", *arguments])
    with pytest.raises(SystemExit) as ended:
        main("proctorium_notification", Settings, build, commands=[PREVIEW])
    assert ended.value.code == 0


def test_preview_writes_each_message_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    preview(monkeypatch, "--folder", str(tmp_path))
    assert len(list(tmp_path.iterdir())) == len(ALL) * 2
    one = tmp_path / "one"
    preview(monkeypatch, "--topic", "participant_removed", "--locale", "de", "--folder", str(one))
    assert {path.name for path in one.iterdir()} == {
        "participant_removed.de.html",
        "participant_removed.de.txt",
    }
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
def test_spaces_in_subjects_and_names_are_preserved(title: str, email: str) -> None:
    title = title.strip()
    session = Session(uuid4(), title, NOW, timedelta(hours=1))
    content = Content(Topic.CODE_ISSUED, session, uuid4(), "Kf7Q2mXa")
    mail = build_mail(content, Reader(title, "de"), email=email)
    head = mail.content.partition(b"\r\n\r\n")[0].decode()
    lines = head.replace("\r\n ", " ").split("\r\n")
    # Decode the headers by the rules of RFC 2047, because Python's parser of addresses adds spaces between encoded
    # words.
    headers = {
        name: str(make_header(decode_header(text)))
        for name, _, text in (line.partition(": ") for line in lines)
    }
    assert headers["Subject"] == f"Ihr Zugangscode für {title}"
    assert headers["To"] == f"{title} <{email}>"


@pytest.mark.parametrize(("topic", "locale"), ALL, ids=str)
def test_mails_are_7_bit_with_short_lines(topic: Topic, locale: str) -> None:
    mail = build_mail(sample_content(topic), Reader("Jürgen Größner", locale))
    assert mail.content.isascii()
    assert max(map(len, mail.content.split(b"\r\n"))) <= 998
    assert b"8bit" not in mail.content
