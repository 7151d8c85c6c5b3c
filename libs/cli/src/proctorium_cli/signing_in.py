"""The commands `sign-in`, `sign-out` and `whoami`."""

from __future__ import annotations

import asyncio
import os

import click

from proctorium.client import Client
from proctorium.enrollment.v1.accounts_pb2 import GetMeRequest
from proctorium.enrollment.v1.people_pb2 import Person
from proctorium.options.v1.options_pb2 import Role
from proctorium_cli.output import Columns, output_option, print_one, time, value
from proctorium_cli.sign_in_file import Edge, signed_in, store

_COLUMNS: Columns[Person] = {
    "name": lambda person: person.legal_name,
    "email": lambda person: person.email,
    "id": lambda person: person.person_id,
    "roles": lambda person: ", ".join(value(Role.Name(each), "ROLE_") for each in person.roles),
    "certified until": lambda person: time(person.certified_until_time),
}


@click.command("sign-in")
@click.option(
    "--edge",
    default="localhost:7080",
    show_default=True,
    envvar="PROCTORIUM_EDGE",
    help="The host:port of the edge.",
)
@click.option("--plaintext", is_flag=True, help="Connect without TLS, only to this machine.")
@click.option(
    "--authority",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    help="The certificate authorities of the edge, in PEM format.",
)
@click.option("--email", prompt=True, envvar="PROCTORIUM_EMAIL", help="The e-mail of the account.")
@click.option("--stay-signed-in", is_flag=True, help="Stay signed in for 12 hours without use.")
def sign_in(
    edge: str, plaintext: bool, authority: str | None, email: str, stay_signed_in: bool
) -> None:
    """Sign in, and store the tokens for further commands.

    The password is read from the terminal, or from the environment variable PROCTORIUM_PASSWORD.
    """
    password = os.environ.get("PROCTORIUM_PASSWORD") or click.prompt(
        "Password", hide_input=True, err=True
    )
    called = Edge(edge, plaintext, authority)

    async def run() -> Person:
        async with called.client(None, lambda tokens: store(called, tokens)) as client:
            return await client.sign_in(email, password, stay_signed_in=stay_signed_in)

    click.echo(f"Signed in as {asyncio.run(run()).legal_name}.")


@click.command("sign-out")
def sign_out() -> None:
    """End the sign-in, and remove the stored tokens."""

    async def run(client: Client) -> None:
        await client.sign_out()

    asyncio.run(signed_in(run))
    click.echo("Signed out.")


@click.command()
@output_option
def whoami(output: str) -> None:
    """Show the person who is signed in."""

    async def run(client: Client) -> Person:
        return (await client.accounts.GetMe(GetMeRequest())).person

    print_one(asyncio.run(signed_in(run)), _COLUMNS, output)
