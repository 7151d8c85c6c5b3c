"""The outcomes of a request for several participants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from proctorium_session.domain.participants import ParticipantView


@dataclass(frozen=True, slots=True)
class ParticipantRefusal:
    """The reason why a request changes nothing for one participant: a reason code and a sentence."""

    reason: str
    message: str


Outcome = ParticipantView | ParticipantRefusal
"""The participant after the request, or the reason why the participant did not change."""

UNKNOWN_PARTICIPANT = ParticipantRefusal(
    "NOT_FOUND", "There is no such participant in this session. Reload the roster."
)
"""The refusal for an id that no participant of the session has."""

NOT_IN_SESSION = ParticipantRefusal(
    "PARTICIPANT_NOT_IN_SESSION", "This learner is not In Session. Reload the roster."
)
"""The refusal for a participant who is not In Session."""


def outcomes_of(
    participant_ids: Sequence[UUID],
    views: Sequence[ParticipantView],
    change: Callable[[ParticipantView], Outcome],
) -> Mapping[UUID, Outcome]:
    """Return the outcome of `change` for each participant, by id, in the order of `participant_ids`.

    If `participant_ids` is empty, the outcomes are those of all `views`.
    """
    by_id = {view.participant.participant_id: view for view in views}
    return {
        participant_id: change(by_id[participant_id])
        if participant_id in by_id
        else UNKNOWN_PARTICIPANT
        for participant_id in participant_ids or by_id
    }
