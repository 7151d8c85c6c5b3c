"""Formatting of mail headers.

This module replaces the folding of Python's `email` package, because that folding loses spaces between encoded words
(RFC 2047, section 6.2).
"""

from __future__ import annotations

from email.header import Header
from email.headerregistry import AddressHeader
from email.policy import EmailPolicy
from typing import Any

_LINE_LENGTH = 76


class MailPolicy(EmailPolicy):
    """A policy for 7-bit mails, which every mail server accepts.

    The policy encodes a header with non-ASCII text as a whole, not word by word.
    """

    def fold(self, name: str, value: Any) -> str:
        """Return the header line with the name and the value, folded into lines."""
        text = str(value)
        if text.isascii() or self.utf8:
            return str(super().fold(name, value))
        if isinstance(value, AddressHeader):
            text = ", ".join(
                f"{self._encoded(address.display_name, name)} <{address.addr_spec}>"
                for address in value.addresses
            )
        else:
            text = self._encoded(text, name)
        return f"{name}: {text}{self.linesep}"

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the header line with the name and the value, folded into lines and encoded as bytes."""
        return self.fold(name, value).encode("utf-8" if self.utf8 else "ascii")

    def _encoded(self, text: str, name: str) -> str:
        return Header(text, "utf-8", maxlinelen=_LINE_LENGTH, header_name=name).encode(
            linesep=self.linesep
        )


MAIL = MailPolicy(linesep="\r\n", cte_type="7bit")
MAIL_UTF8 = MAIL.clone(utf8=True)
"""The policy for mails to addresses that need SMTPUTF8. The headers are in UTF-8, and the bodies are 7-bit."""
