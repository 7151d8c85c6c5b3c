"""Lessons: when they are open, what they look like, and which units a learner has finished (`P4` to `P6`)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from proctorium_common.errors import invalid
from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain import courses as domain
from proctorium_enrollment.domain.courses import CourseKind, MyCourse, UnitKind, no_such_unit
from proctorium_enrollment.operations import completion
from proctorium_enrollment.storage import courses, registrations, sessions
from proctorium_enrollment.storage.courses import UnitText

_SCHEMES = {"https", "http", "mailto"}


@dataclass(frozen=True)
class Lesson:
    """A lesson as it is read: sanitised HTML."""

    title: str
    html: str


async def get_lesson(tx: Transaction, person_id: UUID, unit_id: UUID) -> UnitText:
    """A lesson that is open to the learner; `rendered` makes it readable. Raises NOT_FOUND, LEARNER_NOT_REGISTERED, PARTICIPANT_NOT_IN_SESSION."""
    unit = await _published(tx, unit_id)
    if unit.unit.kind is not UnitKind.LESSON:
        raise no_such_unit()
    await _require_open(tx, person_id, unit)
    return unit


async def rendered(unit: UnitText) -> Lesson:
    """The lesson as HTML. A long one takes its time, so it is made in a thread."""
    return Lesson(unit.unit.title, await asyncio.to_thread(html_of, unit.markdown))


def html_of(markdown: str) -> str:
    """Return Markdown as HTML without anything that could act: no script, style, frame or form, and links that give nothing away.

    A picture must have an https address, as the pages' content policy demands. Any other is replaced by its description.
    """
    # HTML inside the Markdown is shown as text; the sanitiser judges what is left, whatever the renderer lets through.
    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    renderer.add_render_rule("image", _picture)
    return nh3.clean(
        renderer.render(markdown),
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        # The host of a picture learns that somebody reads a lesson, but not where.
        set_tag_attribute_values={"img": {"loading": "lazy", "referrerpolicy": "no-referrer"}},
    )


def _picture(
    self: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[place]
    if str(token.attrGet("src")).lower().startswith("https://"):
        return self.image(tokens, place, options, env)
    return escapeHtml(self.renderInlineAsText(token.children, options, env))


async def record_progress(tx: Transaction, person_id: UUID, unit_id: UUID) -> MyCourse:
    """Records that the learner finished a unit, unless they had. Raises as `get_lesson`, and INVALID_REQUEST for an assessment."""
    unit = await _published(tx, unit_id)
    if unit.unit.kind is UnitKind.ASSESSMENT:
        raise invalid(
            "INVALID_REQUEST",
            "An assessment is finished by passing it; nothing else needs to be recorded.",
        )
    await _require_open(tx, person_id, unit)
    course_id = unit.course.course_id
    registration = await registrations.find(tx, person_id, course_id, lock=True)
    assert registration is not None, "registrations are never removed"
    if await completion.finish(tx, registration, unit_id):
        await completion.complete_if_due(tx, registration)
    return await registrations.get_my_course(tx, person_id, course_id)


async def _published(tx: Transaction, unit_id: UUID) -> UnitText:
    unit = await courses.find_unit(tx, unit_id)
    if unit is None or unit.course.publish_time is None:
        raise no_such_unit()
    return unit


async def _require_open(tx: Transaction, person_id: UUID, unit: UnitText) -> None:
    course = unit.course
    registration = await registrations.find(tx, person_id, course.course_id)
    in_session = course.kind is CourseKind.PROCTORED and await sessions.is_in_session(
        tx, person_id, course.course_id
    )
    domain.require_open(course.kind, registered=registration is not None, in_session=in_session)
