"""The process of a service: settings, wiring, start, readiness, drain and command line."""

from proctorium_common.process.commands import main
from proctorium_common.process.roles import ProcessRole
from proctorium_common.process.service import Service, WiringError
from proctorium_common.process.settings import ProcessSettings, ServiceSettings, SettingsError

__all__ = [
    "ProcessRole",
    "ProcessSettings",
    "Service",
    "ServiceSettings",
    "SettingsError",
    "WiringError",
    "main",
]
