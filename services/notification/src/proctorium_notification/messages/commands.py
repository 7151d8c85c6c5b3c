"""`python -m proctorium_notification preview --topic code_issued --locale de`: looks at a message without sending it (`N3`)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from proctorium_notification.domain.topics import CARRYING_A_CODE, Session, Topic
from proctorium_notification.messages.contents import Content, Help, Reader
from proctorium_notification.messages.render import LOCALES, Renderer

SAMPLE_SESSION = Session(
    session_id=UUID("0197a000-0000-7000-8000-000000000001"),
    title="First Aid at Work: final session",
    start_at=datetime(2026, 3, 6, 14, 0, tzinfo=UTC),
    duration=timedelta(minutes=90),
)
SAMPLE_HELP = Help("Example Training", "help@example.org", "+44 20 7946 0000")
_SUBJECT = UUID("0197a000-0000-7000-8000-000000000002")
_NAMES = {"en": "Ada", "de": "Frau Lovelace"}
_ZONES = {"en": "Europe/London", "de": "Europe/Berlin"}


def sample(topic: Topic) -> Content:
    """A message of this topic with everything in it."""
    code = "Kf7Q2mXa" if topic in CARRYING_A_CODE else ""
    if topic is Topic.CERTIFICATE_ISSUED:  # belongs to a course, not to a session
        return Content(topic, None, _SUBJECT, subject_title="First Aid at Work")
    return Content(topic, SAMPLE_SESSION, _SUBJECT, code)


def sample_reader(locale: str) -> Reader:
    """Somebody who reads this language."""
    return Reader(_NAMES[locale], locale, _ZONES[locale])


def preview(arguments: Sequence[str]) -> int:
    """Writes the HTML and the text of messages to files and says where they are; all topics and languages unless told which."""
    asked = _parser().parse_args(arguments)
    topics = [Topic(asked.topic)] if asked.topic else list(Topic)
    renderer = Renderer("https://portal.example.org")
    asked.folder.mkdir(parents=True, exist_ok=True)
    for topic in topics:
        for locale in [asked.locale] if asked.locale else LOCALES:
            mail = renderer.mail(sample(topic), sample_reader(locale), SAMPLE_HELP)
            for ending, content in (("html", mail.html), ("txt", mail.text)):
                path = asked.folder / f"{topic}.{locale}.{ending}"
                path.write_text(content, encoding="utf-8")
                print(f"{path}  {mail.subject}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m proctorium_notification preview",
        description="Writes messages to files, to be looked at.",
    )
    parser.add_argument("--topic", choices=[str(topic) for topic in Topic], help="one topic")
    parser.add_argument("--locale", choices=LOCALES, help="one language")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/preview"), help="where to (build/preview)"
    )
    return parser
