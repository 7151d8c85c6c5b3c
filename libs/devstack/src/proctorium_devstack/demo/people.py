"""Clients of the edge. A client is signed in as one person and has stubs for all services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proctorium.client.channel import stub_on
from proctorium.client.stubs import Stubs
from proctorium.enrollment.v1.accounts_pb2 import RefreshTokenRequest, SignInRequest
from proctorium_devstack.demo.edge import Channel, EdgeChannel


@dataclass(frozen=True)
class SignIn:
    """A person's role, name and credentials."""

    role: str
    name: str
    email: str
    password: str


class Person(Stubs):
    """A client of the edge that is signed in as one person, with a stub for each gRPC service."""

    def __init__(
        self,
        channel: Channel,
        token: str | None,
        *,
        person_id: str = "",
        name: str = "",
        email: str = "",
        password: str = "",
        refresh_token: str = "",
    ) -> None:
        self.channel = channel
        self.person_id = person_id
        self.name = name
        self.email = email
        self.password = password
        self.token = token
        self._refresh_token = refresh_token
        super().__init__(stub_on(channel))

    async def refresh_tokens(self) -> None:
        """Exchange the refresh token for new tokens. Clients do this when the access token has expired."""
        request = RefreshTokenRequest(refresh_token=self._refresh_token)
        tokens = (await self.accounts.RefreshToken(request)).tokens
        self._refresh_token = tokens.refresh_token
        self.token = self.channel.token = tokens.access_token

    async def close(self) -> None:
        """Close the connections."""
        await self.channel.close()


def anonymous(edge: str) -> Person:
    """Return a client that is not signed in."""
    return Person(EdgeChannel(edge), None, name="anonymous")


async def sign_in(
    edge: str,
    email: str,
    password: str,
    channel: Callable[[str, str | None], Channel] = EdgeChannel,
) -> Person:
    """Sign in at `edge` (`host:port`) and return the client.

    `channel` is called with the address and the token, and returns the channel of the client.
    """
    visitor = Person(channel(edge, None), None)
    try:
        response = await visitor.accounts.SignIn(SignInRequest(email=email, password=password))
    finally:
        await visitor.close()
    token = response.tokens.access_token
    person = response.person
    return Person(
        channel(edge, token),
        token,
        person_id=person.person_id,
        name=person.legal_name,
        email=person.email,
        password=password,
        refresh_token=response.tokens.refresh_token,
    )
