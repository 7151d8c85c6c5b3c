"""Access tokens: short-lived JWTs signed with Ed25519 (RFC 7519, RFC 8037), verified offline."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from joserfc import jws, jwt
from joserfc.jws import JWSRegistry

from proctorium_common.clock import Clock, utc_now
from proctorium_common.errors import ServiceError, unauthenticated, unavailable
from proctorium_common.ids import new_id
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_common.rpc.caller import Caller
from proctorium_common.security.keys import KeyRing, PublicKey, SigningKey
from proctorium_common.security.revocations import Revocations

ALGORITHM = "EdDSA"
"""The name of RFC 8037. Envoy, which checks tokens at the edge, does not know RFC 9864's `Ed25519` yet."""
ISSUER = "proctorium"
AUDIENCE = "proctorium"
ROLES = frozenset(ROLE_NUMBERS)

_LONGEST = 4096
LEEWAY = timedelta(seconds=30)
"""How much clocks may differ."""
_SOON = timedelta(seconds=1)


def _only_ed25519() -> JWSRegistry:
    registry = JWSRegistry(algorithms=[ALGORITHM])
    algorithm = copy(JWSRegistry.algorithms[ALGORITHM])
    # joserfc warns at each use that the name leaves the curve open, which our keys do not.
    algorithm.security_warning = None
    registry.algorithms = {ALGORITHM: algorithm}
    return registry


REGISTRY = _only_ed25519()
"""What joserfc signs and verifies access tokens with."""


@dataclass(frozen=True)
class SignedToken:
    """A token as it is sent, and when its time is over."""

    text: str
    expire_time: datetime


class TokenSigner:
    """Signs access tokens with one key."""

    def __init__(
        self,
        key: SigningKey,
        *,
        life: timedelta = timedelta(minutes=15),
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        clock: Clock = utc_now,
        token_id: Callable[[], UUID] = new_id,
    ) -> None:
        self._key = key
        self._life = life
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._token_id = token_id

    def sign(self, person_id: UUID, roles: Iterable[str], access_version: int = 0) -> SignedToken:
        """Return a token that says `person_id` holds `roles`, from now for the life given.

        Revocations of that access version or an earlier one do not affect it.
        """
        now = self._clock()
        # Claims hold whole seconds, so the answer does too.
        expire_time = (now + self._life).replace(microsecond=0)
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(person_id),
            "roles": sorted(roles),
            "ver": access_version,
            "iat": int(now.timestamp()),
            "exp": int(expire_time.timestamp()),
            "jti": str(self._token_id()),
        }
        header = {"alg": ALGORITHM, "kid": self._key.key_id}
        text = jwt.encode(header, claims, self._key.signer, registry=REGISTRY)
        return SignedToken(text, expire_time)


class _Remembered:
    """A verified token: its expiry, its access version, and the caller for each service that passes it on."""

    __slots__ = ("callers", "person", "until", "version")

    def __init__(self, person: Caller, until: float, version: int) -> None:
        self.person = person
        self.until = until
        self.version = version
        self.callers: dict[str | None, Caller] = {}

    def caller(self, service: str | None) -> Caller:
        found = self.callers.get(service)
        if found is None:
            found = self.callers[service] = replace(self.person, service=service)
        return found


