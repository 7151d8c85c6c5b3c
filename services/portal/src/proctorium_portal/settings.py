"""The settings of the portal, which are read from the environment."""

from __future__ import annotations

from pydantic import Field

from proctorium_common.process.settings import ProcessSettings


class Settings(ProcessSettings):
    """The address on which the portal listens, and the share of browser calls that are traced."""

    listen: str = Field(
        "127.0.0.1:8080", description="host:port to listen on, plain HTTP behind the edge."
    )
    browser_trace_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of the calls from browsers that are recorded as traces.",
    )
