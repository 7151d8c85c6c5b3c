"""Rendering of messages. A message in the application is a subject and a body. A mail has HTML and plain text."""

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

from proctorium_notification.domain.topics import CALENDAR_METHODS, Session, Topic
from proctorium_notification.rendering.content import Content, Reader, Support, link_of

LOCALES = ("en", "de")
"""The languages that have templates. The first language is the default."""

_TEMPLATES = "rendering/templates"


@dataclass(frozen=True, slots=True)
class CommonTexts:
    """The texts that all messages of a language share. They are read from `common.toml`."""

    greeting: str
    session: str
    start: str
    duration: str
    code: str
    support: str
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The rendered text of a message in the application: a subject of one line, and a body of a few sentences."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """The rendered parts of a mail."""

    locale: str
    subject: str
    html: str = field(repr=False)
    text: str = field(repr=False)


class Renderer:
    """Renders messages. An undefined variable in a template raises an error instead of being shown as empty text."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url
        loader = PackageLoader("proctorium_notification", _TEMPLATES)
        strict = {"loader": loader, "undefined": StrictUndefined, "trim_blocks": True}
        self._texts = Environment(autoescape=False, **strict)  # type: ignore[arg-type]  # noqa: S701 - plain text
        self._pages = Environment(autoescape=True, **strict)  # type: ignore[arg-type]

    def summary(self, content: Content, reader: Reader) -> Summary:
        """Return the rendered text of the message for the application."""
        locale = locale_of(reader.locale)
        blocks = self._blocks(content, reader, locale)
        return Summary(blocks["subject"], blocks["summary"])

    def mail(self, content: Content, reader: Reader, support: Support) -> RenderedMail:
        """Return the rendered parts of the message for a mail."""
        locale = locale_of(reader.locale)
        texts = common_texts(locale)
        blocks = self._blocks(content, reader, locale)
        contact = ", ".join(filter(None, (support.contact, support.phone)))
        organisation = support.organisation or "Proctorium"
        context = {
            "locale": locale,
            "subject": blocks["subject"],
            "summary": blocks["summary"],
            "greeting": texts.greeting.format(name=reader.name),
            "paragraphs": _paragraphs(blocks["body"]),
            "facts": _facts(content, reader, locale, texts),
            "code_label": texts.code,
            "code": content.code,
            "action": blocks["action"],
            "link": link_of(content, self._public_url),
            "support": texts.support.format(contact=contact) if contact else "",
            "reason": texts.reason.format(organisation=organisation),
            "organisation": organisation,
        }
        return RenderedMail(
            locale=locale,
            subject=blocks["subject"],
            html=self._html(context),
            text=self._texts.get_template("layout.txt.jinja").render(context),
        )

    def _html(self, context: Mapping[str, object]) -> str:
        page = self._pages.get_template("layout.mjml.jinja").render(context)
        # The mail uses no web fonts, so that a mail program sends no request when the mail is opened.
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
    """Return the language of a BCP 47 tag, or the default language if the language has no templates."""
    language = tag.replace("_", "-").partition("-")[0].lower()
    return language if language in LOCALES else LOCALES[0]


@cache
def common_texts(locale: str) -> CommonTexts:
    """Return the common texts of a language.

    Raises TypeError if `common.toml` lacks a text or has an unknown text.
    """
    file = files("proctorium_notification") / _TEMPLATES / locale / "common.toml"
    return CommonTexts(**tomllib.loads(file.read_text(encoding="utf-8")))


def _block(template: Template, name: str, context: Mapping[str, object]) -> str:
    text = "".join(template.blocks[name](template.new_context(dict(context))))
    return text.strip() if name == "body" else " ".join(text.split())


def _paragraphs(body: str) -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in body.split("\n\n")]


def _facts(
    content: Content, reader: Reader, locale: str, texts: CommonTexts
) -> list[tuple[str, str]]:
    """Return the rows of the table of session facts, each with a label and a value.

    The list is empty for a message without a calendar entry.
    """
    if content.session is None or content.topic not in CALENDAR_METHODS:
        return []
    facts = [
        (texts.session, content.session.title),
        (texts.start, _start(content.session, reader, locale)),
    ]
    if content.topic is not Topic.SESSION_CANCELLED:
        facts.append((texts.duration, _duration(content.session.duration, locale)))
    return facts


def _start(session: Session, reader: Reader, locale: str) -> str:
    """Return the start of the session in the reader's time zone and language.

    For example: "Friday, March 6, 2026, 3:00 PM (Central European Standard Time)".
    """
    zone = zone_of(reader.time_zone)
    at = session.start_at.astimezone(zone)
    day = format_date(at, "full", locale=locale)
    time = format_time(at, "short", tzinfo=zone, locale=locale)
    return f"{day}, {time} ({_zone_name(at, locale)})"


def _zone_name(at: datetime, locale: str) -> str:
    """Return the name of the time zone, or "UTC" if the offset of the zone is zero at the time `at`.

    The pages show the same names.
    """
    if not at.utcoffset():
        return "UTC"
    return get_timezone_name(at, width="long", locale=Locale.parse(locale))


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone with the name `name`, or UTC if there is no such time zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _duration(duration: timedelta, locale: str) -> str:
    hours, minutes = divmod(round(duration.total_seconds() / 60), 60)
    parts = [(hours, "duration-hour"), (minutes, "duration-minute")]
    return " ".join(format_unit(count, unit, locale=locale) for count, unit in parts if count)
