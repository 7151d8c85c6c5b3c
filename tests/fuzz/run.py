"""`make fuzz`: call every RPC with generated requests as each kind of caller, and report faults.

`make fuzz MINUTES=10 SEED=7` sets the duration and the seed. Each round starts with a complete session, which must
work despite all earlier calls. The people of this session then make valid and invalid calls. The exit code is 0 only if
every refusal had a reason, no component was restarted, and memory and logs stayed within their limits.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import grpc
import httpx2
from google.protobuf import message_factory, text_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message

from fuzz.callers import Recorder, create_callers
from fuzz.calls import (
    CALL_SECONDS,
    HTTP1_BYTES,
    STREAM_SECONDS,
    Caller,
    Outcome,
    by_grpc,
    by_json,
    by_web,
    fault_of,
)
from fuzz.components import Components, errors_logged
from fuzz.forms import as_json, corrupt_json, corrupt_protobuf
from fuzz.messages import Requests, Templates
from fuzz.values import Known
from proctorium.session.v1.sessions_pb2 import ListSessionsRequest
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.rpc.access import AccessRule, rule_of
from proctorium_common.rpc.client import Channel, channel
from proctorium_common.rpc.status import details_of
from proctorium_common.security.tls import Certificates
from proctorium_common.topology import callers_of
from proctorium_devstack import demo_data
from proctorium_devstack.demo import seed
from proctorium_devstack.demo.people import sign_in
from proctorium_devstack.ports import PortPlan
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.contracts import all_methods, owner_of, path_of

ROUND_SECONDS = 30.0
_CONCURRENT_CALLS = 6
_MAX_FAULTS = 20
_SHOWN_CHARACTERS = 4_000
# Reasons of refusals that occur before the operation of an RPC starts.
_BEFORE_THE_OPERATION = {
    "INVALID_REQUEST", "INVALID_ID", "MESSAGE_TOO_LARGE", "TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "NOT_ALLOWED",
}  # fmt: skip
# Methods that end all sign-ins of the person whose id is in the request.
_ENDS_SIGN_INS = {"DisableAccount", "RevokeRole", "SetPassword", "SignOutEverywhere"}
_INVALID_QUERIES = ("?x=1", "?requestId=a&requestId=b", "?%00=1", "?sessionId=%ff")

Sent: TypeAlias = tuple[str, Outcome, object]
"""The protocol of a call, the outcome of the call, and the requests of the call."""


@dataclass
class Tally:
    """The numbers of calls of one RPC: all calls, valid calls, successful calls, and refused calls for each reason."""

    calls: int = 0
    passed: int = 0
    succeeded: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one call."""
        self.calls += 1
        self.reasons[outcome.reason] += 1
        self.passed += outcome.reason not in _BEFORE_THE_OPERATION
        self.succeeded += outcome.refusal is None


