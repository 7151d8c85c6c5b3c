"""Reading lessons, and recording the progress of learners (`P4` to `P6`)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import nh3
from google.protobuf.message import Message
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from proctorium_common.errors import invalid
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_common.telemetry.traces import annotate
from proctorium_enrollment.domain.courses import (
    CourseKind,
    MyCourse,
    UnitKind,
    no_such_unit,
    require_content_open,
)
from proctorium_enrollment.operations.completion import complete_if_due, finish_unit
from proctorium_enrollment.storage import courses, registrations, sessions
from proctorium_enrollment.storage.courses import UnitText

M = TypeVar("M", bound=Message)

_SCHEMES = {"https", "http", "mailto"}


@dataclass(frozen=True, slots=True)
class Lesson:
    """The title of a lesson and its text as sanitised HTML."""

    title: str
    html: str


async def get_lesson(database: Database, person_id: UUID, unit_id: UUID) -> Lesson:
    """Return a lesson, if its content is open to the learner.

    Raises NOT_FOUND, LEARNER_NOT_REGISTERED, PARTICIPANT_NOT_IN_SESSION.
    """
    async with database.transaction() as tx:
        unit = await _get_published_unit(tx, unit_id)
        if unit.unit.kind is not UnitKind.LESSON:
            raise no_such_unit()
        await _require_open(tx, person_id, unit)
    annotate(course_id=unit.course.course_id)
    # The conversion runs in a thread, because a long lesson would block the event loop.
    return Lesson(unit.unit.title, await asyncio.to_thread(html_from_markdown, unit.markdown))


def html_from_markdown(markdown: str) -> str:
    """Return HTML for Markdown text. The HTML has no scripts, styles, frames or forms.

    Browsers send no referrer when they follow links. An image whose address does not start with https is replaced by
    its description, because the content security policy of the pages forbids such images.
    """
    # The renderer escapes the HTML in the Markdown text. The sanitiser also checks the result, so that safety does not
    # depend on the renderer.
    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    renderer.add_render_rule("image", _render_image)
    return nh3.clean(
        renderer.render(markdown),
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        # Without a referrer, the server of an image cannot learn which lesson contains the image.
        set_tag_attribute_values={"img": {"loading": "lazy", "referrerpolicy": "no-referrer"}},
    )


def _render_image(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[index]
    if str(token.attrGet("src")).lower().startswith("https://"):
        return self.image(tokens, index, options, env)
    return escapeHtml(self.renderInlineAsText(token.children, options, env))


async def record_progress(
    database: Database, person_id: UUID, unit_id: UUID, responder: Responder[MyCourse, M]
) -> M:
    """Record that the learner finished a unit other than an assessment.

    Raises NOT_FOUND, LEARNER_NOT_REGISTERED, PARTICIPANT_NOT_IN_SESSION, and INVALID_REQUEST if the unit is an
    assessment.
    """

    async def run(tx: Transaction) -> MyCourse:
        unit = await _get_published_unit(tx, unit_id)
        if unit.unit.kind is UnitKind.ASSESSMENT:
            raise invalid(
                "INVALID_REQUEST",
                "An assessment is finished by passing it; nothing else needs to be recorded.",
            )
        await _require_open(tx, person_id, unit)
        course_id = unit.course.course_id
        annotate(course_id=course_id)
        registration = await registrations.lock_registration(tx, person_id, course_id)
        assert registration is not None, "registrations are never deleted"
        if await finish_unit(tx, registration, unit_id):
            await complete_if_due(tx, registration)
        return await registrations.get_my_course(tx, person_id, course_id)

    return await database.respond(responder, run)


async def _get_published_unit(tx: Transaction, unit_id: UUID) -> UnitText:
    unit = await courses.get_unit(tx, unit_id)
    if unit is None or unit.course.published_at is None:
        raise no_such_unit()
    return unit


async def _require_open(tx: Transaction, person_id: UUID, unit: UnitText) -> None:
    course = unit.course
    registration = await registrations.get_registration(tx, person_id, course.course_id)
    in_session = course.kind is CourseKind.PROCTORED and await sessions.is_in_session_of_course(
        tx, person_id, course.course_id
    )
    require_content_open(course.kind, registered=registration is not None, in_session=in_session)
