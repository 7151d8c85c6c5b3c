"""AccountService over gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proctorium.enrollment.v1 import accounts_pb2 as pb
from proctorium.enrollment.v1 import accounts_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.rpc.addresses import client_address
from proctorium_common.rpc.caller import current_call
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.traces import annotate
from proctorium_enrollment.api.cookies import Cookies, is_browser, require_own_site
from proctorium_enrollment.api.messages import me, person_message, stamp
from proctorium_enrollment.operations import people, rights
from proctorium_enrollment.operations.accounts import Accounts, Tokens
from proctorium_enrollment.operations.signing import Signing

if TYPE_CHECKING:
    from proctorium_common.rpc.served import Context


@dataclass(frozen=True)
class AccountApi(accounts_pb2_grpc.AccountServiceServicer):
    """What the methods promise stands in the proto."""

    database: Database
    accounts: Accounts
    signing: Signing
    cookies: Cookies

    async def SignIn(self, request: pb.SignInRequest, context: Context) -> pb.SignInResponse:
        require_own_site(context)
        address = client_address(current_call().caller, context)
        signed_in = await self.accounts.sign_in(
            request.email,
            request.password,
            address,
            device_cookie=self.cookies.device_of(context),
            stay_signed_in=request.stay_signed_in,
        )
        annotate(person_id=signed_in.person.person_id)
        await self.cookies.set(context, signed_in.tokens, self.cookies.device_cookie(signed_in))
        return pb.SignInResponse(
            tokens=_tokens_message(signed_in.tokens, by_cookie=is_browser(context)),
            person=person_message(signed_in.person),
        )

    async def RefreshToken(
        self, request: pb.RefreshTokenRequest, context: Context
    ) -> pb.RefreshTokenResponse:
        require_own_site(context)
        tokens = await self.accounts.refresh(
            request.refresh_token or self.cookies.refresh_token_of(context)
        )
        await self.cookies.set(context, tokens)
        return pb.RefreshTokenResponse(
            tokens=_tokens_message(tokens, by_cookie=not request.refresh_token)
        )

    async def SignOut(self, request: pb.SignOutRequest, context: Context) -> pb.SignOutResponse:
        require_own_site(context)
        await self.accounts.sign_out(
            request.refresh_token or self.cookies.refresh_token_of(context)
        )
        await self.cookies.clear(context)
        return pb.SignOutResponse()

    async def SignOutEverywhere(
        self, request: pb.SignOutEverywhereRequest, context: Context
    ) -> pb.SignOutEverywhereResponse:
        require_own_site(context)
        asked = optional_id(request.person_id, "person_id")
        person_id = rights.oneself_or_other(current_call().caller, asked)

        async def run(tx: Transaction) -> pb.SignOutEverywhereResponse:
            await rights.sign_out_everywhere(tx, person_id)
            return pb.SignOutEverywhereResponse()

        return await self.database.once(request, run, pb.SignOutEverywhereResponse)

    async def GetMe(self, request: pb.GetMeRequest, context: Context) -> pb.GetMeResponse:
        caller = current_call().caller
        async with self.database.transaction() as tx:
            person = await people.get(tx, caller, me())
        return pb.GetMeResponse(person=person_message(person))

    async def SetPassword(
        self, request: pb.SetPasswordRequest, context: Context
    ) -> pb.SetPasswordResponse:
        require_own_site(context)
        await self.accounts.set_password(
            current_call().caller,
            optional_id(request.person_id, "person_id"),
            request.current_password,
            request.new_password,
        )
        return pb.SetPasswordResponse()

    async def DisableAccount(
        self, request: pb.DisableAccountRequest, context: Context
    ) -> pb.DisableAccountResponse:
        person_id = parse_id(request.person_id, "person_id")

        async def run(tx: Transaction) -> pb.DisableAccountResponse:
            person = await rights.disable(tx, me(), person_id, request.reason)
            return pb.DisableAccountResponse(person=person_message(person))

        return await self.database.once(request, run, pb.DisableAccountResponse)

    async def EnableAccount(
        self, request: pb.EnableAccountRequest, context: Context
    ) -> pb.EnableAccountResponse:
        person_id = parse_id(request.person_id, "person_id")

        async def run(tx: Transaction) -> pb.EnableAccountResponse:
            person = await rights.enable(tx, me(), person_id, request.reason)
            return pb.EnableAccountResponse(person=person_message(person))

        return await self.database.once(request, run, pb.EnableAccountResponse)

    async def ListSigningKeys(
        self, request: pb.ListSigningKeysRequest, context: Context
    ) -> pb.ListSigningKeysResponse:
        async with self.database.transaction() as tx:
            keys = await self.signing.public_keys(tx)
        return pb.ListSigningKeysResponse(
            keys=[
                pb.SigningKey(
                    key_id=key.key_id, public_key=key.raw, retire_time=stamp(key.retire_time)
                )
                for key in keys
            ]
        )


def _tokens_message(tokens: Tokens, *, by_cookie: bool) -> pb.Tokens:
    return pb.Tokens(
        access_token="" if by_cookie else tokens.access.text,
        access_expire_time=stamp(tokens.access.expire_time),
        refresh_token="" if by_cookie else tokens.refresh,
        refresh_expire_time=stamp(tokens.refresh_expire_time),
    )
