"""Enrollment codes: issued, replaced, withdrawn, listed with their text (`C1`, `C2`). Resolving them is in `code_resolution.py`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2
from proctorium_common.errors import Kind, ServiceError, already_exists, not_found
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.security.encryption import EncryptionKey
from proctorium_common.storage import pages
from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain import codes as domain
from proctorium_enrollment.domain.code_texts import (
    TextWarning,
    folded,
    has_look_alikes,
    normalised,
)
from proctorium_enrollment.domain.codes import Code, CodeMove, CodeState
from proctorium_enrollment.domain.people import Role, no_such_person
from proctorium_enrollment.domain.sessions import Part, Session
from proctorium_enrollment.storage import codes as storage
from proctorium_enrollment.storage import people, registrations, sessions
from proctorium_enrollment.storage.codes import KeptCode, Lookups

_MAILER = "notification"
_TRIES = 10
"""Two generated texts meet once in millions of years; ten in a row mean that something is broken."""


@dataclass(frozen=True)
class NewCode:
    """A code to issue: None and empty mean shared, generated, and without a window of its own."""

    session_id: UUID
    person_id: UUID | None = None
    text: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True)
class IssuedCode:
    """A new code, and why another text than the typed one would be better."""

    code: Code
    warnings: frozenset[TextWarning]


@dataclass(frozen=True)
class ShownCode:
    """A code with its text, and its state by the clock."""

    code: Code
    state: CodeState
    text: str


class Codes:
    """The codes of all sessions. `key` encrypts their texts and makes their blind indexes."""

    def __init__(self, key: EncryptionKey) -> None:
        self._key = key

    async def issue(self, tx: Transaction, new: NewCode) -> IssuedCode:
        """Issue a further code.

        Raises CODE_MALFORMED, SESSION_UNKNOWN, SESSION_ENDED, NOT_FOUND (the person), LEARNER_NOT_REGISTERED, CODE_TAKEN.
        """
        typed = normalised(new.text, "text") if new.text else ""
        session = domain.require_open(await sessions.find(tx, new.session_id))
        await _require_registered(tx, session, new.person_id)
        window = domain.window_asked_for(session, new.valid_from, new.valid_until, tx.now)
        code = Code(new_id(), session.session_id, new.person_id, CodeState.ACTIVE, window)
        warnings = await self._warnings(tx, typed) if typed else frozenset()
        await self._add(tx, code, typed)
        await _tell(tx, code)
        return IssuedCode(code, warnings)

    async def issue_for_schedule(self, tx: Transaction, session: Session) -> None:
        """Issues the one shared code of a session that was scheduled, whose row is locked, unless it is there or the time is over."""
        assert session.planned_end_time is not None
        if (
            session.state.over
            or session.planned_end_time <= tx.now
            or await storage.has_automatic(tx, session.session_id)
        ):
            return
        code = Code(new_id(), session.session_id, None, CodeState.ACTIVE)
        await self._add(tx, code, "", automatic=True)
        await _tell(tx, code)

    async def give_to_newcomer(self, tx: Transaction, session: Session, person_id: UUID) -> None:
        """Send a learner the code of a session that was planned before they were registered in its course (`C6`).

        It is the session's shared code, or where there is none, one of their own. Nothing where they know the session already.
        """
        if await sessions.is_learner(tx, session.session_id, person_id):
            return
        await sessions.expect(tx, session.session_id, Part.LEARNER, [person_id])
        code = await storage.lock_shared(tx, session.session_id)
        if code is None:
            code = Code(new_id(), session.session_id, person_id, CodeState.ACTIVE)
            await self._add(tx, code, "")
        tx.record(_issued(code, [person_id]))

    async def replace(self, tx: Transaction, code_id: UUID) -> Code:
        """Issues a new code in a code's place. Raises NOT_FOUND, INVALID_STATE_TRANSITION, SESSION_ENDED."""
        old = await _locked(tx, code_id)
        state = domain.moved(old, CodeMove.REPLACE, tx.now)
        session = domain.require_open(await sessions.find(tx, old.session_id))
        window = domain.window_of_replacement(old, session, tx.now)
        code = Code(new_id(), old.session_id, old.person_id, CodeState.ACTIVE, window)
        await storage.set_state(tx, code_id, state)
        await self._add(tx, code, "", replaces=code_id)
        await _tell(tx, code, replaced=code_id)
        return code

    async def revoke(self, tx: Transaction, code_id: UUID) -> Code:
        """Withdraws a code; who has joined stays. Raises NOT_FOUND, INVALID_STATE_TRANSITION."""
        code = await _locked(tx, code_id)
        state = domain.moved(code, CodeMove.REVOKE, tx.now)
        await storage.set_state(tx, code_id, state)
        tx.record(events_pb2.CodeRevoked(code_id=str(code_id), session_id=str(code.session_id)))
        return replace(code, state=state)

    async def list_of(
        self, tx: Transaction, caller: Caller, session_id: UUID, page_size: int, page_token: str
    ) -> tuple[Sequence[ShownCode], str]:
        """Return a session's codes, newest first, and the token of the next page, to callers who may see them.

        Raises NOT_FOUND, INVALID_PAGE_TOKEN.
        """
        if await sessions.find(tx, session_id) is None or not await _may_see(
            tx, caller, session_id
        ):
            raise not_found("NOT_FOUND", "There is no such session, or you may not see its codes.")
        name = f"codes of {session_id}"
        size = pages.size_of(page_size)
        tokens = await pages.tokens(tx)
        after = tokens.after(name, page_token, UUID)
        found = await storage.list_newest(tx, session_id, after[0] if after else None, size + 1)
        page, token = tokens.cut(name, found, size, lambda kept: (kept.code.code_id,))
        return [self._shown(kept, tx.now) for kept in page], token

    async def shown(self, tx: Transaction, code_id: UUID) -> ShownCode:
        """One code with its text, for an administrator. Raises NOT_FOUND."""
        kept = await storage.find(tx, code_id)
        if kept is None:
            raise _no_such_code()
        return self._shown(kept, tx.now)

    def _shown(self, kept: KeptCode, now: datetime) -> ShownCode:
        text = self._key.decrypt(kept.encrypted_text, str(kept.code.code_id)).decode()
        return ShownCode(kept.code, kept.code.state_at(now), text)

    async def _warnings(self, tx: Transaction, text: str) -> frozenset[TextWarning]:
        """Return why another text than this, which no code has yet, would be better."""
        found = set()
        if has_look_alikes(text):
            found.add(TextWarning.LOOK_ALIKES)
        if await self._differs_only_in_case(tx, text):
            found.add(TextWarning.DIFFERS_ONLY_IN_CASE)
        return frozenset(found)

    async def _differs_only_in_case(self, tx: Transaction, text: str) -> bool:
        return await storage.has_live_folded(tx, self._folded(text))

    def _folded(self, text: str) -> bytes:
        return self._key.blind_index(f"folded/{folded(text)}")

    async def _add(
        self,
        tx: Transaction,
        code: Code,
        text: str,
        *,
        automatic: bool = False,
        replaces: UUID | None = None,
    ) -> None:
        """Adds the code with the text, or a generated one. Raises CODE_TAKEN for a text that another code has."""
        for _ in range(1 if text else _TRIES):
            chosen = text or domain.generate(secrets.choice)
            if not text and await self._differs_only_in_case(tx, chosen):
                continue
            kept = KeptCode(code, self._key.encrypt(chosen.encode(), str(code.code_id)))
            lookups = Lookups(self._key.blind_index(chosen), self._folded(chosen))
            if await storage.add(tx, kept, lookups, automatic=automatic, replaces=replaces):
                return
        raise already_exists(
            "CODE_TAKEN", "Another code has this text. Please choose another, or leave it empty."
        )


