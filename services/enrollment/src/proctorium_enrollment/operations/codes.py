"""Issuing, replacing, revoking and listing codes (`C1`, `C2`). `code_resolution.py` resolves codes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.errors import Kind, ServiceError, already_exists, not_found
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.security.encryption import EncryptionKey
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_common.telemetry.traces import annotate
from proctorium_enrollment import events
from proctorium_enrollment.domain import codes as domain
from proctorium_enrollment.domain.code_texts import (
    TextWarning,
    fold_case,
    has_look_alikes,
    normalise,
)
from proctorium_enrollment.domain.codes import Code, CodeAction, CodeState
from proctorium_enrollment.domain.people import Role, no_such_person
from proctorium_enrollment.domain.sessions import MemberRole, Session
from proctorium_enrollment.storage import codes, people, registrations, sessions
from proctorium_enrollment.storage.codes import BlindIndexes, StoredCode

M = TypeVar("M", bound=Message)

_NOTIFICATION = "notification"
_MAX_GENERATED = 10
"""The maximum number of texts to generate before issuing fails. Ten unusable texts in a row are a sign of a fault."""


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to issue.

    If `person_id` is None, the code is shared. If there is no text, a text is generated. If there are no times, the
    code has no window.
    """

    session_id: UUID
    person_id: UUID | None = None
    text: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A new code, and the reasons to choose another text for it."""

    code: Code
    warnings: frozenset[TextWarning]


@dataclass(frozen=True, slots=True)
class DecryptedCode:
    """A code with its decrypted text and its current state."""

    code: Code
    state: CodeState
    text: str


class Codes:
    """The use cases of codes. `key` encrypts the texts of codes and computes the blind indexes of the texts."""

    def __init__(self, database: Database, key: EncryptionKey) -> None:
        self._database = database
        self._key = key

    async def issue(self, new: NewCode, responder: Responder[IssuedCode, M]) -> M:
        """Issue a code. The other codes of the session do not change.

        Raises CODE_MALFORMED, SESSION_UNKNOWN, SESSION_ENDED, SESSION_CANCELLED, NOT_FOUND (if the person does not
        exist), LEARNER_NOT_REGISTERED, CODE_TAKEN.
        """
        typed = normalise(new.text, "text") if new.text else ""

        async def run(tx: Transaction) -> IssuedCode:
            session = domain.require_open(await sessions.get_session(tx, new.session_id))
            await _require_registered(tx, session, new.person_id)
            window = domain.requested_window(session, new.valid_from, new.valid_until, tx.now)
            code = Code(new_id(), session.session_id, new.person_id, CodeState.ACTIVE, window)
            warnings = await self._warnings(tx, typed) if typed else frozenset()
            await self._insert(tx, code, typed)
            tx.record(events.code_issued(code, await _recipients(tx, code)))
            return IssuedCode(code, warnings)

        return await self._database.respond(responder, run)

    async def issue_for_schedule(self, tx: Transaction, session: Session) -> None:
        """Issue the shared code that a session gets when it is scheduled.

        Does nothing if this code was already issued or the session is over. The caller has locked the session's row.
        """
        assert session.planned_end_at is not None
        if (
            session.state.is_over
            or session.planned_end_at <= tx.now
            or await codes.has_automatic_code(tx, session.session_id)
        ):
            return
        code = Code(new_id(), session.session_id, None, CodeState.ACTIVE)
        await self._insert(tx, code, "", automatic=True)
        tx.record(events.code_issued(code, await _recipients(tx, code)))

    async def send_to_new_learner(self, tx: Transaction, session: Session, person_id: UUID) -> None:
        """Invite a learner who was registered after the session was scheduled, and send a code to the learner (`C6`).

        The learner receives the shared code of the session or, if there is none, a new personal code. Does nothing if
        the learner is already invited.
        """
        if await sessions.is_learner_of_session(tx, session.session_id, person_id):
            return
        await sessions.insert_members(tx, session.session_id, MemberRole.LEARNER, [person_id])
        code = await codes.lock_shared_code(tx, session.session_id)
        if code is None:
            code = Code(new_id(), session.session_id, person_id, CodeState.ACTIVE)
            await self._insert(tx, code, "")
        tx.record(events.code_issued(code, [person_id]))

    async def replace(self, code_id: UUID, responder: Responder[Code, M]) -> M:
        """Replace a code with a new code with a generated text.

        Raises NOT_FOUND, INVALID_STATE_TRANSITION, SESSION_ENDED, SESSION_CANCELLED.
        """

        async def run(tx: Transaction) -> Code:
            old = await _lock_code(tx, code_id)
            annotate(session_id=old.session_id)
            state = domain.next_state(old, CodeAction.REPLACE, tx.now)
            session = domain.require_open(await sessions.get_session(tx, old.session_id))
            window = domain.replacement_window(old, session, tx.now)
            code = Code(new_id(), old.session_id, old.person_id, CodeState.ACTIVE, window)
            await codes.update_code_state(tx, code_id, state)
            await self._insert(tx, code, "", replaces=code_id)
            tx.record(events.code_issued(code, await _recipients(tx, code), code_id))
            return code

        return await self._database.respond(responder, run)

    async def revoke(self, code_id: UUID, responder: Responder[Code, M]) -> M:
        """Revoke a code.

        Learners who joined with the code remain participants. Raises NOT_FOUND, INVALID_STATE_TRANSITION.
        """

        async def run(tx: Transaction) -> Code:
            code = await _lock_code(tx, code_id)
            annotate(session_id=code.session_id)
            state = domain.next_state(code, CodeAction.REVOKE, tx.now)
            await codes.update_code_state(tx, code_id, state)
            tx.record(events.code_revoked(code))
            return replace(code, state=state)

        return await self._database.respond(responder, run)

    async def list_codes(
        self, caller: Caller, session_id: UUID, page_size: int, page_token: str
    ) -> tuple[Sequence[DecryptedCode], str]:
        """Return a page of a session's codes, newest first, and the token of the next page.

        Raises NOT_FOUND if the session does not exist or the caller must not see its codes, and INVALID_PAGE_TOKEN.
        """
        name = f"codes of {session_id}"
        size = pages.effective_size(page_size)
        async with self._database.transaction() as tx:
            session = await sessions.get_session(tx, session_id)
            if session is None or not await _may_see(tx, caller, session_id):
                raise not_found(
                    "NOT_FOUND", "There is no such session, or you may not see its codes."
                )
            tokens = await pages.tokens(tx)
            after = tokens.after(name, page_token, UUID)
            found = await codes.list_codes_of_session(
                tx, session_id, after[0] if after else None, size + 1
            )
        page, token = tokens.cut(name, found, size, lambda stored: (stored.code.code_id,))
        return [self._decrypt(stored, tx.now) for stored in page], token

    async def get_code(self, code_id: UUID) -> DecryptedCode:
        """Return a code with its text. Only administrators may call this. Raises NOT_FOUND."""
        async with self._database.transaction() as tx:
            stored = await codes.get_code(tx, code_id)
        if stored is None:
            raise _no_such_code()
        return self._decrypt(stored, tx.now)

    def _decrypt(self, stored: StoredCode, now: datetime) -> DecryptedCode:
        text = self._key.decrypt(stored.encrypted_text, str(stored.code.code_id)).decode()
        return DecryptedCode(stored.code, stored.code.state_at(now), text)

    async def _warnings(self, tx: Transaction, text: str) -> frozenset[TextWarning]:
        """Return the reasons to choose a text other than `text`.

        Call this before a code with `text` is inserted. Otherwise, the function compares `text` with the new code
        itself.
        """
        warnings = set()
        if has_look_alikes(text):
            warnings.add(TextWarning.LOOK_ALIKES)
        if await self._differs_only_in_case(tx, text):
            warnings.add(TextWarning.DIFFERS_ONLY_IN_CASE)
        return frozenset(warnings)

    async def _differs_only_in_case(self, tx: Transaction, text: str) -> bool:
        return await codes.has_valid_code_with(tx, self._folded_index(text))

    def request_index(self, text: str) -> str:
        """Return a blind index of the text in a request.

        Repetitions of the request have the same blind index.
        """
        return self._key.blind_index(f"request/{text}").hex()

    def _folded_index(self, text: str) -> bytes:
        return self._key.blind_index(f"folded/{fold_case(text)}")

    async def _insert(
        self,
        tx: Transaction,
        code: Code,
        text: str,
        *,
        automatic: bool = False,
        replaces: UUID | None = None,
    ) -> None:
        """Insert `code` with the text `text`, or with a generated text if `text` is empty.

        Raises CODE_TAKEN if another code has the text.
        """
        for _ in range(1 if text else _MAX_GENERATED):
            chosen = text or domain.generate(secrets.choice)
            if not text and await self._differs_only_in_case(tx, chosen):
                continue
            stored = StoredCode(code, self._key.encrypt(chosen.encode(), str(code.code_id)))
            indexes = BlindIndexes(self._key.blind_index(chosen), self._folded_index(chosen))
            if await codes.insert_code(tx, stored, indexes, automatic=automatic, replaces=replaces):
                return
        raise already_exists(
            "CODE_TAKEN", "Another code has this text. Please choose another, or leave it empty."
        )


async def _require_registered(tx: Transaction, session: Session, person_id: UUID | None) -> None:
    if person_id is None:
        return
    if await people.get_person(tx, person_id) is None:
        raise no_such_person()
    assert session.course_id is not None
    if await registrations.get_registration(tx, person_id, session.course_id) is None:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "LEARNER_NOT_REGISTERED",
            "This learner is not registered in the session's course and could not use the code. Register them first.",
        )


async def _lock_code(tx: Transaction, code_id: UUID) -> Code:
    stored = await codes.lock_code(tx, code_id)
    if stored is None:
        raise _no_such_code()
    return stored.code


async def _recipients(tx: Transaction, code: Code) -> Sequence[UUID]:
    if code.person_id is not None:
        return [code.person_id]
    return await sessions.list_learners(tx, code.session_id)


async def _may_see(tx: Transaction, caller: Caller, session_id: UUID) -> bool:
    if caller.person_id is None:
        return caller.service == _NOTIFICATION
    if caller.is_administrator:
        return True
    return Role.PROCTOR in caller.roles and await sessions.is_proctor_of_session(
        tx, session_id, caller.person_id
    )


def _no_such_code() -> ServiceError:
    return not_found("NOT_FOUND", "There is no such code.")
