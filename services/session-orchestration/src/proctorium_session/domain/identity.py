"""Whose identity must be verified, and how far each learner's check is (`S2`)."""

from __future__ import annotations

from enum import StrEnum


class IdentityPolicy(StrEnum):
    """When the identity of a learner must be verified."""

    NONE = "none"
    BEFORE_ASSESSMENT = "before_assessment"

    @property
    def required(self) -> bool:
        """Whether a learner of the session has to prove who they are at all."""
        return self is not IdentityPolicy.NONE


class IdentityState(StrEnum):
    """How far the check of one learner is."""

    NOT_REQUIRED = "not_required"
    REQUESTED = "requested"
    SUBMITTED = "submitted"
    VERIFIED = "verified"
    REJECTED = "rejected"
    RESUBMISSION_REQUESTED = "resubmission_requested"


def first_state(policy: IdentityPolicy) -> IdentityState:
    """Where the check of a learner who has just joined stands."""
    return IdentityState.REQUESTED if policy.required else IdentityState.NOT_REQUIRED


def is_ready(policy: IdentityPolicy, identity: IdentityState) -> bool:
    """Whether the learner has all that the policy demands before an assessment."""
    return not policy.required or identity is IdentityState.VERIFIED
