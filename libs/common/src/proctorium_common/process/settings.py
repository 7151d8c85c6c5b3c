"""Settings of processes, read once from environment variables into a frozen object.

The name of a variable is the field's name in upper case with a prefix: `drain_wait` is read from PROCTORIUM_DRAIN_WAIT.
Telemetry settings have OpenTelemetry's standard names. A duration is given in seconds ("20") or in ISO 8601 ("PT20S").
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from proctorium_common.events.identity import BrokerIdentity
from proctorium_common.process.roles import ProcessRole
from proctorium_common.rpc.calls import STREAMS_PER_PERSON
from proctorium_common.rpc.server import ServerLimits
from proctorium_common.security.tls import Certificates
from proctorium_common.telemetry import Telemetry, start_telemetry
from proctorium_common.telemetry.logs import LogFormat

_PREFIX = "PROCTORIUM_"


def _seconds(given: object) -> object:
    """Convert a text that contains a number of seconds to a float, and return any other value unchanged.

    Pydantic then parses a text that contains an ISO 8601 duration.
    """
    try:
        return float(given) if isinstance(given, str) else given
    except ValueError:
        return given


def _names(given: object) -> object:
    """Split a text at its commas, and return any other value unchanged."""
    if not isinstance(given, str):
        return given
    return [name.strip() for name in given.split(",") if name.strip()]


Duration = Annotated[timedelta, BeforeValidator(_seconds)]
# Without NoDecode, the variable would have to contain JSON.
ProcessRoles = Annotated[frozenset[ProcessRole], NoDecode, BeforeValidator(_names)]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(lambda given: given.lower() if isinstance(given, str) else given),
]
Sampler = Literal["parentbased_traceidratio", "parentbased_always_on", "parentbased_always_off"]


class SettingsError(Exception):
    """Environment variables are missing or invalid; `sentences` contains one sentence for each problem."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class ProcessSettings(BaseSettings):
    """The settings of every process."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    log_level: LogLevel = Field(
        "info",
        validation_alias="LOG_LEVEL",
        description="The lowest level that is logged: debug, info, warning or error.",
    )
    log_format: LogFormat = Field(
        "auto", description="json, pretty, or auto: pretty when standard output is a terminal."
    )
    otlp_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        pattern="^https?://",
        description="Base address of the OTLP/HTTP receiver of traces and metrics; without it, none are exported.",
    )
    telemetry_disabled: bool = Field(
        False,
        validation_alias="OTEL_SDK_DISABLED",
        description="Whether to export no traces and metrics.",
    )
    trace_sampler: Sampler = Field(
        "parentbased_traceidratio",
        validation_alias="OTEL_TRACES_SAMPLER",
        description="The sampler of new traces; the sampling decision of a caller always applies.",
    )
    trace_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        validation_alias="OTEL_TRACES_SAMPLER_ARG",
        description="The share of new traces that parentbased_traceidratio samples, from 0 to 1.",
    )
    tls_certificate: Path | None = Field(
        None,
        description="PEM file of the certificate of this process; its common name is the name of the service.",
    )
    tls_key: Path | None = Field(
        None, description="PEM file of the private key of the certificate."
    )
    tls_authority: Path | None = Field(
        None,
        description="PEM file of the certificate authority of this system.",
    )
    call_deadline: Duration = Field(
        timedelta(seconds=5), description="Maximum deadline of a call to another service."
    )

    @model_validator(mode="after")
    def _certificates_are_complete(self) -> ProcessSettings:
        given = [self.tls_certificate, self.tls_key, self.tls_authority]
        if any(given) and not all(given):
            raise ValueError(
                "PROCTORIUM_TLS_CERTIFICATE, PROCTORIUM_TLS_KEY and PROCTORIUM_TLS_AUTHORITY "
                "belong together: set all three or none."
            )
        return self

    def certificates(self) -> Certificates | None:
        """Return the certificates of this process, or None without TLS. Raises SettingsError for unreadable files."""
        if self.tls_certificate is None or self.tls_key is None or self.tls_authority is None:
            return None
        try:
            return Certificates.load(self.tls_certificate, self.tls_key, self.tls_authority)
        except OSError as failure:
            raise SettingsError(
                [f"{failure.filename} cannot be read: {failure.strerror}."]
            ) from failure

    def address_of(self, service: str) -> str:
        """Return the address (host:port) of `service`, which is the value of the settings field `<service>_address`.

        Raises SettingsError if this field is not set.
        """
        address: str | None = getattr(self, f"{service}_address", None)
        if address is None:
            raise SettingsError(
                [f"{_PREFIX}{service.upper()}_ADDRESS is missing: host:port of {service}."]
            )
        return address

    def start_telemetry(self, service: str) -> Telemetry:
        """Start the telemetry of `service` in this process."""
        ratios = {"parentbased_always_on": 1.0, "parentbased_always_off": 0.0}
        return start_telemetry(
            service,
            endpoint=None if self.telemetry_disabled else self.otlp_endpoint,
            ratio=ratios.get(self.trace_sampler, self.trace_ratio),
        )

    @property
    def log_level_number(self) -> int:
        """The number of the log level in the module `logging`."""
        return logging.getLevelNamesMapping()[self.log_level.upper()]


class BrokerSettings(ProcessSettings):
    """The settings of a process that connects to NATS."""

    nats_url: str = Field(
        pattern="^(nats|tls)://",
        repr=False,
        description="NATS servers, separated by commas: nats://host:4222. With a certificate set, the connection is encrypted and the "
        "certificate's name is the NATS user.",
    )

    def broker_identity(self, name: str) -> BrokerIdentity:
        """Return the NATS identity `name`. The identity has a certificate if the settings contain one.

        Raises SettingsError if a file of the certificate cannot be read.
        """
        if self.tls_certificate is None or self.tls_key is None or self.tls_authority is None:
            return BrokerIdentity(name)
        try:
            return BrokerIdentity.load(name, self.tls_certificate, self.tls_key, self.tls_authority)
        except OSError as failure:
            raise SettingsError([f"The certificate for NATS cannot be read: {failure}."]) from None


class ServiceSettings(BrokerSettings):
    """The settings of every service. Services add their own fields in a subclass."""

    database_url: str = Field(
        pattern="^postgres(ql)?://",
        repr=False,
        description="The service's own database: postgresql://role:password@host/database.",
    )
    migration_database_url: str | None = Field(
        None,
        pattern="^postgres(ql)?://",
        repr=False,
        description="The same database with the role that owns its tables, for the command `migrate` only, which then grants the service's "
        "own role the privileges that it needs. By default the role of `database_url` owns the tables.",
    )
    database_pool: int = Field(
        10, ge=1, le=200, description="Maximum number of connections in the database pool."
    )
    process_roles: ProcessRoles = Field(
        frozenset(ProcessRole),
        min_length=1,
        description="The parts of the service that this process runs, separated by commas: serve, relay, subscribe, work. By default all.",
    )
    nats_required: bool = Field(
        False,
        description="Whether the service is ready only while it is connected to NATS. By default it is then degraded and still serves calls.",
    )
    listen: str = Field(
        "127.0.0.1:0",
        description="host:port to listen on; port 0 selects a free port. An address outside of the loopback requires certificates.",
    )
    probe_address: str | None = Field(
        None,
        description="host:port of a second, plaintext port that serves only health checks.",
    )
    allowed_peers: frozenset[str] | None = Field(
        None,
        description='Certificate names that may call, as JSON (["session"]); by default the callers in the topology.',
    )
    connection_age: Duration = Field(
        timedelta(minutes=30),
        description="Maximum age of a connection; the client then opens another one.",
    )
    connection_grace: Duration = Field(
        timedelta(minutes=5), description="How long calls on an expired connection may continue."
    )
    message_bytes: int = Field(
        4 * 1024 * 1024, ge=1024, description="Maximum size of a message, received or sent."
    )
    default_deadline: Duration = Field(
        timedelta(seconds=30), description="Deadline of calls that arrive without one."
    )
    streams_per_person: int = Field(
        STREAMS_PER_PERSON,
        ge=4,
        description="Maximum number of open streams per person at this replica; a further one ends the oldest.",
    )
    check_every: Duration = Field(
        timedelta(seconds=1), description="Interval of the health checks."
    )
    drain_wait: Duration = Field(
        timedelta(seconds=2),
        description="Drain: time between reporting not ready and refusing new calls.",
    )
    drain_grace: Duration = Field(
        timedelta(seconds=15), description="Drain: maximum time for calls in progress to finish."
    )

    def limits(self) -> ServerLimits:
        """Return the gRPC server limits in these settings."""
        return ServerLimits(
            connection_age=self.connection_age,
            connection_grace=self.connection_grace,
            message_bytes=self.message_bytes,
            default_deadline=self.default_deadline,
            streams_per_person=self.streams_per_person,
        )


P = TypeVar("P", bound=ProcessSettings)


def read_settings(kind: type[P]) -> P:
    """Read the settings from the environment. Raises SettingsError with one sentence for each invalid variable."""
    try:
        return kind()
    except ValidationError as failure:
        raise SettingsError([_sentence(kind, wrong) for wrong in failure.errors()]) from None


def _sentence(kind: type[ProcessSettings], wrong: ErrorDetails) -> str:
    if not wrong["loc"]:
        return wrong["msg"].removeprefix("Value error, ")
    name = str(wrong["loc"][0])
    found = {name.upper(), f"{_PREFIX}{name.upper()}"}.intersection(_variables(kind))
    variable = found.pop() if found else name
    field = _variables(kind).get(variable)
    meaning = (field.description or "") if field is not None else ""
    if wrong["type"] == "missing":
        return f"{variable} is missing: {meaning}"
    # The sentence does not contain the value, because the value may be a secret.
    return f"{variable} is invalid ({wrong['msg']}): {meaning}"


def documentation(kind: type[ProcessSettings]) -> Mapping[str, str]:
    """Return the description and the default of each environment variable of `kind`, by the name of the variable.

    A test compares the result with the README of a service.
    """
    return {
        variable: f"{field.description} "
        + ("Required." if field.is_required() else f"Default: {field.get_default()}.")
        for variable, field in _variables(kind).items()
    }


def _variables(kind: type[ProcessSettings]) -> Mapping[str, FieldInfo]:
    """Return the fields of `kind` by the names of their environment variables."""
    return {
        str(field.validation_alias or f"{_PREFIX}{name.upper()}"): field
        for name, field in kind.model_fields.items()
    }
