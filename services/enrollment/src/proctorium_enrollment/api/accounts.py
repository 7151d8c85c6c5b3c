"""The gRPC API of AccountService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proctorium.enrollment.v1 import accounts_pb2 as pb
from proctorium.enrollment.v1 import accounts_pb2_grpc
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.rpc.addresses import client_address
from proctorium_common.rpc.caller import calling_person, current_call
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_common.telemetry.traces import annotate
from proctorium_enrollment.api.cookies import Cookies, is_browser, require_own_site
from proctorium_enrollment.api.messages import person_message, signing_key_message, tokens_message
from proctorium_enrollment.operations import people, rights
from proctorium_enrollment.operations.accounts import Accounts
from proctorium_enrollment.operations.signing import Signing

if TYPE_CHECKING:
    from proctorium_common.rpc.calls import Context


class AccountApi(accounts_pb2_grpc.AccountServiceServicer):
    """Implementation of AccountService in `accounts.proto`."""

    def __init__(
        self, database: Database, accounts: Accounts, signing: Signing, cookies: Cookies
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._signing = signing
        self._cookies = cookies

    async def SignIn(self, request: pb.SignInRequest, context: Context) -> pb.SignInResponse:
        require_own_site(context)
        signed_in = await self._accounts.sign_in(
            request.email,
            request.password,
            client_address(current_call().caller, context),
            device_cookie=self._cookies.device_of(context),
            stay_signed_in=request.stay_signed_in,
        )
        annotate(person_id=signed_in.person.person_id)
        await self._cookies.set(context, signed_in.tokens, self._cookies.device_cookie(signed_in))
        return pb.SignInResponse(
            tokens=tokens_message(signed_in.tokens, by_cookie=is_browser(context)),
            person=person_message(signed_in.person),
        )

    async def RefreshToken(
        self, request: pb.RefreshTokenRequest, context: Context
    ) -> pb.RefreshTokenResponse:
        require_own_site(context)
        tokens = await self._accounts.refresh(
            request.refresh_token or self._cookies.refresh_token_of(context)
        )
        await self._cookies.set(context, tokens)
        return pb.RefreshTokenResponse(
            tokens=tokens_message(tokens, by_cookie=not request.refresh_token)
        )

    async def SignOut(self, request: pb.SignOutRequest, context: Context) -> pb.SignOutResponse:
        require_own_site(context)
        await self._accounts.sign_out(
            request.refresh_token or self._cookies.refresh_token_of(context)
        )
        await self._cookies.clear(context)
        return pb.SignOutResponse()

    async def SignOutEverywhere(
        self, request: pb.SignOutEverywhereRequest, context: Context
    ) -> pb.SignOutEverywhereResponse:
        require_own_site(context)
        return await rights.sign_out_everywhere(
            self._database,
            current_call().caller,
            optional_id(request.person_id, "person_id"),
            Responder(
                request,
                pb.SignOutEverywhereResponse,
                lambda _: pb.SignOutEverywhereResponse(),
            ),
        )

    async def GetMe(self, request: pb.GetMeRequest, context: Context) -> pb.GetMeResponse:
        person = await people.get_person(self._database, current_call().caller, calling_person())
        return pb.GetMeResponse(person=person_message(person))

    async def SetPassword(
        self, request: pb.SetPasswordRequest, context: Context
    ) -> pb.SetPasswordResponse:
        require_own_site(context)
        await self._accounts.set_password(
            current_call().caller,
            optional_id(request.person_id, "person_id"),
            request.current_password,
            request.new_password,
        )
        return pb.SetPasswordResponse()

    async def DisableAccount(
        self, request: pb.DisableAccountRequest, context: Context
    ) -> pb.DisableAccountResponse:
        return await rights.disable_account(
            self._database,
            current_call().caller,
            parse_id(request.person_id, "person_id"),
            request.reason,
            Responder(
                request,
                pb.DisableAccountResponse,
                lambda person: pb.DisableAccountResponse(person=person_message(person)),
            ),
        )

    async def EnableAccount(
        self, request: pb.EnableAccountRequest, context: Context
    ) -> pb.EnableAccountResponse:
        return await rights.enable_account(
            self._database,
            current_call().caller,
            parse_id(request.person_id, "person_id"),
            request.reason,
            Responder(
                request,
                pb.EnableAccountResponse,
                lambda person: pb.EnableAccountResponse(person=person_message(person)),
            ),
        )

    async def ListSigningKeys(
        self, request: pb.ListSigningKeysRequest, context: Context
    ) -> pb.ListSigningKeysResponse:
        keys = await self._signing.public_keys(self._database)
        return pb.ListSigningKeysResponse(keys=map(signing_key_message, keys))
