"""The admission of calls, which checks the deadline, the caller, the access rule and the request of each call."""

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
from proctorium_common.rpc.calls import Context, ServerCall, ServerCalls
from proctorium_common.rpc.validation import RequestRules, check_texts
from proctorium_common.security.tls import peer_name
from proctorium_common.security.tokens import TokenVerifier
from proctorium_common.telemetry.logs import ID_CHARACTERS

EDGE = "edge"
"""The name in the edge's certificate. The edge forwards the calls of people."""


class Admission:
    """Admits or refuses calls.

    `peers` are the certificate names of the clients that may call. `peers` is None if connections have no certificates,
    which is possible only on the loopback. A call with less than `least_seconds` until its deadline is refused, because
    the response would arrive too late.
    """

    def __init__(
        self,
        tokens: TokenVerifier,
        rules: RequestRules,
        calls: ServerCalls,
        *,
        peers: frozenset[str] | None,
        least_seconds: float,
    ) -> None:
        self._tokens = tokens
        self._rules = rules
        self._calls = calls
        self._peers = peers
        self._least_seconds = least_seconds

    def identify(self, served: ServerCall, context: Context) -> bool:
        """Identify the caller without waiting, and return True. Return False if `verify` has to verify the token.

        Raises DEADLINE_TOO_SHORT or SHUTTING_DOWN. Raises NOT_ALLOWED if the certificate name of the client is not in
        `peers`.
        """
        if served.seconds_left is not None and served.seconds_left < self._least_seconds:
            raise timed_out(
                "DEADLINE_TOO_SHORT",
                "Too little time was left for this request, so it was not started.",
            )
        if self._calls.shutting_down:
            raise unavailable("SHUTTING_DOWN", "The service is restarting. Please try again.")
        service = None if self._peers is None else self._peer(context, self._peers)
        if served.token is not None:
            caller = self._tokens.cached(served.token, service)
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

    async def verify(self, served: ServerCall) -> None:
        """Verify a token that is not cached.

        Raises TOKEN_INVALID, TOKEN_EXPIRED or KEYS_UNAVAILABLE. For a public method, a token that cannot be verified is
        ignored, so that people with an expired token can sign in again.
        """
        try:
            served.caller = await self._tokens.verify(served.token or "", served.caller.service)
        except ServiceError:
            if not served.method.rule.public:
                raise

    def admit(self, served: ServerCall, received: bytes) -> Message:
        """Admit a call with one request, and return the request.

        Raises TOKEN_MISSING, NOT_ALLOWED, or the errors of `check`.
        """
        self._enter(served)
        return self.check(served, received)

    async def admit_stream(self, served: ServerCall, context: Context) -> None:
        """Admit a streaming call. Each request of the stream is checked later, when it is received.

        A response stream ends when the token of the caller expires.
        """
        if not self.identify(served, context):
            await self.verify(served)
        self._enter(served)
        if served.method.streams_responses:
            self._calls.limit_streams(served)
        if served.method.streams_responses and served.token is not None:
            seconds = self._tokens.seconds_left(served.token)
            if seconds is not None:
                served.end_at_token_expiry(seconds)

    def recheck_streams(self, people: Collection[UUID]) -> None:
        """Check the tokens of the open streams of `people` again.

        A stream ends if its token is no longer valid, or no longer gives the same roles as when the stream was opened.
        """
        for served in self._calls.streams:
            caller = served.caller
            if served.token is None or caller.person_id not in people:
                continue
            if self._tokens.cached(served.token, caller.service) != caller:
                served.end_for_token()

    def _enter(self, served: ServerCall) -> None:
        served.method.rule.check(served.caller)
        deadline = None if served.seconds_left is None else time.monotonic() + served.seconds_left
        if deadline is not None:
            self._calls.set_deadline(served, deadline)
        enter_call(Call(served.caller, served.method.name, deadline))

    def check(self, served: ServerCall, received: bytes) -> Message:
        """Return the parsed and validated request. Raises MESSAGE_TOO_LARGE, INVALID_REQUEST.

        The ids in the call's first valid request are recorded for the log line and the span.
        """
        if len(received) > served.method.request_bytes:
            raise _too_large(served.method.request_bytes)
        try:
            request = served.method.request.FromString(received)
        except DecodeError as failure:
            raise invalid("INVALID_REQUEST", "The request cannot be parsed.") from failure
        self._rules.check(request)
        if b"\0" in received:
            check_texts(request)
        if served.ids is None:
            self._record_ids(served, request)
        return request

    def _record_ids(self, served: ServerCall, request: Message) -> None:
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
