"""The identity policy of a session and the states of learners' identity verification (`S2`)."""

from __future__ import annotations

from enum import StrEnum


class IdentityPolicy(StrEnum):
    """The rules for when a learner's identity must be verified."""

    NONE = "none"
    BEFORE_ASSESSMENT = "before_assessment"

    @property
    def is_required(self) -> bool:
        """Whether learners of the session must verify their identity."""
        return self is not IdentityPolicy.NONE


class IdentityState(StrEnum):
    """The states of a learner's identity verification."""

    NOT_REQUIRED = "not_required"
    REQUESTED = "requested"
    SUBMITTED = "submitted"
    VERIFIED = "verified"
    REJECTED = "rejected"
    RESUBMISSION_REQUESTED = "resubmission_requested"


def first_state(policy: IdentityPolicy) -> IdentityState:
    """Return the state of identity verification of a learner who has just joined."""
    return IdentityState.REQUESTED if policy.is_required else IdentityState.NOT_REQUIRED


def is_ready(policy: IdentityPolicy, identity: IdentityState) -> bool:
    """Return whether a learner whose identity verification has this state meets the policy."""
    return not policy.is_required or identity is IdentityState.VERIFIED