class Fuzz:
    """A run of the fuzzer. It needs a separate stack, because the calls disable people and change courses."""

    def __init__(self, stack: Stack, seed: int, log: Callable[[str], None]) -> None:
        self._stack = stack
        self._seed = seed
        self._log = log
        self._known = Known(Random(f"{seed}/known"))
        self._templates = Templates(Random(f"{seed}/templates"))
        methods = list(all_methods())
        Random(seed).shuffle(methods)
        self._methods = methods
        self._callers: list[Caller] = []
        self._before: Components | None = None
        self._services: dict[tuple[str, str], Channel] = {}
        self.tallies = {path_of(method): Tally() for method in methods}
        self.faults: dict[tuple[str, str], str] = {}
        edge = stack.address("edge")
        self._edge = grpc.aio.insecure_channel(edge)
        self._http = httpx2.AsyncClient(base_url=f"http://{edge}", timeout=CALL_SECONDS)
        self._stream_http = httpx2.AsyncClient(base_url=f"http://{edge}", timeout=STREAM_SECONDS)

    @property
    def calls(self) -> int:
        """The number of calls so far."""
        return sum(tally.calls for tally in self.tallies.values())

    async def prepare(self) -> None:
        """Run a session whose people become the next callers. The session must work despite all earlier calls."""
        edge, who = self._stack.address("edge"), seed.ADMINISTRATOR
        if self._before is None:
            administrator = await sign_in(edge, who.email, who.password)
            await administrator.close()
            self._known.protect(administrator.person_id, administrator.email)
        self._templates.clear()
        callers = await create_callers(edge, self._templates, self._known)
        await self._close_callers()
        self._callers = callers
        self._before = self._before or Components.of(self._stack)

    async def send(self, seconds: float) -> None:
        """Call all RPCs in turn for `seconds`."""
        await self._send(cycle(self._methods), seconds)

    async def send_until_passed(self, seconds: float) -> None:
        """Call the RPCs of which no request has passed validation yet, for at most `seconds`.

        A short run calls each RPC only a few times. Whether a request of an RPC with many rules passes is then a matter
        of chance.
        """

        def remaining() -> Iterator[MethodDescriptor]:
            while missing := [each for each in self._methods if not self._has_passed(each)]:
                yield from missing

        await self._send(remaining(), seconds)

    async def finish(self) -> list[str]:
        """Check that signing in and listing sessions still work; return all faults of the run."""
        edge, who = self._stack.address("edge"), seed.ADMINISTRATOR
        recorder = partial(Recorder, templates=self._templates, known=self._known)
        person = await sign_in(edge, who.email, who.password, recorder)
        await person.sessions.ListSessions(ListSessionsRequest(page_size=200))
        await person.close()
        assert self._before is not None
        return [*self.faults.values(), *self._faults_of_components(self._before)]

    async def close(self) -> None:
        """Close the connections."""
        await self._close_callers()
        for opened in self._services.values():
            await opened.close()
        await self._http.aclose()
        await self._stream_http.aclose()
        await self._edge.close()

    def report(self) -> str:
        """Return a table of texts with one line for each RPC.

        The columns are the number of calls, the share of calls that passed validation, the share of successful calls,
        and the most frequent reasons of refusals.
        """
        lines = [f"{'RPC':72} {'calls':>6} {'passed':>7} {'OK':>6}  reasons"]
        for path, tally in sorted(self.tallies.items()):
            passed, succeeded = (
                f"{100 * part / max(1, tally.calls):.0f} %"
                for part in (tally.passed, tally.succeeded)
            )
            common = ", ".join(
                f"{reason} {count}" for reason, count in tally.reasons.most_common(5)
            )
            lines.append(f"{path[1:]:72} {tally.calls:>6} {passed:>7} {succeeded:>6}  {common}")
        return "\n".join(lines)

    def never_passed(self) -> list[str]:
        """Return the names of the RPCs for which no request passed validation."""
        return [path_of(method) for method in self._methods if not self._has_passed(method)]

    def _has_passed(self, method: MethodDescriptor) -> bool:
        return self.tallies[path_of(method)].passed > 0

    async def _send(self, methods: Iterator[MethodDescriptor], seconds: float) -> None:
        """Call the RPCs of `methods` for at most `seconds`."""
        end = time.monotonic() + seconds

        async def call_repeatedly() -> None:
            while time.monotonic() < end and len(self.faults) < _MAX_FAULTS:
                method = next(methods, None)
                if method is None:
                    return
                await self._call(method)

        await asyncio.gather(*(call_repeatedly() for _ in range(_CONCURRENT_CALLS)))
        self._log(f"{self.calls} calls so far, {len(self.faults)} faults")

    async def _call(self, method: MethodDescriptor) -> None:
        random = Random(f"{self._seed}/{self.calls}")
        requests = Requests(random, self._known, self._templates)
        messages = [
            requests.make(method)
            for _ in range(random.randint(1, 4) if method.client_streaming else 1)
        ]
        caller = self._caller(random, method, requests.token)
        self._avoid_callers(random, method, messages[0])
        protocol, outcome, sent = await self._send_requests(random, method, caller, messages)
        tally = self.tallies[path_of(method)]
        tally.add(outcome)
        fault = outcome.fault or self._learn(method, outcome)
        if outcome.refusal is None and not fault and protocol.startswith("valid"):
            self._templates.add(path_of(method), messages[0].SerializeToString(), caller.token)
        if fault:
            self._note(method, caller, protocol, sent, fault)

    def _avoid_callers(self, random: Random, method: MethodDescriptor, request: Any) -> None:
        """If the request would end the sign-ins of a caller, usually replace the person id in the request."""
        if method.name not in _ENDS_SIGN_INS or random.random() < 0.05:
            return
        # If the id of the person is empty, the request ends the sign-ins of the caller.
        callers = {"", *(caller.person_id for caller in self._callers)}
        for _ in range(5):
            if request.person_id not in callers:
                return
            request.person_id = self._known.choose("person_id") or ""

    def _caller(self, random: Random, method: MethodDescriptor, token: str | None) -> Caller:
        """Choose a random caller, usually one with permission to call the method.

        `token` is the token of the template from which the request was made, or None if there is no template. If there
        is a token, the caller to whom the token belongs is usually chosen.
        """
        if token is not None and random.random() < 0.7:
            for caller in self._callers:
                if caller.token == token:
                    return caller
        rule = rule_of(method)
        services = sorted(callers_of(owner_of(method)))
        if services and (rule.for_services_only or random.random() < 0.08):
            allowed = sorted(rule.services) or services
            name = random.choice(allowed if random.random() < 0.8 else services)
            if random.random() < 0.9:
                return Caller(f"service {name}", service=name)
            token = random.choice(self._callers).token
            return Caller(f"service {name} for a person", token=token, service=name)
        if random.random() < 0.2:
            return random.choice(self._callers)
        return random.choice([each for each in self._callers if _may(rule, each)] or self._callers)

    async def _send_requests(
        self, random: Random, method: MethodDescriptor, caller: Caller, messages: list[Any]
    ) -> Sent:
        """Send the requests by a random protocol, and return the protocol, the outcome and the sent requests.

        In some calls, a request is corrupted before it is sent. The returned protocol then begins with "corrupt", and
        otherwise with "valid".
        """
        chance = random.random()
        over_http1 = caller.service is None and not method.client_streaming
        if over_http1 and chance < 0.4:
            sent_as_json = await self._send_json(random, method, caller, messages[0])
            if sent_as_json is not None:
                return sent_as_json
        bodies = [each.SerializeToString() for each in messages]
        state, sent = "valid", messages
        if random.random() < 0.08:
            bodies[-1] = corrupt_protobuf(random, bodies[-1])
            state, sent = "corrupt", bodies
        if caller.service is not None:
            opened = self._service(caller.service, owner_of(method))
            return (
                f"{state} gRPC without the edge",
                await by_grpc(opened, method, caller, bodies),
                sent,
            )
        if over_http1 and 0.4 <= chance < 0.55 and len(bodies[0]) <= HTTP1_BYTES:
            assert caller.web is not None
            return f"{state} gRPC-Web", await by_web(caller.web, method, bodies), sent
        return f"{state} gRPC", await by_grpc(self._edge, method, caller, bodies), sent

    async def _send_json(
        self, random: Random, method: MethodDescriptor, caller: Caller, request: Any
    ) -> Sent | None:
        """Send the request as JSON, sometimes corrupted; return the protocol, the outcome and the request.

        Returns None if JSON cannot express the request, or if the request is too large for HTTP/1.1.
        """
        try:
            text = as_json(random, request)
        except ValueError:
            return None
        state, query = "valid", ""
        if random.random() < 0.4:
            state, text = "corrupt", corrupt_json(random, text)
        if random.random() < 0.05:
            state, query = "corrupt", random.choice(_INVALID_QUERIES)
        if len(text.encode("utf-8", "surrogatepass")) > HTTP1_BYTES:
            return None
        http = self._stream_http if method.server_streaming else self._http
        return f"{state} JSON", await by_json(http, method, caller, text, query), query + text

    def _service(self, name: str, owner: str) -> Channel:
        """Return a channel to the service `owner` with the certificate of the service `name`."""
        if (name, owner) not in self._services:
            pair = self._stack.identity(name)
            self._services[name, owner] = channel(
                self._stack.address(owner),
                certificates=Certificates.load(pair.certificate, pair.key, pair.authority),
                server=owner,
            )
        return self._services[name, owner]

    def _learn(self, method: MethodDescriptor, outcome: Outcome) -> str:
        """Store the values in the received messages. Return a description of an invalid message, or an empty text."""
        for body in outcome.messages:
            response: Message = message_factory.GetMessageClass(method.output_type)()
            try:
                response.ParseFromString(body)
            except DecodeError:
                return "a response that cannot be parsed"
            self._known.learn(response)
            refused: Any = getattr(response, "refused", None)
            if refused is not None and response.HasField("refused"):
                refusal = ServiceError(Kind.INVALID, refused.reason, refused.message)
                if fault := fault_of(refusal, details_of(refusal)):
                    return f"a refusal in a stream: {fault}"
        return ""

    def _note(
        self, method: MethodDescriptor, caller: Caller, protocol: str, sent: object, fault: str
    ) -> None:
        """Store and log a fault with the details to reproduce it, unless a similar fault of this RPC is stored."""
        key = (path_of(method), fault[:40])
        if key in self.faults:
            return
        texts = [_shown(each) for each in sent] if isinstance(sent, list) else [repr(sent)]
        self.faults[key] = "\n".join(
            (
                f"seed {self._seed}, call {self.calls}: {path_of(method)} as {caller.name}, {protocol}",
                f"  {fault}",
                *(f"  {text[:_SHOWN_CHARACTERS]}" for text in texts),
            )
        )
        self._log(f"FAULT {self.faults[key]}")

    def _faults_of_components(self, before: Components) -> list[str]:
        after = Components.of(self._stack)
        self._log(f"memory in MiB: {after.growth(before)}")
        self._log(
            f"{after.logged_since(before) / max(1, self.calls):.0f} bytes of logs for each call"
        )
        errors = list(errors_logged(self._stack, before))
        return [*after.faults_since(before, self.calls), *errors[:_MAX_FAULTS]]

    async def _close_callers(self) -> None:
        for caller in self._callers:
            if caller.web is not None:
                await caller.web.close()


