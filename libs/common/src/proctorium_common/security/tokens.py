"""Access tokens: short-lived JWTs (RFC 7519) that are signed with Ed25519 (RFC 8037) and verified offline."""

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
"""The name of the signature algorithm, from RFC 8037.

Envoy checks tokens at the edge, and does not support the newer name `Ed25519` from RFC 9864 yet.
"""
ISSUER = "proctorium"
AUDIENCE = "proctorium"
ROLES = frozenset(ROLE_NUMBERS)

_MAX_LENGTH = 4096
LEEWAY = timedelta(seconds=30)
"""The difference between the clocks of two machines that the checks of a token's times tolerate."""
_RETRY_AFTER = timedelta(seconds=1)


def _only_ed25519() -> JWSRegistry:
    registry = JWSRegistry(algorithms=[ALGORITHM])
    algorithm = copy(JWSRegistry.algorithms[ALGORITHM])
    # joserfc warns at each use that the name of the algorithm does not specify the curve. Suppress the warning, because
    # the keys specify the curve.
    algorithm.security_warning = None
    registry.algorithms = {ALGORITHM: algorithm}
    return registry


REGISTRY = _only_ed25519()
"""The joserfc registry for access tokens, which allows only the algorithm `ALGORITHM`."""


@dataclass(frozen=True)
class SignedToken:
    """A signed token and the time at which it expires."""

    text: str
    expire_time: datetime


class TokenSigner:
    """Signs access tokens with one key."""

    def __init__(
        self,
        key: SigningKey,
        *,
        lifetime: timedelta = timedelta(minutes=15),
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        clock: Clock = utc_now,
        token_id: Callable[[], UUID] = new_id,
    ) -> None:
        self._key = key
        self._lifetime = lifetime
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._token_id = token_id

    def sign(self, person_id: UUID, roles: Iterable[str], access_version: int = 0) -> SignedToken:
        """Return a token for `person_id` with `roles`. The token is valid from now for the lifetime of this signer.

        Only revocations with a version higher than `access_version` affect the token.
        """
        now = self._clock()
        # Truncate the expiry to whole seconds, because the claims contain whole seconds.
        expire_time = (now + self._lifetime).replace(microsecond=0)
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


class _CachedToken:
    """A verified token with its expiry, its access version, and one `Caller` per service that forwards the token."""

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
    """Verifies access tokens, and caches up to `cache_size` verified tokens until they expire."""

    def __init__(
        self,
        keys: KeyRing,
        *,
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        clock: Clock = utc_now,
        leeway: timedelta = LEEWAY,
        cache_size: int = 10_000,
        revocations: Revocations | None = None,
    ) -> None:
        self._keys = keys
        self._revocations = revocations or Revocations()
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._leeway = leeway.total_seconds()
        self._cache_size = cache_size
        self._cache: OrderedDict[str, _CachedToken] = OrderedDict()
        self._generation = keys.generation

    def cached(self, token: str, service: str | None = None) -> Caller | None:
        """Return the caller of a cached token that `service` forwarded.

        The caller has only the roles that were not revoked. Returns None if the token is not cached, has expired, or is
        refused because of a revocation.
        """
        if self._generation != self._keys.generation:
            # The trusted keys have changed, so all tokens have to be verified again.
            self._cache.clear()
            self._generation = self._keys.generation
        found = self._cache.get(token)
        if found is None:
            return None
        if self._clock().timestamp() >= found.until:
            del self._cache[token]
            return None
        self._cache.move_to_end(token)
        return self._revocations.restrict(found.caller(service), found.version)

    def seconds_left(self, token: str) -> float | None:
        """Return the time in seconds until `token` expires, including the leeway, or None if `token` is not cached."""
        found = self._cache.get(token)
        return None if found is None else found.until - self._clock().timestamp()

    async def verify(self, token: str, service: str | None = None) -> Caller:
        """Verify a token that `service` forwarded, and return its caller.

        The caller has only the roles that were not revoked. Raises TOKEN_INVALID (also for a revoked token),
        TOKEN_EXPIRED or KEYS_UNAVAILABLE.
        """
        if not self._revocations.loaded:
            raise unavailable(
                "KEYS_UNAVAILABLE",
                "Your sign-in cannot be checked at the moment. Please try again shortly.",
                retry_after=_RETRY_AFTER,
            )
        if len(token) > _MAX_LENGTH:
            raise _invalid_token()
        with _any_failure_is_invalid():
            key_id = _key_id(token)
        key, verifier = await self._keys.find(key_id)
        with _any_failure_is_invalid():
            claims = jwt.decode(token, verifier, registry=REGISTRY).claims
            verified = _CachedToken(*self._check(claims, key))
        self._add_to_cache(token, verified)
        caller = self._revocations.restrict(verified.caller(service), verified.version)
        if caller is None:
            raise _invalid_token()
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
            raise _invalid_token()
        until = expires + self._leeway
        if now >= until:
            raise unauthenticated(
                "TOKEN_EXPIRED", "Your sign-in is no longer valid. Please sign in again."
            )
        caller = Caller(person_id=_person(claims.get("sub")), roles=_roles(claims.get("roles")))
        # A token without the claim `ver` was signed by an old release that had no access versions. Such a token counts
        # as version 0, so that every revocation affects it.
        return caller, until, _whole(claims.get("ver", 0))

    def _add_to_cache(self, token: str, verified: _CachedToken) -> None:
        self._cache[token] = verified
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)


@contextmanager
def _any_failure_is_invalid() -> Iterator[None]:
    """Convert any error in the block to TOKEN_INVALID, except a ServiceError.

    Errors of all types are converted, because the library raises undocumented errors for malformed tokens. Examples are
    tokens whose header `crit` is a number, tokens with an infinite time, and deeply nested tokens.
    """
    try:
        yield
    except ServiceError:
        raise
    except Exception as failure:
        raise _invalid_token() from failure


def _key_id(token: str) -> str:
    key_id = jws.extract_compact(token.encode()).headers().get("kid")
    if not isinstance(key_id, str):
        raise _invalid_token()
    return key_id


def _person(subject: object) -> UUID:
    try:
        return UUID(str(subject))
    except ValueError as failure:
        raise _invalid_token() from failure


def _roles(roles: object) -> frozenset[str]:
    if not isinstance(roles, list):
        raise _invalid_token()
    # Ignore roles that this version of the service does not have.
    return ROLES.intersection(role for role in roles if isinstance(role, str))


def _invalid_token() -> ServiceError:
    return unauthenticated("TOKEN_INVALID", "Please sign in again.")


def _whole(value: object) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    raise _invalid_token()
