"""The command `evidence-accesses list`."""

from __future__ import annotations

import asyncio

import click

from proctorium.client import Client, pages
from proctorium.identity.v1.verification_pb2 import (
    EvidenceAccess,
    EvidenceAccessSubject,
    ListEvidenceAccessesRequest,
)
from proctorium.options.v1.options_pb2 import Role
from proctorium_cli.output import (
    Columns,
    first,
    limit_option,
    output_option,
    print_list,
    time,
    value,
)
from proctorium_cli.sign_in_file import signed_in

_COLUMNS: Columns[EvidenceAccess] = {
    "time": lambda access: time(access.access_time),
    "person": lambda access: access.person_id,
    "role": lambda access: value(Role.Name(access.acting_role), "ROLE_"),
    "data": lambda access: value(
        EvidenceAccessSubject.Name(access.subject), "EVIDENCE_ACCESS_SUBJECT_"
    ),
    "learner": lambda access: access.learner_id,
    "case": lambda access: access.case_id,
}


@click.group("evidence-accesses")
def evidence_accesses() -> None:
    """List who viewed the photos and the registration data of learners."""


@evidence_accesses.command("list")
@click.argument("session_id")
@limit_option
@output_option
def list_accesses(session_id: str, limit: int, output: str) -> None:
    """List the evidence access log of a session, newest first. For administrators."""

    async def run(client: Client) -> list[EvidenceAccess]:
        request = ListEvidenceAccessesRequest(session_id=session_id)
        listed = pages(client.identity.ListEvidenceAccesses, request)
        return await first(listed, lambda page: page.accesses, limit)

    print_list(asyncio.run(signed_in(run)), _COLUMNS, output)
