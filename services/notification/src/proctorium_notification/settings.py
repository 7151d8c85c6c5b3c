"""What notification reads from the environment."""

from __future__ import annotations

from datetime import timedelta
from email.headerregistry import Address
from email.utils import parseaddr

from pydantic import Field, field_validator

from proctorium_common.process.settings import Duration, ServiceSettings
from proctorium_notification.domain.deliveries import RetryRules
from proctorium_notification.operations.sending import SendingRules
from proctorium_notification.transport.smtp import MailServer


class Settings(ServiceSettings):
    """Settings of every service, and those of this one."""

    enrollment_address: str | None = Field(
        None, description="host:port of enrollment, which is asked for signing keys among others."
    )
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
    mail_connections: int = Field(
        8,
        ge=2,
        le=64,
        description="The most concurrent connections to the mail server for each replica; a quarter of them serve slow destinations.",
    )
    mail_slow_after: Duration = Field(
        timedelta(seconds=3),
        gt=timedelta(0),
        description="A destination is slow when a mail to it takes longer than this.",
    )
    retry_first: Duration = Field(
        timedelta(seconds=15),
        description="Pause after the mail server said not now to a message; doubled each time.",
    )
    retry_most: Duration = Field(timedelta(hours=1), description="The longest of these pauses.")
    retry_unreachable: Duration = Field(
        timedelta(seconds=5),
        description="Pause while the mail server or enrollment does not answer.",
    )
    retry_give_up: Duration = Field(
        timedelta(days=3), description="A message that could not go for this long has failed."
    )

    def rules(self) -> SendingRules:
        """How the sender works, as these settings say."""
        retry = RetryRules(
            first=self.retry_first,
            most=self.retry_most,
            unreachable=self.retry_unreachable,
            give_up=self.retry_give_up,
        )
        return SendingRules(
            connections=self.mail_connections, slow_after=self.mail_slow_after, retry=retry
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
