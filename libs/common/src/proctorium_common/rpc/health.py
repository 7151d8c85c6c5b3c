"""Health checks of the parts of a service, published by `grpc.health.v1`.

The service is ready while all required checks succeed. Its readiness is published under the empty name "" and under the
names of its gRPC services. The service is alive while the process responds. The liveness is published under the name
"live". If a check fails, but no required check fails, the service is ready and degraded. For example, learners can
still save their answers while NATS is unavailable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from grpc_health.v1 import health, health_pb2
from opentelemetry.metrics import Observation

from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.metrics import Metrics

_log = get_logger()

LIVE = "live"
"""The name under which the liveness of the service is published."""

Probe = Callable[[], Awaitable[None]]
"""A function that checks one part of the service. It raises an exception with the problem if the part is unhealthy."""

_PROBE_TIMEOUT = 2.0
_MAX_LOG_INTERVAL = 16
# The number of rounds after startup in which failures are logged as info, because other services are starting too.
_STARTUP_ROUNDS = 5
# The number of consecutive failures that are ignored before a check counts as failing. For a required check that has
# succeeded before, one failure is ignored, because a short peak of load must not make a replica unready. For a
# degrading check, more failures are ignored, because a slow start must not be reported as a failure.
_TOLERATED_FAILURES = 1
_TOLERATED_FAILURES_DEGRADING = 4
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Weight(Enum):
    """What the failure of a check means for the service."""

    REQUIRED = "required"
    """If the check fails, the service cannot serve calls, and is therefore not ready."""
    DEGRADING = "degrading"
    """If the check fails, the service is ready but degraded, and the failure appears in a log line and a metric."""


@dataclass(frozen=True)
class Check:
    """A health check of one part of a service."""

    name: str
    probe: Probe
    weight: Weight = Weight.REQUIRED


@dataclass(frozen=True)
class State:
    """The result of a round of checks: the failing checks with their errors, and the names of the required checks."""

    failing: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()

    @property
    def ready(self) -> bool:
        """Whether the service can serve calls."""
        return self.required.isdisjoint(self.failing)

    @property
    def failing_required(self) -> dict[str, str]:
        """The failing required checks, with their errors."""
        return {name: error for name, error in self.failing.items() if name in self.required}

    @property
    def degraded(self) -> bool:
        """Whether a check is failing, but no required check."""
        return self.ready and bool(self.failing)


class Health:
    """The health checks of a service, and the gRPC health service that publishes their result."""

    def __init__(self, metrics: Metrics, *, interval_seconds: float = 1.0) -> None:
        self.servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]  # documented, but missing in the type stubs
        self._interval_seconds = interval_seconds
        self._checks: list[Check] = []
        self._names: set[str] = {""}
        self._changed = asyncio.Condition()
        self._rounds = 0
        self._was_ready = False
        self._failures: dict[str, int] = {}
        self.state = State()
        metrics.observe(
            "proctorium.check.ok", "1 while a health check succeeds, else 0", self._observe
        )

    def add(self, check: Check) -> None:
        """Add a check. The service is not ready before all checks have run for the first time."""
        self._checks.append(check)

    def serve(self, names: Iterable[str]) -> None:
        """Add the names of gRPC services under which the readiness of this service is published."""
        self._names.update(names)

    async def run_checks(self) -> Sequence[tuple[Check, str | None]]:
        """Run every check once, and return each check with its error, or None. The result is not published."""
        errors = await asyncio.gather(*(_error_of(check) for check in self._checks))
        return list(zip(self._checks, errors, strict=True))

    async def publish_alive(self) -> None:
        """Publish that the service is alive but not ready yet."""
        await self.servicer.set(LIVE, _SERVING)
        await self._publish(ready=False)

    async def watch(self) -> None:
        """Run the checks periodically until cancelled.

        While the service is not ready, the failing required checks are logged at growing intervals.
        """
        log_interval, rounds = 1, 0
        while True:
            state = await self.check_now()
            if state.ready:
                log_interval, rounds = 1, 0
            else:
                rounds += 1
                if rounds >= log_interval:
                    self._warn("service_waiting", failing=state.failing_required)
                    log_interval, rounds = min(2 * log_interval, _MAX_LOG_INTERVAL), 0
            await asyncio.sleep(self._interval_seconds)

    async def check_now(self) -> State:
        """Run every check once, publish the result and return it."""
        previous = self.state
        self.state = await self._round()
        self._rounds += 1
        self._was_ready |= self.state.ready
        if self._rounds == 1 or self.state.ready != previous.ready:
            await self._publish(ready=self.state.ready)
            _log.info("service_ready" if self.state.ready else "service_not_ready")
        for name in self.state.failing.keys() - previous.failing.keys():
            self._warn("check_failing", check=name, error=self.state.failing[name])
        for name in previous.failing.keys() - self.state.failing.keys():
            _log.info("check_recovered", check=name)
        async with self._changed:
            self._changed.notify_all()
        return self.state

    def _warn(self, event: str, **fields: object) -> None:
        starting = not self._was_ready and self._rounds <= _STARTUP_ROUNDS
        (_log.info if starting else _log.warning)(event, **fields)

    async def _round(self) -> State:
        failing: dict[str, str] = {}
        for check, error in await self.run_checks():
            if error is None:
                self._failures[check.name] = 0
            elif self._is_failing(check):
                failing[check.name] = error
        required = frozenset(
            check.name for check in self._checks if check.weight is Weight.REQUIRED
        )
        return State(failing, required)

    def _is_failing(self, check: Check) -> bool:
        """Increment the number of consecutive failures of `check`, and return whether the check counts as failing."""
        if check.weight is Weight.REQUIRED:
            failures = self._failures.get(check.name, _TOLERATED_FAILURES) + 1
            tolerated = _TOLERATED_FAILURES
        else:
            failures = self._failures.get(check.name, 0) + 1
            tolerated = _TOLERATED_FAILURES_DEGRADING
        self._failures[check.name] = failures
        return failures > tolerated

    async def wait_for(self, condition: Callable[[State], bool]) -> State:
        """Wait for a state that satisfies `condition`, and return it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._rounds > 0 and condition(self.state))
        return self.state

    async def shut_down(self) -> None:
        """Publish that the service is alive but no longer ready. Later checks do not change this state."""
        await self.servicer.enter_graceful_shutdown()
        # `enter_graceful_shutdown` also sets "live" to not serving. Set "live" to serving again, because a failed
        # liveness probe would kill the process during the drain.
        await self.servicer._set(LIVE, _SERVING)  # noqa: SLF001 - the public method `set` has no effect any more

    async def _publish(self, *, ready: bool) -> None:
        for name in self._names:
            await self.servicer.set(name, _SERVING if ready else _NOT_SERVING)

    def _observe(self) -> Iterable[Observation]:
        # Before the first round nothing is known. A command that ends without a round exports no checks.
        if self._rounds == 0:
            return
        for check in self._checks:
            succeeds = check.name not in self.state.failing
            yield Observation(int(succeeds), {"check": check.name, "weight": check.weight.value})


async def _error_of(check: Check) -> str | None:
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            await check.probe()
    except TimeoutError:
        return "does not respond"
    except Exception as failure:  # noqa: BLE001 - any error is the result of the check
        return str(failure) or type(failure).__name__
    return None
