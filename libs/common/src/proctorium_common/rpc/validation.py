"""What is valid is in the proto (protovalidate); here it is checked and said field by field."""

from __future__ import annotations

from google.protobuf.message import Message
from protovalidate import Validator
from protovalidate import Violation as BrokenRule

from proctorium_common.errors import ServiceError, Violation, invalid


class RequestRules:
    """The validation rules of requests, compiled once for each type."""

    def __init__(self) -> None:
        self._validator = Validator()

    def compile(self, request: type[Message]) -> None:
        """Compiles the rules of one type now, so that a wrong rule ends the start and not the first call."""
        self._validator.collect_violations(request())

    def check(self, request: Message) -> None:
        """Raises INVALID_REQUEST with each violated field when `request` breaks a rule."""
        violations = self._validator.collect_violations(request)
        if violations:
            raise _error(violations)


def _error(broken: list[BrokenRule]) -> ServiceError:
    violations = [
        Violation(_path(rule), rule.proto.rule_id or "", rule.proto.message or "is not valid")
        for rule in broken
    ]
    first = violations[0]
    where = f"{first.field}: " if first.field else ""
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return invalid(
        "INVALID_REQUEST",
        f"The request is not valid: {where}{first.description}{more}.",
        violations=violations,
    )


def _path(rule: BrokenRule) -> str:
    field = rule.proto.field
    if field is None:
        return ""
    return ".".join(
        element.field_name + (f"[{element.subscript.value}]" if element.subscript else "")
        for element in field.elements
    )
