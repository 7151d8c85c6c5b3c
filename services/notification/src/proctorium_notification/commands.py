"""The command `preview`, which writes rendered messages to files instead of sending them (`N3`)."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from proctorium_common.process.commands import Command
from proctorium_notification.domain.topics import CODE_TOPICS, Session, Topic
from proctorium_notification.rendering.content import Content, Reader, Support
from proctorium_notification.rendering.renderer import LOCALES, Renderer

SAMPLE_SESSION = Session(
    session_id=UUID("0197a000-0000-7000-8000-000000000001"),
    title="First Aid at Work: final session",
    start_at=datetime(2026, 3, 6, 14, 0, tzinfo=UTC),
    duration=timedelta(minutes=90),
)
SAMPLE_SUPPORT = Support("Example Training", "help@example.org", "+44 20 7946 0000")
_SUBJECT = UUID("0197a000-0000-7000-8000-000000000002")
_NAMES = {"en": "Ada", "de": "Frau Lovelace"}
_ZONES = {"en": "Europe/London", "de": "Europe/Berlin"}


def sample_content(topic: Topic) -> Content:
    """Return a sample message of the topic. It has a value for each variable that the template of the topic shows."""
    code = "Kf7Q2mXa" if topic in CODE_TOPICS else ""
    if topic is Topic.CERTIFICATE_ISSUED:
        # The sample has no session, because a certificate belongs to a course.
        return Content(topic, None, _SUBJECT, subject_title="First Aid at Work")
    return Content(topic, SAMPLE_SESSION, _SUBJECT, code)


def sample_reader(locale: str) -> Reader:
    """Return a sample reader whose language is `locale`."""
    return Reader(_NAMES[locale], locale, _ZONES[locale])


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--topic", choices=[str(topic) for topic in Topic], help="only this topic")
    parser.add_argument("--locale", choices=LOCALES, help="only this language")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/preview"), help="default: build/preview"
    )


def _write_previews(arguments: argparse.Namespace) -> int:
    topics = [Topic(arguments.topic)] if arguments.topic else list(Topic)
    renderer = Renderer("https://portal.example.org")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for topic in topics:
        for locale in [arguments.locale] if arguments.locale else LOCALES:
            mail = renderer.mail(sample_content(topic), sample_reader(locale), SAMPLE_SUPPORT)
            for extension, text in (("html", mail.html), ("txt", mail.text)):
                path = arguments.folder / f"{topic}.{locale}.{extension}"
                path.write_text(text, encoding="utf-8")
                print(f"{path}  {mail.subject}")
    return 0


PREVIEW = Command("preview", "write messages to files", _add_arguments, _write_previews)
