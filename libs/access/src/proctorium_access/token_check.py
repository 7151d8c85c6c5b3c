"""The file that configures how the edge checks access tokens.

Envoy watches this file, which configures Envoy's filter `jwt_authn`. The configuration contains the public keys that
verify tokens. It also lists the methods that need no token, which come from the access options in the protos. Envoy
loads a new file as soon as the file is moved into the folder. If the new configuration is not valid, Envoy continues
with the previous configuration. Envoy can start with this file even if all services are down.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from proctorium_common.clock import Clock, utc_now
from proctorium_common.rpc.access import rules
from proctorium_common.security.keys import PublicKey
from proctorium_common.security.tokens import AUDIENCE, ISSUER, LEEWAY
from proctorium_common.telemetry.logs import get_logger

_log = get_logger()

FILTER = "envoy.filters.http.jwt_authn"
FAILURE = "failure"
"""The key in the filter's dynamic metadata under which the filter records the reason for refusing a token."""
COMPLETE_FOR = timedelta(minutes=5)
"""The time after a fetch for which no key outside of the fetched keys can sign tokens.

Enrollment publishes each new key for a longer time than `COMPLETE_FOR` before the key signs tokens.
"""

_TYPE = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"
_RESOURCE = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
_CACHE_SIZE = 10_000
_MAX_CACHED_TOKEN_LENGTH = 4096


def methods_without_token() -> Sequence[str]:
    """Return the paths of the methods for which the edge requires no token, sorted.

    Public methods need no token. The result also includes the methods that only services may call. The edge's routes
    refuse all calls of such a method, and give a more precise reason than a missing token.
    """
    return sorted(path for path, rule in rules().items() if rule.public or rule.for_services_only)


def token_check(keys: Sequence[PublicKey], *, complete: bool) -> str:
    """Return the text of the file that configures how Envoy checks access tokens.

    `complete` must be true only if `keys` contains all keys that sign tokens. If `complete` is false, only the services
    check tokens, because the edge would refuse valid tokens that were signed with a missing key.
    """
    configuration: dict[str, object] = {"@type": _TYPE}
    if keys:
        configuration["providers"] = {ISSUER: _provider(keys)}
    if keys and complete:
        configuration["rules"] = [
            *({"match": {"path": path}} for path in methods_without_token()),
            {"match": {"prefix": "/proctorium."}, "requires": {"provider_name": ISSUER}},
        ]
    resource = {"@type": _RESOURCE, "name": FILTER, "typed_config": configuration}
    return json.dumps({"resources": [resource]}, indent=1)


def _provider(keys: Sequence[PublicKey]) -> Mapping[str, object]:
    return {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "clock_skew_seconds": int(LEEWAY.total_seconds()),
        "local_jwks": {"inline_string": json.dumps({"keys": [_written(key) for key in keys]})},
        # Accept a token only in the header. By default, the filter also accepts a token in the query of the URL, which
        # proxies would log.
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "forward": True,
        "failed_status_in_metadata": FAILURE,
        # Envoy caches the result of checking a token. Verifying the signature takes as long as everything else that the
        # edge does for a call.
        "jwt_cache_config": {
            "jwt_cache_size": _CACHE_SIZE,
            "jwt_max_token_size": _MAX_CACHED_TOKEN_LENGTH,
        },
    }


class TokenCheckFile:
    """Stores the keys of a `KeyRing` in the file that Envoy watches."""

    def __init__(self, path: Path, *, clock: Clock = utc_now) -> None:
        self._path = path
        self._clock = clock

    async def load(self) -> Sequence[PublicKey]:
        """Return the keys in the file, or an empty sequence if the file is missing, unreadable or without keys.

        This method always writes the file, because Envoy cannot start without the file.
        """
        keys = self._read()
        complete = bool(keys) and self._clock() - self._confirmed_at() < COMPLETE_FOR
        if not complete:
            _log.warning("tokens_not_checked_at_the_edge", keys=len(keys))
        self._write(keys, complete=complete)
        return keys

    async def save(self, keys: Sequence[PublicKey]) -> None:
        """Replace the keys in the file atomically."""
        self._write(keys, complete=True)
        _log.info("signing_keys_written", keys=len(keys))

    def confirm(self) -> None:
        """Set the modification time of the file to now, which records that the keys were fetched from enrollment."""
        now = self._clock().timestamp()
        os.utime(self._path, (now, now))

    def _confirmed_at(self) -> datetime:
        return datetime.fromtimestamp(self._path.stat().st_mtime, tz=self._clock().tzinfo)

    def _read(self) -> Sequence[PublicKey]:
        try:
            written = json.loads(self._path.read_text(encoding="utf-8"))
            provider = written["resources"][0]["typed_config"].get("providers", {}).get(ISSUER)
            if provider is None:
                return ()
            keys = json.loads(provider["local_jwks"]["inline_string"])["keys"]
            return [_read(key) for key in keys]
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as failure:
            _log.warning("signing_keys_unreadable", error=str(failure))
            return ()

    def _write(self, keys: Sequence[PublicKey], *, complete: bool) -> None:
        text = token_check(keys, complete=complete)
        confirmed = self._confirmed_at() if self._path.exists() else self._clock()
        new = self._path.with_name(f".{self._path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.utime(new, (confirmed.timestamp(), confirmed.timestamp()))
        # Envoy reads the file only when a file is moved into the folder. The new file is complete before the move, so
        # Envoy never reads an incomplete file.
        new.replace(self._path)


def _written(key: PublicKey) -> Mapping[str, str]:
    """Return the key as a JWK (RFC 8037). The JWK of a retired key has the additional member `retire_time`."""
    raw = base64.urlsafe_b64encode(key.raw).decode().rstrip("=")
    written = {"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": key.key_id, "x": raw}
    if key.retire_time is not None:
        written["retire_time"] = key.retire_time.isoformat()
    return written


def _read(written: Mapping[str, str]) -> PublicKey:
    retire_time = written.get("retire_time")
    try:
        raw = base64.urlsafe_b64decode(written["x"] + "=" * (-len(written["x"]) % 4))
    except binascii.Error as failure:
        raise ValueError(f"key {written['kid']} is not base64") from failure
    return PublicKey(
        written["kid"], raw, None if retire_time is None else datetime.fromisoformat(retire_time)
    )
