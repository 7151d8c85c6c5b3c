"""The error that a failed call raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of a request that is invalid: the path of the field, the id of the rule, and a sentence for people."""

    field: str
    rule: str
    description: str


class CallError(Exception):
    """A call that failed.

    `code` is the gRPC status code. `reason` is the name of a value of a `Reason` enum of the contract, such as
    `"PROCTOR_NOT_CERTIFIED"`. If the error comes from the connection and not from a service, `reason` is the name of
    the code. `message` is a sentence for people. `metadata` has further values for programs, and `violations` the
    invalid fields of the request. `retry_after` is the time after which the caller may repeat the call, if the service
    names one.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after


def call_error(failed: grpc.aio.AioRpcError) -> CallError:
    """Return the `CallError` for an error of gRPC."""
    status = _status_of(failed)
    if status is None:
        # Services send details with every error. INTERNAL without details is a broken connection.
        is_broken = failed.code() is grpc.StatusCode.INTERNAL
        code = grpc.StatusCode.UNAVAILABLE if is_broken else failed.code()
        return CallError(code, code.name, failed.details() or "The call failed.")
    info, bad_request, retry = ErrorInfo(reason=failed.code().name), BadRequest(), RetryInfo()
    retry_after = None
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta()
    return CallError(
        failed.code(),
        info.reason,
        status.message,
        metadata=info.metadata,
        violations=[
            FieldViolation(each.field, each.reason, each.description)
            for each in bad_request.field_violations
        ],
        retry_after=retry_after,
    )


def _status_of(failed: grpc.aio.AioRpcError) -> Status | None:
    for key, value in failed.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            try:
                return Status.FromString(value)
            except DecodeError:
                return None
    return None