def _may(rule: AccessRule, caller: Caller) -> bool:
    if rule.public:
        return True
    return bool(caller.roles) and (rule.signed_in or not rule.roles.isdisjoint(caller.roles))


def _shown(request: object) -> str:
    if isinstance(request, Message):
        return text_format.MessageToString(request, as_one_line=True, as_utf8=False)
    return f"bytes.fromhex('{request.hex()}')" if isinstance(request, bytes) else repr(request)


async def run(minutes: float, seed: int) -> int:
    """Run the fuzzer against a new stack for `minutes`; return the exit code."""
    print(f"seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="proctorium-fuzz-"))
    async with Stack.running(folder, ports=PortPlan.free(), durable=False) as stack:
        await demo_data.load(stack)
        fuzz = Fuzz(stack, seed, lambda line: print(line, flush=True))
        for _ in range(max(1, round(minutes * 60 / ROUND_SECONDS))):
            await fuzz.prepare()
            await fuzz.send(ROUND_SECONDS)
        await fuzz.send_until_passed(ROUND_SECONDS)
        faults = await fuzz.finish()
        await fuzz.close()
    print(fuzz.report())
    faults += [f"no valid request reached {path}" for path in fuzz.never_passed()]
    print(f"{fuzz.calls} calls, {len(faults)} faults", *faults, sep="\n")
    if faults:
        print(f"logs of all components: {folder}/logs")
    else:
        shutil.rmtree(folder)
    return 1 if faults else 0


def main() -> int:
    """Parse the command line and run the fuzzer; return the exit code."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    arguments = parser.parse_args()
    return asyncio.run(run(arguments.minutes, arguments.seed))


if __name__ == "__main__":
    sys.exit(main())
