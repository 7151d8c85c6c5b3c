"""Generate valid and invalid requests: new requests from descriptors, and changed copies of successful requests."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from fuzz.values import Known, Values, rules_of
from proctorium_devstack.testing.contracts import path_of

_TEMPLATES = 40
_DEEPEST = 6
_LONG_LIST_BYTES = 400_000


class Templates:
    """The successful requests of each method, each with the token of the caller."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._requests: dict[str, list[tuple[bytes, str | None]]] = {}

    def add(self, path: str, request: bytes, token: str | None) -> None:
        """Store a successful request to the method `path`, with the token of the caller."""
        stored = self._requests.setdefault(path, [])
        stored.append((request, token))
        if len(stored) > _TEMPLATES:
            del stored[self._random.randrange(_TEMPLATES)]

    def choose(self, path: str) -> tuple[bytes, str | None] | None:
        """Return a random stored request to the method `path` with its token; return None if there is none."""
        stored = self._requests.get(path)
        return self._random.choice(stored) if stored else None

    def clear(self) -> None:
        """Remove all stored requests."""
        self._requests.clear()


class Requests:
    """Generates requests for any method."""

    def __init__(self, random: Random, known: Known, templates: Templates) -> None:
        self._random = random
        self._values = Values(random, known)
        self._templates = templates
        self.token: str | None = None
        """The token of the template from which the last request was made; None if no template was used."""

    def make(self, method: MethodDescriptor) -> Message:
        """Return a generated request for `method`."""
        random = self._random
        self.token = None
        chance = random.random()
        template = self._templates.choose(path_of(method))
        if template is not None and chance < 0.45:
            body, self.token = template
            return self._changed(method.input_type, body)
        if chance < 0.75:
            return self._message(method.input_type, 0.0)
        return self._message(method.input_type, random.choice((0.1, 0.3, 0.7)))

    def _changed(self, descriptor: Descriptor, template: bytes) -> Message:
        """Return a copy of `template` in which up to two fields, and often the request id, have new values."""
        request: Message = message_factory.GetMessageClass(descriptor)()
        request.ParseFromString(template)
        request_id = descriptor.fields_by_name.get("request_id")
        if request_id is not None and self._random.random() < 0.7:
            self._set(request, request_id, 0.0, 0)
        fields = list(_all_fields(request))
        for _ in range(self._random.choice((0, 0, 1, 2)) if fields else 0):
            holder, field = self._random.choice(fields)
            self._set(holder, field, self._random.choice((0.0, 1.0)), 0)
        return request

    def _message(self, descriptor: Descriptor, wild: float, depth: int = 0) -> Message:
        """Return a message in which each field is invalid with the probability `wild`."""
        message: Message = message_factory.GetMessageClass(descriptor)()
        if descriptor.full_name == "google.protobuf.Timestamp":
            sane = self._random.random() >= wild
            self._set_time(message, self._values.timestamp(sane=sane))
            return message
        oneofs = [oneof for oneof in descriptor.oneofs if len(oneof.fields) > 1]
        chosen = {
            self._random.choice(oneof.fields).name
            for oneof in oneofs
            if self._random.random() >= wild / 2
        }
        for field in descriptor.fields:
            if field.containing_oneof in oneofs and field.name not in chosen:
                continue
            if self._random.random() >= 0.15 * (wild > 0):
                self._set(message, field, wild, depth)
        if wild == 0.0:
            _make_consistent(message, self._random)
        return message

    def _set(self, message: Message, field: FieldDescriptor, wild: float, depth: int) -> None:
        """Set one field of a message. With the probability `wild`, the new value is invalid."""
        sane = self._random.random() >= wild
        if field.message_type is not None and depth >= _DEEPEST:
            return
        if not field.is_repeated:
            self._set_single(message, field, wild, depth, sane=sane)
            return
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return
        many = getattr(message, field.name)
        del many[:]
        values = [
            self._element(field, wild, depth, sane=sane)
            for _ in range(self._length(field, sane=sane))
        ]
        if sane and rules_of(field).repeated.unique and field.message_type is None:
            values = list(dict.fromkeys(values))
        many.extend(values)
        if not sane and values and self._random.random() < 0.2:
            self._fill(many, values[0])

    def _set_single(
        self, message: Message, field: FieldDescriptor, wild: float, depth: int, *, sane: bool
    ) -> None:
        rules = rules_of(field)
        inner = field.message_type
        if inner is None:
            setattr(message, field.name, self._values.scalar(field, rules, sane=sane))
            return
        inner_message = getattr(message, field.name)
        inner_message.Clear()
        inner_message.SetInParent()
        if inner.full_name == "google.protobuf.Duration":
            self._set_time(inner_message, self._values.duration(rules.duration, sane=sane))
        elif rules.required or depth == 0 or self._random.random() < 0.8:
            inner_message.CopyFrom(self._message(inner, wild, depth + 1))
        else:
            message.ClearField(field.name)

    def _element(self, field: FieldDescriptor, wild: float, depth: int, *, sane: bool) -> Any:
        if field.message_type is not None:
            return self._message(field.message_type, wild, depth + 1)
        return self._values.scalar(field, rules_of(field).repeated.items, sane=sane)

    def _length(self, field: FieldDescriptor, *, sane: bool) -> int:
        limits = rules_of(field).repeated
        most = limits.max_items or 10
        if sane:
            return self._random.randint(limits.min_items, min(most, limits.min_items + 3))
        return self._random.choice((0, 1, 2, min(most, 60), min(most + 1, 60)))

    def _fill(self, many: Any, value: Any) -> None:
        """Append `value` to the list `many` often enough to make the request large."""
        size = value.ByteSize() if isinstance(value, Message) else len(str(value))
        most = self._random.choice((1_000, 20_000, 100_000))
        many.extend([value] * min(most, _LONG_LIST_BYTES // (size + 2)))

    @staticmethod
    def _set_time(message: Any, value: tuple[int, int]) -> None:
        message.seconds, message.nanos = value


def _all_fields(message: Message) -> Iterator[tuple[Message, Any]]:
    """Yield each field of a message and of the messages inside it, with the message that contains the field."""
    for field in message.DESCRIPTOR.fields:
        yield message, field
    for field, value in message.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for inner in value if field.is_repeated else (value,):
                if not inner.DESCRIPTOR.full_name.startswith("google."):
                    yield from _all_fields(inner)


def _make_consistent(message: Any, random: Random) -> None:
    """Change the message so that the message meets the validation rules that involve several fields."""
    match message.DESCRIPTOR.name:
        case "SingleChoice" | "MultipleChoice":
            for number, choice in enumerate(message.choices):
                choice.choice_id = f"c{number}"
            ids = [choice.choice_id for choice in message.choices]
            if message.DESCRIPTOR.name == "SingleChoice":
                message.correct_choice_id = random.choice(ids)
            else:
                message.correct_choice_ids[:] = random.sample(ids, random.randint(1, len(ids)))
        case "Assessment":
            message.ClearField("assessment_id")
            for item in message.items:
                item.ClearField("item_id")
        case "CreateIncidentRequest":
            message.ClearField("occurrence_time")
            if random.random() < 0.7:
                message.ClearField("participant_id")
        case "UpdateIncidentRequest":
            message.update_mask.paths[:] = random.sample(("category_id", "severity", "note"), 2)
            if random.random() < 0.7:
                message.incident.ClearField("etag")
        case _:
            pass
