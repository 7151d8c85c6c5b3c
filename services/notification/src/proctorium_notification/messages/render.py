"""Messages as words: subject, a short text for the application, HTML and plain text for the mail."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time, get_timezone_name
from babel.units import format_unit
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from mjml import mjml2html

from proctorium_notification.domain.topics import CALENDAR, Session, Topic
from proctorium_notification.messages.contents import Content, Help, Reader, link_of

LOCALES = ("en", "de")
"""The languages that there are templates for; the first is that of everybody else."""

_TEMPLATES = "messages/templates"


@dataclass(frozen=True, slots=True)
class Words:
    """What all messages of a language share (`words.toml`)."""

    greeting: str
    session: str
    start: str
    duration: str
    code: str
    help: str
    why: str


@dataclass(frozen=True, slots=True)
class Short:
    """A message as the application shows it: one line, and a few sentences."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as a mail says it."""

    locale: str
    subject: str
    html: str = field(repr=False)
    text: str = field(repr=False)


class Renderer:
    """Makes words of contents. A template that uses what is not there raises; nothing is left out silently."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url
        loader = PackageLoader("proctorium_notification", _TEMPLATES)
        strict = {"loader": loader, "undefined": StrictUndefined, "trim_blocks": True}
        self._texts = Environment(autoescape=False, **strict)  # type: ignore[arg-type]  # noqa: S701 - plain text
        self._pages = Environment(autoescape=True, **strict)  # type: ignore[arg-type]

    def short(self, content: Content, reader: Reader) -> Short:
        """The message for the application."""
        locale = locale_of(reader.locale)
        blocks = self._blocks(content, reader, locale)
        return Short(blocks["subject"], blocks["summary"])

    def mail(self, content: Content, reader: Reader, help_: Help) -> Rendered:
        """The message for a mail."""
        locale = locale_of(reader.locale)
        words = words_of(locale)
        blocks = self._blocks(content, reader, locale)
        context = {
            "locale": locale,
            "subject": blocks["subject"],
            "summary": blocks["summary"],
            "greeting": words.greeting.format(name=reader.name),
            "paragraphs": _paragraphs(blocks["body"]),
            "facts": _facts(content, reader, locale, words),
            "code_label": words.code,
            "code": content.code,
            "action": blocks["action"],
            "link": link_of(content, self._public_url),
            "help": words.help.format(contact=_contact(help_)) if _contact(help_) else "",
            "why": words.why.format(organisation=help_.organisation or "Proctorium"),
            "organisation": help_.organisation or "Proctorium",
        }
        return Rendered(
            locale=locale,
            subject=blocks["subject"],
            html=self._html(context),
            text=self._texts.get_template("layout.txt.jinja").render(context),
        )

    def _html(self, context: Mapping[str, object]) -> str:
        page = self._pages.get_template("layout.mjml.jinja").render(context)
        # No fonts from elsewhere: opening a mail tells nobody anything.
        return mjml2html(page, fonts={})

    def _blocks(self, content: Content, reader: Reader, locale: str) -> Mapping[str, str]:
        template = self._texts.get_template(f"{locale}/{content.topic}.jinja")
        context = {
            "session": content.session,
            "title": content.subject_title,
            "start": _start(content.session, reader, locale) if content.session else "",
        }
        return {
            name: _block(template, name, context)
            for name in ("subject", "summary", "body", "action")
        }


def locale_of(tag: str) -> str:
    """The language to write in for a BCP 47 tag: its language where there are templates, else the first."""
    language = tag.replace("_", "-").partition("-")[0].lower()
    return language if language in LOCALES else LOCALES[0]


@cache
def words_of(locale: str) -> Words:
    """The shared words of a language. Raises TypeError when one is missing or unknown."""
    file = files("proctorium_notification") / _TEMPLATES / locale / "words.toml"
    return Words(**tomllib.loads(file.read_text(encoding="utf-8")))


def _block(template: Template, name: str, context: Mapping[str, object]) -> str:
    text = "".join(template.blocks[name](template.new_context(dict(context))))
    return text.strip() if name == "body" else " ".join(text.split())


def _paragraphs(body: str) -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in body.split("\n\n")]


def _facts(content: Content, reader: Reader, locale: str, words: Words) -> list[tuple[str, str]]:
    """What is told at a glance, in messages about when a session is."""
    if content.session is None or content.topic not in CALENDAR:
        return []
    facts = [
        (words.session, content.session.title),
        (words.start, _start(content.session, reader, locale)),
    ]
    if content.topic is not Topic.SESSION_CANCELLED:
        facts.append((words.duration, _duration(content.session.duration, locale)))
    return facts


def _start(session: Session, reader: Reader, locale: str) -> str:
    """When it begins, in the reader's time zone, which is named: "Friday, March 6, 2026, 3:00 PM (Central European Standard Time)"."""
    zone = zone_of(reader.time_zone)
    at = session.start_at.astimezone(zone)
    day = format_date(at, "full", locale=locale)
    time = format_time(at, "short", tzinfo=zone, locale=locale)
    return f"{day}, {time} ({_zone_name(at, locale)})"


def _zone_name(at: datetime, locale: str) -> str:
    """What clocks without an offset show is UTC in every language, as on the pages."""
    if not at.utcoffset():
        return "UTC"
    return get_timezone_name(at, width="long", locale=Locale.parse(locale))


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name, UTC where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _duration(duration: timedelta, locale: str) -> str:
    hours, minutes = divmod(round(duration.total_seconds() / 60), 60)
    parts = [(hours, "duration-hour"), (minutes, "duration-minute")]
    return " ".join(format_unit(count, unit, locale=locale) for count, unit in parts if count)


def _contact(help_: Help) -> str:
    return ", ".join(filter(None, (help_.contact, help_.phone)))
