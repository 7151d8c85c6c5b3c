"""A person's notifications in the application (`N1`).

A notification is rendered each time it is read, in the current language of the reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_common.errors import ServiceError
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database
from proctorium_notification.domain.topics import Session
from proctorium_notification.operations.directory import Directory
from proctorium_notification.rendering.content import Content, Reader
from proctorium_notification.rendering.renderer import Renderer, Summary
from proctorium_notification.storage import inbox, sessions
from proctorium_notification.storage.inbox import Notification

_LIST = "notifications"


@dataclass(frozen=True, slots=True)
class RenderedNotification:
    """A notification and its rendered text."""

    notification: Notification
    summary: Summary


@dataclass(frozen=True, slots=True)
class Page:
    """A page of notifications, the token of the next page, and the number of all unread notifications of the person."""

    notifications: Sequence[RenderedNotification]
    next_page_token: str
    unread_count: int


class Inbox:
    """The operations on a person's notifications."""

    def __init__(self, database: Database, directory: Directory, renderer: Renderer) -> None:
        self._database = database
        self._directory = directory
        self._renderer = renderer

    async def list_page(self, person_id: UUID, page_size: int, page_token: str) -> Page:
        """Return a page of the person's notifications, newest first. Raises INVALID_PAGE_TOKEN."""
        size = pages.effective_size(page_size)
        async with self._database.transaction() as tx:
            tokens = await pages.tokens(tx)
            after = tokens.after(_LIST, page_token, datetime, UUID)
            found = await inbox.list_notifications(tx, person_id, after=after, limit=size + 1)
            listed, token = tokens.cut(
                _LIST, found, size, lambda each: (each.created_at, each.notification_id)
            )
            planned = await sessions.list_planned_sessions(
                tx, [each.session_id for each in listed if each.session_id]
            )
            unread = await inbox.count_unread(tx, person_id)
        reader = await self._reader(person_id) if listed else Reader("")
        return Page([self._render(each, planned, reader) for each in listed], token, unread)

    async def mark_read(self, person_id: UUID, notification_ids: Sequence[UUID]) -> int:
        """Mark notifications of the person as read, and return the number of the person's notifications left unread.

        If `notification_ids` is empty, all notifications of the person are marked.
        """
        async with self._database.transaction() as tx:
            await inbox.update_read_notifications(tx, person_id, notification_ids or None)
            return await inbox.count_unread(tx, person_id)

    async def _reader(self, person_id: UUID) -> Reader:
        """Return the person as a reader. The reader has the default values if enrollment is unavailable."""
        try:
            contacts = await self._directory.contacts([person_id])
        except ServiceError:
            return Reader("")
        return contacts[person_id].reader if person_id in contacts else Reader("")

    def _render(
        self, notification: Notification, planned: Mapping[UUID, Session], reader: Reader
    ) -> RenderedNotification:
        content = Content(
            notification.topic,
            planned.get(notification.session_id) if notification.session_id else None,
            notification.subject_id,
            subject_title=notification.subject_title,
        )
        return RenderedNotification(notification, self._renderer.summary(content, reader))
