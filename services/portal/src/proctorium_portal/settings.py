"""The portal's settings, from the environment."""

from __future__ import annotations

from pydantic import Field

from proctorium_common.process.settings import ProcessSettings


class Settings(ProcessSettings):
    """Where the pages are served, and how much of what browsers begin is traced."""

    listen: str = Field(
        "127.0.0.1:8080", description="host:port to listen on, plain HTTP behind the edge."
    )
    browser_trace_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of the calls from browsers that are recorded as traces.",
    )
