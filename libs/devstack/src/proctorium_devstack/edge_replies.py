"""The error responses that the edge itself creates.

Like a service's error, such a response has a code, a sentence and a `google.rpc.ErrorInfo`. gRPC and gRPC-Web clients
receive a status, a message and the header `grpc-status-details-bin`. JSON clients receive a body in the form to which
the transcoder converts the error of a service. `edge.lua` records the client's protocol before other filters change the
request.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

from proctorium_common.rpc.status import DOMAIN

_LOCALE = "en"


@dataclass(frozen=True)
class Reply:
    """One error response and the condition under which it is sent.

    There are three kinds of conditions:

    - `token`, which is an Envoy ValueMatcher, matches the message of a failed token check.
    - Envoy's response has one of the response flags in `flags`.
    - The HTTP status of Envoy's response is from `min_status` to `max_status`.
    """

    code: grpc.StatusCode
    reason: str
    sentence: str
    flags: tuple[str, ...] = ()
    min_status: int = 0
    max_status: int = 0
    token: Mapping[str, object] | None = None
    http: int | None = None
    """The HTTP status for JSON clients, or None for the HTTP status of Envoy's response."""
    by_code: bool = True
    """Whether this reply also replaces an error of a service's gRPC library that has the same code and no reason."""

    @property
    def number(self) -> int:
        """The gRPC status code as a number."""
        number: int = self.code.value[0]
        return number

    @property
    def details(self) -> str:
        """The value of `grpc-status-details-bin`."""
        return base64.b64encode(self._status().SerializeToString()).decode()

    @property
    def message(self) -> str:
        """The percent-encoded value of `grpc-message`. Characters that would end a Lua string are encoded too."""
        return quote(self.sentence, safe=" !#$()*+,/:;=?@[]")

    @property
    def json(self) -> str:
        """The body of the error response for JSON clients."""
        return json.dumps(json_format.MessageToDict(self._status()), separators=(",", ":"))

    def _status(self) -> status_pb2.Status:
        status = status_pb2.Status(code=self.number, message=self.sentence)
        for detail in (
            error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN),
            error_details_pb2.LocalizedMessage(locale=_LOCALE, message=self.sentence),
        ):
            status.details.add().Pack(detail)
        return status


def _by_status(code: grpc.StatusCode, reason: str, sentence: str, *statuses: int) -> Reply:
    return Reply(code, reason, sentence, min_status=statuses[0], max_status=statuses[-1])


_TIMEOUT = (
    grpc.StatusCode.DEADLINE_EXCEEDED,
    "DEADLINE_EXCEEDED",
    "This took too long, and it may or may not have changed something. Check it, or retry with the same request id.",
)
_UNAVAILABLE = (
    grpc.StatusCode.UNAVAILABLE,
    "SERVICE_UNAVAILABLE",
    "This service cannot be reached now. Please try again in a moment.",
)
_INVALID = (
    grpc.StatusCode.INVALID_ARGUMENT,
    "INVALID_REQUEST",
    "The request cannot be read: the body must be the JSON of the method's request.",
)


def _by_token(reason: str, sentence: str, token: Mapping[str, object]) -> Reply:
    return Reply(
        grpc.StatusCode.UNAUTHENTICATED, reason, sentence, token=token, http=401, by_code=False
    )


REPLIES: Sequence[Reply] = (
    # Use the same sentences as the services, which also check tokens.
    _by_token(
        "TOKEN_EXPIRED",
        "Your sign-in is no longer valid. Please sign in again.",
        {"string_match": {"exact": "Jwt is expired"}},
    ),
    _by_token(
        "TOKEN_MISSING", "Please sign in first.", {"string_match": {"exact": "Jwt is missing"}}
    ),
    _by_token("TOKEN_INVALID", "Please sign in again.", {"present_match": True}),
    Reply(*_TIMEOUT, flags=("UT", "DT", "SI")),
    Reply(*_UNAVAILABLE, flags=("UF", "UH", "UO", "UC", "UR", "LR", "LH", "URX", "UPE", "OM")),
    _by_status(
        grpc.StatusCode.PERMISSION_DENIED,
        "NOT_ALLOWED",
        "You may not do this, or it might not exist.",
        403,
    ),
    _by_status(
        grpc.StatusCode.UNIMPLEMENTED,
        "METHOD_NOT_FOUND",
        "There is no such method here. Check its name, and call it by POST.",
        404,
        405,
    ),
    _by_status(*_TIMEOUT, 408),
    _by_status(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "MESSAGE_TOO_LARGE",
        "The request is too large. Please send a smaller one, such as a photo with a lower resolution.",
        413,
    ),
    Reply(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
        "The request is not marked as JSON. Send it as content-type: application/json.",
        min_status=415,
        max_status=415,
        by_code=False,
    ),
    _by_status(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_REQUESTS",
        "There were too many requests from your network. Please wait a moment and try again.",
        429,
    ),
    _by_status(*_INVALID, 400, 499),
    _by_status(*_TIMEOUT, 504),
    _by_status(*_UNAVAILABLE, 500, 599),
)
"""The replies in the order of their conditions. The first reply whose condition is true is sent."""

REPLIES_BY_CODE: Sequence[Reply] = (
    *{reply.number: reply for reply in reversed(REPLIES) if reply.by_code}.values(),
    Reply(
        grpc.StatusCode.INTERNAL,
        "INTERNAL",
        "This could not be handled. Please try again. If your own program sent the request, check how it encodes messages.",
    ),
)
"""The replies that replace errors without a reason from a service's gRPC library. There is one reply for each code."""
