"""The commands `sessions list` and `sessions show`."""

from __future__ import annotations

import asyncio

import click

from proctorium.client import Client, pages
from proctorium.session.v1.sessions_pb2 import (
    GetSessionRequest,
    ListSessionsRequest,
    Session,
    SessionState,
)
from proctorium_cli.output import (
    Columns,
    first,
    limit_option,
    output_option,
    print_list,
    print_one,
    time,
    value,
)
from proctorium_cli.sign_in_file import signed_in

_COLUMNS: Columns[Session] = {
    "id": lambda session: session.session_id,
    "state": lambda session: value(SessionState.Name(session.state), "SESSION_STATE_"),
    "start": lambda session: time(session.plan.start_time),
    "participants": lambda session: f"{session.participant_count} of {session.plan.capacity}",
    "title": lambda session: session.plan.title,
}
_DETAILS: Columns[Session] = {
    **_COLUMNS,
    "duration": lambda session: str(session.plan.duration.ToTimedelta()),
    "proctors": lambda session: ", ".join(session.plan.proctor_ids),
    "present": lambda session: ", ".join(session.coverage.present_person_ids),
    "started": lambda session: time(session.actual_start_time),
    "ended": lambda session: time(session.end_time),
}


@click.group()
def sessions() -> None:
    """List sessions, and show one session."""


@sessions.command("list")
@click.option("--live", is_flag=True, help="Omit sessions that have ended or were cancelled.")
@limit_option
@output_option
def list_sessions(live: bool, limit: int, output: str) -> None:
    """List the sessions that you may see, ordered by start time."""

    async def run(client: Client) -> list[Session]:
        request = ListSessionsRequest(live_only=live)
        listed = pages(client.sessions.ListSessions, request)
        return await first(listed, lambda page: page.sessions, limit)

    print_list(asyncio.run(signed_in(run)), _COLUMNS, output)


@sessions.command("show")
@click.argument("session_id")
@output_option
def show_session(session_id: str, output: str) -> None:
    """Show a session."""

    async def run(client: Client) -> Session:
        request = GetSessionRequest(session_id=session_id)
        return (await client.sessions.GetSession(request)).session

    print_one(asyncio.run(signed_in(run)), _DETAILS, output)
