"""Sends mails as soon as there are some: woken by the database, and by the clock for those that were put off."""

from __future__ import annotations

from contextlib import AsyncExitStack

from proctorium_common.storage.listen import Listener, Notices
from proctorium_notification.operations.sending import Sender
from proctorium_notification.storage.deliveries import CHANNEL

_LOOK_EVERY = 1.0
"""Seconds after which it looks for what was put off; also how long the end of the process may have to wait for a turn."""


class SendingWorker:
    """Begins its next turn at once: it waits within the turn."""

    def __init__(self, listener: Listener, sender: Sender) -> None:
        self._listener = listener
        self._sender = sender
        self._open = AsyncExitStack()
        self._notices: Notices | None = None

    async def turn(self) -> None:
        """Waits a moment for something to send, then sends all there is."""
        if self._notices is None:
            self._notices = await self._open.enter_async_context(self._listener.subscribe(CHANNEL))
        await self._notices.wait(_LOOK_EVERY)
        while await self._sender.send_due():
            pass

    async def close(self) -> None:
        """Listens no more."""
        await self._open.aclose()