class TokenVerifier:
    """Tells who a token is about. What was verified once is remembered until it expires, up to `remember` tokens."""

    def __init__(
        self,
        keys: KeyRing,
        *,
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        clock: Clock = utc_now,
        leeway: timedelta = LEEWAY,
        remember: int = 10_000,
        revocations: Revocations | None = None,
    ) -> None:
        self._keys = keys
        self._revocations = revocations or Revocations()
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._leeway = leeway.total_seconds()
        self._limit = remember
        self._verified: OrderedDict[str, _Remembered] = OrderedDict()
        self._generation = keys.generation

    def remembered(self, token: str, service: str | None = None) -> Caller | None:
        """Return the caller of a token, sent by `service`, that was verified and has not expired; None for others."""
        if self._generation != self._keys.generation:
            # A key was withdrawn or added: what it vouched for is asked again.
            self._verified.clear()
            self._generation = self._keys.generation
        found = self._verified.get(token)
        if found is None:
            return None
        if self._clock().timestamp() >= found.until:
            del self._verified[token]
            return None
        self._verified.move_to_end(token)
        return self._revocations.restrict(found.caller(service), found.version)

    def seconds_left(self, token: str) -> float | None:
        """Return how long a token that was verified before is still valid, leeway included; None for others."""
        found = self._verified.get(token)
        return None if found is None else found.until - self._clock().timestamp()

    async def verify(self, token: str, service: str | None = None) -> Caller:
        """Return who the token is about, sent by `service`, with the roles that it still carries.

        Raises TOKEN_INVALID (also for one that was revoked), TOKEN_EXPIRED or KEYS_UNAVAILABLE.
        """
        if not self._revocations.loaded:
            raise unavailable(
                "KEYS_UNAVAILABLE",
                "Your sign-in cannot be checked at the moment. Please try again shortly.",
                retry_after=_SOON,
            )
        if len(token) > _LONGEST:
            raise _not_ours()
        with _any_failure_is_invalid():
            key_id = _key_id(token)
        key, verifier = await self._keys.find(key_id)
        with _any_failure_is_invalid():
            claims = jwt.decode(token, verifier, registry=REGISTRY).claims
            verified = _Remembered(*self._check(claims, key))
        self._remember(token, verified)
        caller = self._revocations.restrict(verified.caller(service), verified.version)
        if caller is None:
            raise _not_ours()
        return caller

    def _check(self, claims: dict[str, object], key: PublicKey) -> tuple[Caller, float, int]:
        now = self._clock().timestamp()
        issued, expires = _whole(claims.get("iat")), _whole(claims.get("exp"))
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        retired = key.retire_time is not None and issued > key.retire_time.timestamp()
        if (
            claims.get("iss") != self._issuer
            or self._audience not in audiences
            or issued > now + self._leeway
            or retired
        ):
            raise _not_ours()
        until = expires + self._leeway
        if now >= until:
            raise unauthenticated(
                "TOKEN_EXPIRED", "Your sign-in is no longer valid. Please sign in again."
            )
        caller = Caller(person_id=_person(claims.get("sub")), roles=_roles(claims.get("roles")))
        # Tokens of the release before access versions have none: any revocation affects them.
        return caller, until, _whole(claims.get("ver", 0))

    def _remember(self, token: str, verified: _Remembered) -> None:
        self._verified[token] = verified
        if len(self._verified) > self._limit:
            self._verified.popitem(last=False)


@contextmanager
def _any_failure_is_invalid() -> Iterator[None]:
    """Turn whatever goes wrong while a token is read into TOKEN_INVALID.

    A library that reads what strangers wrote fails in more ways than it documents: a header `crit` that is a number, a
    time that is infinite, nesting that is too deep.
    """
    try:
        yield
    except ServiceError:
        raise
    except Exception as failure:
        raise _not_ours() from failure


def _key_id(token: str) -> str:
    key_id = jws.extract_compact(token.encode()).headers().get("kid")
    if not isinstance(key_id, str):
        raise _not_ours()
    return key_id


def _person(subject: object) -> UUID:
    try:
        return UUID(str(subject))
    except ValueError as failure:
        raise _not_ours() from failure


def _roles(roles: object) -> frozenset[str]:
    if not isinstance(roles, list):
        raise _not_ours()
    # A role that this version does not know gives no rights, and takes none.
    return ROLES.intersection(role for role in roles if isinstance(role, str))


def _not_ours() -> ServiceError:
    return unauthenticated("TOKEN_INVALID", "Please sign in again.")


def _whole(value: object) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    raise _not_ours()
