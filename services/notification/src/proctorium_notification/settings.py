"""What notification reads from the environment."""

from __future__ import annotations

from email.headerregistry import Address
from email.utils import parseaddr

from pydantic import Field, field_validator

from proctorium_common.process.settings import ServiceSettings
from proctorium_notification.transport.smtp import MailServer


class Settings(ServiceSettings):
    """Settings of every service, and those of this one."""

    smtp_url: str = Field(
        repr=False,
        description=(
            "Mail server: smtp://host:port, smtp+starttls://user:password@host:port or smtps://user:password@host:port."
        ),
    )
    mail_from: str = Field(
        "Proctorium <no-reply@proctorium.localhost>",
        description='Sender of all mails: "Example Training <no-reply@example.org>".',
    )
    public_url: str = Field(
        pattern="^https?://",
        description="Where people reach the portal; links in messages begin with it.",
    )

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url_is_one(cls, given: str) -> str:
        MailServer.parse(given)
        return given

    @field_validator("mail_from")
    @classmethod
    def _mail_from_is_an_address(cls, given: str) -> str:
        name, address = parseaddr(given)
        try:
            Address(display_name=name, addr_spec=address)
        except (ValueError, IndexError):
            raise ValueError("it is not an address") from None
        if "@" not in address:
            raise ValueError("it is not an address")
        return given
