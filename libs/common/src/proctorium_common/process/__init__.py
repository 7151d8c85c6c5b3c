"""A service as a process: settings, wiring, start, readiness, drain and the command line."""

from proctorium_common.process.commands import main
from proctorium_common.process.service import Service, WiringWrong
from proctorium_common.process.settings import ProcessSettings, ServiceSettings, SettingsWrong

__all__ = ["ProcessSettings", "Service", "ServiceSettings", "SettingsWrong", "WiringWrong", "main"]
