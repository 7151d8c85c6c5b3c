"""Whether a call is let in: enough time, a caller that is known, one that may, and a request that is valid."""

from __future__ import annotations

import time
from collections.abc import Collection
from uuid import UUID

from google.protobuf.message import DecodeError, Message

from proctorium_common.errors import (
    ServiceError,
    exhausted,
    invalid,
    not_allowed,
    timed_out,
    unavailable,
)
from proctorium_common.rpc.caller import Call, Caller, enter_call
from proctorium_common.rpc.served import Context, Served, ServedCalls
from proctorium_common.rpc.validation import RequestRules, check_texts
from proctorium_common.security.tls import peer_name
from proctorium_common.security.tokens import TokenVerifier
from proctorium_common.telemetry.logs import ID_CHARACTERS

EDGE = "edge"
"""The name in the certificate of the edge, through which people's calls come."""


class Admission:
    """Lets calls in.

    `peers` are the names in certificates that may connect; None for connections that prove nothing (loopback). A call
    with less than `least_seconds` left, after shaving, is refused: nobody would hear its answer.
    """

    def __init__(
        self,
        tokens: TokenVerifier,
        rules: RequestRules,
        calls: ServedCalls,
        *,
        peers: frozenset[str] | None,
        least_seconds: float,
    ) -> None:
        self._tokens = tokens
        self._rules = rules
        self._calls = calls
        self._peers = peers
        self._least_seconds = least_seconds

    def identify(self, served: Served, context: Context) -> bool:
        """Find out who calls, as far as that needs no waiting; False says: `verify` the token.

        Raises DEADLINE_TOO_SHORT for a hopeless call, SHUTTING_DOWN, and NOT_ALLOWED for a certificate that may not
        connect.
        """
        if served.left is not None and served.left < self._least_seconds:
            raise timed_out(
                "DEADLINE_TOO_SHORT", "Too little time was left to do this; nothing was begun."
            )
        if self._calls.ending:
            raise unavailable("SHUTTING_DOWN", "The service is restarting. Please try again.")
        service = None if self._peers is None else self._peer(context, self._peers)
        if served.token is not None:
            caller = self._tokens.remembered(served.token, service)
            if caller is not None:
                served.caller = caller
                return True
        if service is not None:
            served.caller = Caller(service=service)
        return served.token is None

    def _peer(self, context: Context, peers: frozenset[str]) -> str:
        name = peer_name(context.auth_context())
        if name is None or name not in peers:
            raise not_allowed("NOT_ALLOWED", f"{name or 'Nobody'} may not call this service.")
        return name

    async def verify(self, served: Served) -> None:
        """Verify a token that is not remembered.

        Raises TOKEN_INVALID, TOKEN_EXPIRED or KEYS_UNAVAILABLE; a public method goes on without a person instead, so
        that somebody with an old token can sign in again.
        """
        try:
            served.caller = await self._tokens.verify(served.token or "", served.caller.service)
        except ServiceError:
            if not served.method.rule.public:
                raise

    def admit(self, served: Served, received: bytes) -> Message:
        """Admit a call with one request, and return the request. Raises TOKEN_MISSING, NOT_ALLOWED, or as `check`."""
        self._enter(served)
        return self.check(served, received)

    async def admit_stream(self, served: Served, context: Context) -> None:
        """Admit a call whose requests are checked one by one; a stream of responses ends when its token expires."""
        if not self.identify(served, context):
            await self.verify(served)
        self._enter(served)
        if served.method.answers_many:
            self._calls.limit_streams(served)
        if served.method.answers_many and served.token is not None:
            left = self._tokens.seconds_left(served.token)
            if left is not None:
                served.lapse_in(left)

    def recheck_streams(self, people: Collection[UUID]) -> None:
        """End the open streams of these people whose token is not as good as when they were opened."""
        for served in self._calls.streams:
            caller = served.caller
            if served.token is None or caller.person_id not in people:
                continue
            if self._tokens.remembered(served.token, caller.service) != caller:
                served.lapse_now()

    def _enter(self, served: Served) -> None:
        served.method.rule.check(served.caller)
        deadline = None if served.left is None else time.monotonic() + served.left
        if deadline is not None:
            self._calls.limit(served, deadline)
        enter_call(Call(served.caller, served.method.name, deadline))

    def check(self, served: Served, received: bytes) -> Message:
        """Return the validated request, and note the ids of the first one. Raises MESSAGE_TOO_LARGE, INVALID_REQUEST.

        The size comes first and costs nothing. Only what passed validation is noted, because it is written to the log.
        """
        if len(received) > served.method.request_bytes:
            raise _too_large(served.method.request_bytes)
        try:
            request = served.method.request.FromString(received)
        except DecodeError as failure:
            raise invalid("INVALID_REQUEST", "The request cannot be read.") from failure
        self._rules.check(request)
        if b"\0" in received:
            check_texts(request)
        if served.ids is None:
            self._note_ids(served, request)
        return request

    def _note_ids(self, served: Served, request: Message) -> None:
        ids = {
            name: value[:ID_CHARACTERS]
            for name in served.method.ids
            if (value := getattr(request, name))
        }
        served.ids = ids
        span = served.span
        if span.is_recording():
            if served.caller.person_id is not None:
                span.set_attribute("proctorium.person_id", str(served.caller.person_id))
            for name, value in ids.items():
                span.set_attribute(f"proctorium.{name}", value)


def _too_large(limit: int) -> ServiceError:
    return exhausted(
        "MESSAGE_TOO_LARGE",
        f"This is more than can be sent at once: the limit is {limit // 1024} KiB. Send less in one request.",
        limit=str(limit),
    )
