"""Test settings: one sentence reports each invalid setting, with its variable and the expected value."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from proctorium_common.process.roles import ProcessRole
from proctorium_common.process.settings import (
    ServiceSettings,
    SettingsError,
    documentation,
    read_settings,
)

from .sample import SampleSettings

DATABASE = "postgresql://assessment:swordfish@localhost/assessment"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("PROCTORIUM_DATABASE_URL", DATABASE)
    monkeypatch.setenv("PROCTORIUM_NATS_URL", "nats://localhost:4222")
    return monkeypatch


def _sentences() -> list[str]:
    with pytest.raises(SettingsError) as error:
        read_settings(ServiceSettings)
    return error.value.sentences


def test_each_missing_variable_is_reported(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("PROCTORIUM_DATABASE_URL")
    environment.delenv("PROCTORIUM_NATS_URL")
    second, first = _sentences()
    assert first.startswith("PROCTORIUM_DATABASE_URL is missing: The service's own database")
    assert second.startswith("PROCTORIUM_NATS_URL is missing: NATS servers")


def test_empty_variable_is_missing(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PROCTORIUM_NATS_URL", "")
    assert _sentences()[0].startswith("PROCTORIUM_NATS_URL is missing")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_TRACES_SAMPLER_ARG", "7"),
        ("PROCTORIUM_DRAIN_WAIT", "a while"),
        ("LOG_LEVEL", "loud"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("PROCTORIUM_PROCESS_ROLES", "serve,listen"),
        ("PROCTORIUM_PROCESS_ROLES", ","),
    ],
)
def test_invalid_value_is_reported_with_its_variable(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    environment.setenv(variable, value)
    [sentence] = _sentences()
    assert sentence.startswith(f"{variable} is invalid (")


def test_password_in_an_invalid_url_is_not_repeated(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PROCTORIUM_DATABASE_URL", "mysql://root:swordfish@localhost/x")
    [sentence] = _sentences()
    assert "swordfish" not in sentence


def test_incomplete_certificate_settings_are_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PROCTORIUM_TLS_KEY", "/certificates/assessment.key")
    [sentence] = _sentences()
    assert "belong together" in sentence


def test_unreadable_certificate_file_is_named(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("CERTIFICATE", "KEY", "AUTHORITY"):
        environment.setenv(f"PROCTORIUM_TLS_{name}", str(tmp_path / "missing.pem"))
    with pytest.raises(SettingsError, match=r"missing\.pem cannot be read: No such file"):
        read_settings(ServiceSettings).certificates()


def test_address_of_a_called_service_is_required(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="PROCTORIUM_ENROLLMENT_ADDRESS is missing"):
        read_settings(SampleSettings).address_of("enrollment")
    environment.setenv("PROCTORIUM_ENROLLMENT_ADDRESS", "enrollment:443")
    assert read_settings(SampleSettings).address_of("enrollment") == "enrollment:443"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0.5", timedelta(seconds=0.5)),
        ("20", timedelta(seconds=20)),
        ("PT2M", timedelta(minutes=2)),
    ],
    ids=["fraction", "seconds", "iso"],
)
def test_durations_are_seconds_or_iso_8601(
    environment: pytest.MonkeyPatch, text: str, meant: timedelta
) -> None:
    environment.setenv("PROCTORIUM_DRAIN_GRACE", text)
    assert read_settings(ServiceSettings).drain_grace == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", set(ProcessRole)),
        ("relay", {ProcessRole.RELAY}),
        ("serve, work", {ProcessRole.SERVE, ProcessRole.WORK}),
    ],
    ids=["default", "one", "two"],
)
def test_process_roles_are_separated_by_commas(
    environment: pytest.MonkeyPatch, text: str, meant: set[ProcessRole]
) -> None:
    environment.setenv("PROCTORIUM_PROCESS_ROLES", text)
    assert read_settings(ServiceSettings).process_roles == meant


def test_settings_cannot_be_changed_and_do_not_show_passwords() -> None:
    settings = read_settings(ServiceSettings)
    assert "swordfish" not in repr(settings)
    with pytest.raises(ValidationError, match="frozen"):
        settings.listen = "127.0.0.1:1"  # type: ignore[misc]  # the test expects an error


def test_every_setting_is_documented() -> None:
    assert all(field.description for field in ServiceSettings.model_fields.values())
    assert documentation(ServiceSettings)["PROCTORIUM_DATABASE_URL"].endswith("Required.")
