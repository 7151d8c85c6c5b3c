"""Health that follows the wiring: each part of a service has a check, and `grpc.health.v1` publishes the result.

Ready and alive differ. Ready ("" and each of the service's own names) follows the checks that calls depend on. Alive
("live") only says that the process responds. A part that calls do not depend on makes the service degraded, not
unready: while NATS is away, learners go on saving.
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

log = get_logger()

LIVE = "live"
"""The name under which a probe checks whether the process responds at all."""

Probe = Callable[[], Awaitable[None]]
"""Returns when the part is well, raises what is wrong otherwise."""

_PROBE_SECONDS = 2.0
_QUIET_ROUNDS = 16
# So many rounds a service may wait for what starts beside it, at every start, before that is worth a warning.
_STARTING_ROUNDS = 5
# Rounds that a part may fail before that counts. One that is required and was well: so that a moment of load does not
# take a replica out of service. One that is not: so that what comes up a little later, at every start, is no news.
_TOLERATED_ROUNDS = 1
_TOLERATED_ROUNDS_BESIDE = 4
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Weight(Enum):
    """What it means when a part is not well."""

    REQUIRED = "required"
    """Calls cannot be answered: not ready."""
    DEGRADING = "degrading"
    """Calls work, something beside them is late: ready, with a log line and a metric."""


@dataclass(frozen=True)
class Check:
    """One part of a service, how it is asked, and what its failure means."""

    name: str
    probe: Probe
    weight: Weight = Weight.REQUIRED


@dataclass(frozen=True)
class State:
    """What the last round of checks found: the parts that are not well, each with the reason."""

    failing: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()

    @property
    def ready(self) -> bool:
        """Whether calls can be answered."""
        return self.required.isdisjoint(self.failing)

    @property
    def missing(self) -> dict[str, str]:
        """The failing parts without which calls cannot be answered."""
        return {name: wrong for name, wrong in self.failing.items() if name in self.required}

    @property
    def degraded(self) -> bool:
        """Whether calls are answered while something beside them is not well."""
        return self.ready and bool(self.failing)


class Health:
    """The checks of one service, and the gRPC service that publishes their results."""

    def __init__(self, metrics: Metrics, *, every_seconds: float = 1.0) -> None:
        self.servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]  # documented, and missing in its types
        self._every_seconds = every_seconds
        self._checks: list[Check] = []
        self._names: set[str] = {""}
        self._changed = asyncio.Condition()
        self._rounds = 0
        self._was_ready = False
        self._failures: dict[str, int] = {}
        self.state = State()
        metrics.observe(
            "proctorium.check.ok", "1 while a part of the service is well, else 0", self._observe
        )

    def add(self, check: Check) -> None:
        """Add a part. Before the first round nothing is ready."""
        self._checks.append(check)

    def serve(self, names: Iterable[str]) -> None:
        """Add names of gRPC services that are ready when this service is."""
        self._names.update(names)

    async def ask(self) -> Sequence[tuple[Check, str | None]]:
        """Run every check once and return what is wrong with each, or None. Nothing is published."""
        answers = await asyncio.gather(*(_ask(check) for check in self._checks))
        return list(zip(self._checks, answers, strict=True))

    async def announce(self) -> None:
        """Publish that the process is alive and not yet ready."""
        await self.servicer.set(LIVE, _SERVING)
        await self._tell(ready=False)

    async def watch(self) -> None:
        """Run the checks repeatedly until cancelled; log failing ones every second at first, then less often."""
        quiet, waited = 1, 0
        while True:
            state = await self.check_now()
            if state.ready:
                quiet, waited = 1, 0
            else:
                waited += 1
                if waited >= quiet:
                    self._warn("service_waits", missing=state.missing)
                    quiet, waited = min(2 * quiet, _QUIET_ROUNDS), 0
            await asyncio.sleep(self._every_seconds)

    async def check_now(self) -> State:
        """Run every check once and publish the result."""
        before = self.state
        self.state = await self._round()
        self._rounds += 1
        self._was_ready |= self.state.ready
        if self._rounds == 1 or self.state.ready != before.ready:
            await self._tell(ready=self.state.ready)
            log.info("service_ready" if self.state.ready else "service_not_ready")
        for name in self.state.failing.keys() - before.failing.keys():
            self._warn("check_failing", check=name, error=self.state.failing[name])
        for name in before.failing.keys() - self.state.failing.keys():
            log.info("check_well", check=name)
        async with self._changed:
            self._changed.notify_all()
        return self.state

    def _warn(self, event: str, **fields: object) -> None:
        starting = not self._was_ready and self._rounds <= _STARTING_ROUNDS
        (log.info if starting else log.warning)(event, **fields)

    async def _round(self) -> State:
        failing: dict[str, str] = {}
        for check, wrong in await self.ask():
            if wrong is None:
                self._failures[check.name] = 0
            elif self._is_failing(check):
                failing[check.name] = wrong
        required = frozenset(
            check.name for check in self._checks if check.weight is Weight.REQUIRED
        )
        return State(failing, required)

    def _is_failing(self, check: Check) -> bool:
        """Return whether one more failed round is one too many."""
        if check.weight is Weight.REQUIRED:
            failures = self._failures.get(check.name, _TOLERATED_ROUNDS) + 1
            tolerated = _TOLERATED_ROUNDS
        else:
            failures = self._failures.get(check.name, 0) + 1
            tolerated = _TOLERATED_ROUNDS_BESIDE
        self._failures[check.name] = failures
        return failures > tolerated

    async def until(self, holds: Callable[[State], bool]) -> State:
        """Wait until a round of checks was made whose outcome `holds`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._rounds > 0 and holds(self.state))
        return self.state

    async def end(self) -> None:
        """Publish that the service is not ready from now on, whatever the checks find, and still alive."""
        await self.servicer.enter_graceful_shutdown()
        # That call ends "live" too, and a probe would kill what is busy ending well.
        await self.servicer._set(LIVE, _SERVING)  # noqa: SLF001 - its public way is closed by then

    async def _tell(self, *, ready: bool) -> None:
        for name in self._names:
            await self.servicer.set(name, _SERVING if ready else _NOT_SERVING)

    def _observe(self) -> Iterable[Observation]:
        for check in self._checks:
            well = self._rounds > 0 and check.name not in self.state.failing
            yield Observation(int(well), {"check": check.name, "weight": check.weight.value})


async def _ask(check: Check) -> str | None:
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            await check.probe()
    except Exception as failure:  # noqa: BLE001 - whatever is wrong is what the check found
        return str(failure) or type(failure).__name__
    return None
