"""What a person was told in the application (`N1`). Its words are made when it is read, in the reader's language of that moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_common.errors import ServiceError, not_allowed
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_notification.domain.topics import Session
from proctorium_notification.messages.contents import Content, Reader
from proctorium_notification.messages.render import Renderer, Short
from proctorium_notification.operations.directory import Directory
from proctorium_notification.storage import inbox, sessions
from proctorium_notification.storage.inbox import Notification

_LIST = "notifications"


@dataclass(frozen=True, slots=True)
class Shown:
    """A notification with its words."""

    notification: Notification
    words: Short


@dataclass(frozen=True, slots=True)
class Page:
    """A page of notifications, the token of the next, and how many are unread in all."""

    shown: Sequence[Shown]
    next_page_token: str
    unread_count: int


class Inbox:
    """The notifications of whoever calls."""

    def __init__(self, database: Database, directory: Directory, renderer: Renderer) -> None:
        self._database = database
        self._directory = directory
        self._renderer = renderer

    async def page(self, caller: Caller, page_size: int, page_token: str) -> Page:
        """The caller's notifications, newest first. Raises INVALID_PAGE_TOKEN."""
        person_id = _person_of(caller)
        size = pages.size_of(page_size)
        async with self._database.transaction() as tx:
            tokens = await pages.tokens(tx)
            after = tokens.after(_LIST, page_token, datetime, UUID)
            found = await inbox.list_notifications(tx, person_id, after=after, limit=size + 1)
            cut, token = tokens.cut(
                _LIST, found, size, lambda one: (one.created_at, one.notification_id)
            )
            known = await sessions.planned_sessions(
                tx, [one.session_id for one in cut if one.session_id]
            )
            unread = await inbox.count_unread(tx, person_id)
        reader = await self._reader(person_id) if cut else Reader("")
        return Page([self._shown(one, known, reader) for one in cut], token, unread)

    async def _reader(self, person_id: UUID) -> Reader:
        """In which language; when nobody can say, in that of everybody else: old messages stay readable."""
        try:
            contacts = await self._directory.contacts([person_id])
        except ServiceError:
            return Reader("")
        return contacts[person_id].reader if person_id in contacts else Reader("")

    def _shown(self, one: Notification, known: Mapping[UUID, Session], reader: Reader) -> Shown:
        session = known.get(one.session_id) if one.session_id else None
        content = Content(one.topic, session, one.subject_id, subject_title=one.subject_title)
        return Shown(one, self._renderer.short(content, reader))


async def mark_read(tx: Transaction, caller: Caller, notification_ids: Sequence[UUID]) -> int:
    """Marks these (none named: all) of the caller's notifications as read; answers how many are unread now."""
    person_id = _person_of(caller)
    await inbox.save_read(tx, person_id, notification_ids or None)
    return await inbox.count_unread(tx, person_id)


def _person_of(caller: Caller) -> UUID:
    if caller.person_id is None:
        raise not_allowed("NOT_ALLOWED", "Only people have notifications.")
    return caller.person_id
