"""Conversions between `ServiceError` and gRPC statuses, with the status code of each kind of error."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from proctorium_common.errors import Kind, ServiceError, Violation, unavailable

DOMAIN = "proctorium"
DETAILS_KEY = "grpc-status-details-bin"
_LOCALE = "en"

CODES: dict[Kind, grpc.StatusCode] = {
    Kind.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Kind.INVALID_STATE_TRANSITION: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
    Kind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.CONFLICT: grpc.StatusCode.ABORTED,
    Kind.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Kind.TIMED_OUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    Kind.INTERNAL: grpc.StatusCode.INTERNAL,
}
_KINDS = {code: kind for kind, code in CODES.items()} | {
    # Proctorium's services never send the following codes, but the edge, a library or gRPC itself may send them.
    grpc.StatusCode.OUT_OF_RANGE: Kind.INVALID,
    grpc.StatusCode.CANCELLED: Kind.UNAVAILABLE,
}


def error_for(failure: Exception, *, trace_id: str) -> ServiceError:
    """Return the error to send to the caller for `failure`.

    If `failure` is a ServiceError, returns it unchanged. If `failure` comes from a call to another service that did not
    respond, returns DEPENDENCY_UNAVAILABLE. For every other exception, returns INTERNAL with the trace id.
    """
    if isinstance(failure, ServiceError):
        return failure
    if isinstance(failure, grpc.aio.AioRpcError):
        error = error_of(failure)
        if error.kind in {Kind.UNAVAILABLE, Kind.TIMED_OUT}:
            return unavailable(
                "DEPENDENCY_UNAVAILABLE",
                "A part of the system is unavailable at the moment. Please try again.",
                retry_after=error.retry_after,
            )
    return ServiceError(
        Kind.INTERNAL,
        "INTERNAL",
        f"Something went wrong on our side. Please report it with this id: {trace_id}",
        metadata={"trace_id": trace_id},
    )


def details_of(error: ServiceError) -> bytes:
    """Return `error` as a serialized `google.rpc.Status`, which is the value of `grpc-status-details-bin`."""
    details = [_any(detail) for detail in _details(error)]
    status = status_pb2.Status(
        code=CODES[error.kind].value[0], message=error.message, details=details
    )
    return status.SerializeToString()


def _details(error: ServiceError) -> Iterable[Message]:
    yield error_details_pb2.ErrorInfo(
        reason=error.reason, domain=DOMAIN, metadata=dict(error.metadata)
    )
    yield error_details_pb2.LocalizedMessage(locale=_LOCALE, message=error.message)
    if error.violations:
        yield error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(
                    field=violation.field,
                    reason=violation.rule,
                    description=violation.description,
                )
                for violation in error.violations
            ]
        )
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(error.retry_after)
        yield retry


def error_in(details: bytes) -> ServiceError:
    """Return the `ServiceError` that `details_of` serialized. Raises DecodeError if `details` cannot be parsed."""
    status = status_pb2.Status.FromString(details)
    kinds = {code.value[0]: kind for code, kind in _KINDS.items()}
    return _error_from(kinds.get(status.code, Kind.INTERNAL), status)


def _any(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def error_of(failed: grpc.RpcError) -> ServiceError:
    """Return the `ServiceError` of a failed call.

    If the status of the call has details, returns the error that the server raised. If the status has no details,
    returns a new error of the kind that corresponds to the status code.
    """
    if not isinstance(failed, grpc.aio.AioRpcError | grpc.Call):
        return ServiceError(Kind.INTERNAL, "INTERNAL", str(failed))
    code = failed.code()
    kind = _KINDS.get(code, Kind.INTERNAL)
    status = _status_of(failed)
    if status is None:
        return _error_without_details(kind, failed.details() or code.name)
    return _error_from(kind, status)


def _error_without_details(kind: Kind, sentence: str) -> ServiceError:
    # Proctorium's services send details with every error, so an error without details comes from gRPC, the network or
    # the edge. In an error without details, INTERNAL therefore means a broken connection (RST_STREAM).
    kind = Kind.UNAVAILABLE if kind is Kind.INTERNAL else kind
    return ServiceError(kind, _reason_without_details(kind), sentence)


def _reason_without_details(kind: Kind) -> str:
    return {
        Kind.UNAVAILABLE: "DEPENDENCY_UNAVAILABLE",
        Kind.TIMED_OUT: "DEADLINE_EXCEEDED",
        Kind.EXHAUSTED: "MESSAGE_TOO_LARGE",
    }.get(kind, kind.name)


def _status_of(failed: grpc.aio.AioRpcError | grpc.Call) -> status_pb2.Status | None:
    for key, value in failed.trailing_metadata() or ():
        if key == DETAILS_KEY:
            try:
                return status_pb2.Status.FromString(
                    value if isinstance(value, bytes) else value.encode()
                )
            except DecodeError:
                return None
    return None


def _error_from(kind: Kind, status: status_pb2.Status) -> ServiceError:
    info = error_details_pb2.ErrorInfo(reason="INTERNAL" if kind is Kind.INTERNAL else kind.name)
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    retry_after: timedelta | None = None
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta()
    return ServiceError(
        kind,
        info.reason,
        status.message,
        metadata=info.metadata,
        violations=[
            Violation(found.field, found.reason, found.description)
            for found in bad_request.field_violations
        ],
        retry_after=retry_after,
    )
