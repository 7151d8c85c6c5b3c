"""The settings of notification."""

from __future__ import annotations

from datetime import timedelta
from email.headerregistry import Address
from email.utils import parseaddr

from pydantic import Field, field_validator

from proctorium_common.process.settings import Duration, ServiceSettings
from proctorium_notification.domain.deliveries import RetryPolicy
from proctorium_notification.operations.sending import SendingPolicy
from proctorium_notification.transport.smtp import MailServer


class Settings(ServiceSettings):
    """The settings of notification, in addition to the settings that all services have."""

    enrollment_address: str | None = Field(
        None,
        description="host:port of enrollment, which stores the signing keys, addresses and codes.",
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
        description="Public URL of the portal; links in messages begin with it.",
    )
    mail_connections: int = Field(
        8,
        ge=2,
        le=64,
        description=(
            "Largest number of concurrent connections of each replica to the mail server; a quarter of them serve slow"
            " destinations."
        ),
    )
    mail_slow_after: Duration = Field(
        timedelta(seconds=3),
        gt=timedelta(0),
        description="A destination is slow when a mail to it takes longer than this.",
    )
    mail_retry_first: Duration = Field(
        timedelta(seconds=15),
        description="Delay before a mail is retried that the mail server deferred (4xx); doubled each time.",
    )
    mail_retry_longest: Duration = Field(timedelta(hours=1), description="Longest of these delays.")
    mail_retry_unavailable: Duration = Field(
        timedelta(seconds=5),
        description="Delay before mails are retried when the mail server or enrollment is unavailable.",
    )
    mail_give_up_after: Duration = Field(
        timedelta(days=3), description="A mail that could not be sent for this long fails."
    )

    def sending_policy(self) -> SendingPolicy:
        """Return the limits of the sender."""
        retry = RetryPolicy(
            first=self.mail_retry_first,
            longest=self.mail_retry_longest,
            unavailable=self.mail_retry_unavailable,
            give_up_after=self.mail_give_up_after,
        )
        return SendingPolicy(
            connections=self.mail_connections, slow_after=self.mail_slow_after, retry=retry
        )

    @field_validator("smtp_url")
    @classmethod
    def _check_smtp_url(cls, url: str) -> str:
        MailServer.parse(url)
        return url

    @field_validator("mail_from")
    @classmethod
    def _check_mail_from(cls, mail_from: str) -> str:
        name, address = parseaddr(mail_from)
        try:
            Address(display_name=name, addr_spec=address)
        except (ValueError, IndexError):
            raise ValueError("this is not a mail address") from None
        if "@" not in address:
            raise ValueError("this is not a mail address")
        return mail_from
