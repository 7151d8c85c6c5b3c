"""Sends mails as soon as there are some: woken by the database, and by the clock for those that were put off."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta

from proctorium_common.storage.listen import Listener, Notices
from proctorium_notification.operations.sending import Sender
from proctorium_notification.storage.deliveries import CHANNEL


class SendingWorker:
    """Begins its next turn at once: it waits within the turn, for `look_every` at most.

    So often it looks for what was put off; and so long the end of the process may have to wait for a turn.
    """

    def __init__(
        self, listener: Listener, sender: Sender, look_every: timedelta = timedelta(seconds=1)
    ) -> None:
        self._listener = listener
        self._sender = sender
        self._look_every = look_every.total_seconds()
        self._open = AsyncExitStack()
        self._notices: Notices | None = None

    async def turn(self) -> None:
        """Waits a moment for something to send, then sends all there is."""
        if self._notices is None:
            self._notices = await self._open.enter_async_context(self._listener.subscribe(CHANNEL))
        await self._notices.wait(self._look_every)
        while await self._sender.send_due():
            pass

    async def close(self) -> None:
        """Listens no more, and gives up what is left of its claims."""
        await self._open.aclose()
        await self._sender.close()
