"""Fields that many events of session orchestration have."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from proctorium.options.v1 import options_pb2
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_session.domain.sessions import Actor


def actor_id(actor: Actor | None) -> str:
    """Return the person id of an actor, or an empty text if the change was automatic."""
    return "" if actor is None else str(actor.person_id)


def actor_role(actor: Actor | None) -> options_pb2.Role.ValueType:
    """Return the number of the role in which an actor acts, or 0 if the change was automatic."""
    return options_pb2.ROLE_UNSPECIFIED if actor is None else ROLE_NUMBERS[actor.role]


def id_texts(ids: Iterable[UUID]) -> list[str]:
    """Return ids as texts."""
    return [str(each) for each in ids]
