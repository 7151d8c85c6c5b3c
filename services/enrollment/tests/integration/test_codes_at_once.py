"""What happens to codes at the same moment, in transactions that overlap as those of two replicas do."""

from __future__ import annotations

import asyncio
from uuid import UUID

from sqlalchemy import select, text

from proctorium.enrollment.v1.codes_pb2 import ListCodesRequest
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Transaction
from proctorium_devstack.demo.waiting import eventually
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.domain.codes import CodeState
from proctorium_enrollment.operations.redemption import Asked, Redemption
from proctorium_enrollment.storage import codes as storage
from proctorium_enrollment.storage.tables import failed_entries, redemptions

from .enrollment import Enrollment

_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def waits_for_a_lock(enrollment: Enrollment, task: asyncio.Task[ServiceError]) -> bool:
    """Whether the task comes to wait for another transaction; False when it ends without."""

    async def looked() -> bool | None:
        if task.done():
            return False
        async with enrollment.database.transaction() as tx:
            return True if (await tx.execute(_WAITING)).scalar_one() else None

    return await eventually(looked, "a lock that is waited for, or an answer")


async def test_a_code_that_is_being_revoked_admits_nobody(enrollment: Enrollment) -> None:
    session = await enrollment.session()
    (learner,) = session.learner_ids
    request = ListCodesRequest(session_id=session.session_id)
    (code,) = (await enrollment.administrator.codes.ListCodes(request)).codes
    async with enrollment.database.transaction() as revoking:
        await storage.lock(revoking, UUID(code.code_id))
        await storage.set_state(revoking, UUID(code.code_id), CodeState.REVOKED)
        redeeming = asyncio.create_task(refusal(enrollment.redeem(session.code, learner)))
        assert await waits_for_a_lock(enrollment, redeeming)
    told = await redeeming
    assert (told.kind, told.reason) == (Kind.INVALID_STATE_TRANSITION, "CODE_REVOKED")
    assert await enrollment.count(redemptions) == 0


async def test_guesses_of_several_people_at_once_all_count_for_their_address(
    enrollment: Enrollment,
) -> None:
    keys = enrollment.served.service.settings.encryption_keys()
    replicas = [Redemption(enrollment.database, keys.codes, keys.throttling) for _ in range(2)]
    address = "198.51.100.44"

    async def guess(tx: Transaction, replica: Redemption) -> ServiceError:
        (outcome,) = await replica.redeem_all(tx, [Asked("zZzZ9999", new_id(), address)])
        assert isinstance(outcome, ServiceError)
        return outcome

    async def guess_meanwhile() -> ServiceError:
        async with enrollment.database.transaction() as tx:
            return await guess(tx, replicas[1])

    async with enrollment.database.transaction() as tx:
        first = await guess(tx, replicas[0])
        guessing = asyncio.create_task(guess_meanwhile())
        assert await waits_for_a_lock(enrollment, guessing)
    assert {first.reason, (await guessing).reason} == {"CODE_INVALID"}
    mark = keys.throttling.blind_index(f"code_network:{address}")
    counted = select(failed_entries.c.failures).where(failed_entries.c.digest == mark)
    assert [row.failures for row in await enrollment.rows(counted)] == [2]
