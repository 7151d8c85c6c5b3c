"""What the edge itself refuses, said as the services say their refusals: code, sentence, `google.rpc.ErrorInfo` with reason and domain.

gRPC and gRPC-Web callers get it as status, message and `grpc-status-details-bin`; callers of JSON as the body that the
transcoder makes of a service's error. Who is which, `edge.lua` notes before any filter has changed the request.
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
    """One refusal: given where the check of tokens failed with a message that `token` matches (a ValueMatcher of
    Envoy), where Envoy's response has one of `flags` (its response flags), or where its HTTP status is from `lowest` to
    `highest`."""

    code: grpc.StatusCode
    reason: str
    sentence: str
    flags: tuple[str, ...] = ()
    lowest: int = 0
    highest: int = 0
    token: Mapping[str, object] | None = None
    http: int | None = None
    """The HTTP status for callers of JSON, where it is not the one that Envoy gives."""
    by_code: bool = True
    """Whether it also explains a code that comes without a reason from a service's gRPC library."""

    @property
    def number(self) -> int:
        """The code of gRPC."""
        number: int = self.code.value[0]
        return number

    @property
    def details(self) -> str:
        """`grpc-status-details-bin`."""
        return base64.b64encode(self._status().SerializeToString()).decode()

    @property
    def message(self) -> str:
        """`grpc-message`, percent-encoded, and with it what would end a string of Lua."""
        return quote(self.sentence, safe=" !#$()*+,/:;=?@[]")

    @property
    def json(self) -> str:
        """The body for callers of JSON."""
        return json.dumps(json_format.MessageToDict(self._status()), separators=(",", ":"))

    def _status(self) -> status_pb2.Status:
        status = status_pb2.Status(code=self.number, message=self.sentence)
        for detail in (
            error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN),
            error_details_pb2.LocalizedMessage(locale=_LOCALE, message=self.sentence),
        ):
            status.details.add().Pack(detail)
        return status


def _by_status(code: grpc.StatusCode, reason: str, sentence: str, *between: int) -> Reply:
    return Reply(code, reason, sentence, lowest=between[0], highest=between[-1])


_TOO_LONG = (
    grpc.StatusCode.DEADLINE_EXCEEDED,
    "DEADLINE_EXCEEDED",
    "This took too long. Whether something was changed is not known: look, or send it again with the same request id.",
)
_AWAY = (
    grpc.StatusCode.UNAVAILABLE,
    "SERVICE_UNAVAILABLE",
    "This part of the system cannot be reached now. Please try again in a moment.",
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
    # The sentences are those of the services, which check tokens themselves.
    _by_token(
        "TOKEN_EXPIRED",
        "Your sign-in is no longer valid. Please sign in again.",
        {"string_match": {"exact": "Jwt is expired"}},
    ),
    _by_token(
        "TOKEN_MISSING", "Please sign in first.", {"string_match": {"exact": "Jwt is missing"}}
    ),
    _by_token("TOKEN_INVALID", "Please sign in again.", {"present_match": True}),
    Reply(*_TOO_LONG, flags=("UT", "DT", "SI")),
    Reply(*_AWAY, flags=("UF", "UH", "UO", "UC", "UR", "LR", "LH", "URX", "UPE", "OM")),
    _by_status(
        grpc.StatusCode.PERMISSION_DENIED,
        "NOT_ALLOWED",
        "You may not do this, or it might not exist.",
        403,
    ),
    _by_status(
        grpc.StatusCode.UNIMPLEMENTED,
        "METHOD_NOT_FOUND",
        "There is no such method here. Check its name, and that it is called by POST.",
        404,
        405,
    ),
    _by_status(*_TOO_LONG, 408),
    _by_status(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "MESSAGE_TOO_LARGE",
        "The request is too large. Please send a smaller one; of a picture, for instance, one with a lower resolution.",
        413,
    ),
    Reply(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
        "Send the request as JSON, and say so: content-type: application/json.",
        lowest=415,
        highest=415,
        by_code=False,
    ),
    _by_status(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_REQUESTS",
        "There were too many requests from where you are. Please wait a moment and try again.",
        429,
    ),
    _by_status(*_INVALID, 400, 499),
    _by_status(*_TOO_LONG, 504),
    _by_status(*_AWAY, 500, 599),
)
"""The first that fits is given."""

REPLIES_BY_CODE: Sequence[Reply] = (
    *{reply.number: reply for reply in reversed(REPLIES) if reply.by_code}.values(),
    Reply(
        grpc.StatusCode.INTERNAL,
        "INTERNAL",
        "This could not be handled. If the request comes from a program of yours, compare how it encodes messages; else please try again.",
    ),
)
"""For refusals that come with a code only, from a service's gRPC library."""
