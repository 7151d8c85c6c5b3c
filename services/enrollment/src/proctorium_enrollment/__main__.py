"""Enrollment as a process: what it is made of."""

from __future__ import annotations

import sys
from datetime import timedelta

from proctorium.assessment.events.v1.events_pb2 import ResultReleased
from proctorium.session.events.v1 import events_pb2 as session
from proctorium_common.events.handling import Batched
from proctorium_common.process.commands import main
from proctorium_common.process.service import Service
from proctorium_enrollment import commands
from proctorium_enrollment.api.servicers import add_servicers
from proctorium_enrollment.operations.assessments import Assessments
from proctorium_enrollment.operations.code_resolution import CodeResolution
from proctorium_enrollment.operations.codes import Codes
from proctorium_enrollment.operations.signing import Signing
from proctorium_enrollment.settings import Settings
from proctorium_enrollment.storage.password_hashes import PasswordHashes
from proctorium_enrollment.subscribers import results
from proctorium_enrollment.subscribers.sessions import SessionEvents
from proctorium_enrollment.workers.forgetting import Forgetting


def build(
    service: Service[Settings],
    hashes: PasswordHashes | None = None,
    assessments: Assessments | None = None,
) -> None:
    """Wire enrollment; integration tests pass cheap `hashes` and an assessment service of their own."""
    database, keys = service.database, service.settings.encryption_keys()
    hashes = hashes or PasswordHashes()
    service.on_close(hashes.close)
    signing, codes = Signing(keys.signing_keys), Codes(keys.codes)
    resolution = CodeResolution(database, keys.codes, keys.throttling)
    service.keys_from(lambda: signing.trusted(database), stored=False)
    service.check("master key", lambda: signing.check_master_key(database))
    assessments = assessments or Assessments(service.channel("assessment"))
    add_servicers(service, keys, signing, hashes, codes, resolution, assessments=assessments)
    sessions = SessionEvents(codes, resolution)
    service.subscribe(
        "enrollment--sessions",
        {
            session.SessionScheduled: sessions.on_scheduled,
            session.SessionCancelled: sessions.on_cancelled,
            session.SessionStarted: sessions.on_started,
            session.SessionEnded: sessions.on_ended,
            session.ParticipantJoined: Batched(sessions.on_joined),
            session.ParticipantRemoved: sessions.on_removed,
        },
    )
    service.subscribe("enrollment--results", {ResultReleased: results.on_released})
    service.worker("forgetting", timedelta(hours=1), Forgetting(database).turn)


if __name__ == "__main__":
    if commands.is_one(sys.argv[1:]):
        sys.exit(commands.run(sys.argv[1:]))
    main("proctorium_enrollment", Settings, build)