async def _require_registered(tx: Transaction, session: Session, person_id: UUID | None) -> None:
    if person_id is None:
        return
    if await people.find(tx, person_id) is None:
        raise no_such_person()
    assert session.course_id is not None
    if await registrations.find(tx, person_id, session.course_id) is None:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "LEARNER_NOT_REGISTERED",
            "This learner is not registered in the session's course and could not use the code. Register them first.",
        )


async def _locked(tx: Transaction, code_id: UUID) -> Code:
    kept = await storage.lock(tx, code_id)
    if kept is None:
        raise _no_such_code()
    return kept.code


async def _tell(tx: Transaction, code: Code, replaced: UUID | None = None) -> None:
    if code.person_id is not None:
        recipients: tuple[UUID, ...] = (code.person_id,)
    else:
        recipients = await sessions.learners(tx, code.session_id)
    tx.record(_issued(code, recipients, replaced))


def _issued(
    code: Code, recipients: Sequence[UUID], replaced: UUID | None = None
) -> events_pb2.CodeIssued:
    return events_pb2.CodeIssued(
        code_id=str(code.code_id),
        session_id=str(code.session_id),
        recipient_ids=[str(person_id) for person_id in recipients],
        replaced_code_id="" if replaced is None else str(replaced),
    )


async def _may_see(tx: Transaction, caller: Caller, session_id: UUID) -> bool:
    if caller.person_id is None:
        return caller.service == _MAILER
    if Role.ADMINISTRATOR.value in caller.roles:
        return True
    return Role.PROCTOR.value in caller.roles and await sessions.is_proctor(
        tx, session_id, caller.person_id
    )


def _no_such_code() -> ServiceError:
    return not_found("NOT_FOUND", "There is no such code.")
