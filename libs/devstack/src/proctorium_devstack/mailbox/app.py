"""The mailbox's SMTP server, pages and JSON API.

- `GET /api/mails?to=&subject=&after=&wait=`: the matching mails, newest first. If no mail matches, the response is
  delayed until a matching mail arrives, but at most for `wait` seconds. Therefore clients need not poll.
- `GET /api/mails/{id}`, `GET /api/mails/{id}/raw`, `GET /api/mails/{id}/attachments/{number}`, `DELETE /api/mails`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from proctorium_devstack.mailbox.store import Mail, MailStore

PAGES = Path(__file__).resolve().parent.parent / "pages"
_MAX_WAIT = 60.0
_MAX_MAIL_BYTES = 32 * 1024 * 1024
# The HTML of a mail is not trusted. Therefore it may not run scripts or load resources. The HTML has the origin of the
# surrounding page, so that the page can measure the height of the mail. This is safe, because HTML without scripts
# cannot use the origin.
_CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: cid:; "
    "sandbox allow-popups allow-same-origin"
)
_MAX_LISTED = 100


class Mailbox:
    """A store of mails. It receives mails by SMTP, and notifies the requests that wait for new mails."""

    def __init__(self, store: MailStore) -> None:
        self.store = store
        self._arrived = asyncio.Condition()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store a mail and return the reply. aiosmtpd calls this method and sends the reply to the sender."""
        content = (
            envelope.content
            if isinstance(envelope.content, bytes)
            else (envelope.content or "").encode()
        )
        mail_id = self.store.add(envelope.mail_from or "", envelope.rcpt_tos, content)
        async with self._arrived:
            self._arrived.notify_all()
        return f"250 stored as {mail_id}"

    async def search(
        self, *, to: str, subject: str, after: int, limit: int, wait: float
    ) -> Sequence[Mail]:
        """Return the matching mails. If no mail matches, wait up to `wait` seconds until a matching mail arrives."""
        deadline = asyncio.get_running_loop().time() + min(wait, _MAX_WAIT)
        async with self._arrived:
            while not (
                found := self.store.search(to=to, subject=subject, after=after, limit=limit)
            ):
                remaining = deadline - asyncio.get_running_loop().time()
                if remaining <= 0:
                    break
                try:
                    async with asyncio.timeout(remaining):
                        await self._arrived.wait()
                except TimeoutError:
                    break
        return found


async def listen(mailbox: Mailbox, host: str, port: int) -> asyncio.Server:
    """Start the SMTP server on the port, and return the server."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: SMTP(
            mailbox,
            hostname="mailbox.localhost",
            enable_SMTPUTF8=True,
            data_size_limit=_MAX_MAIL_BYTES,
        ),
        host,
        port,
    )


def web(mailbox: Mailbox) -> Starlette:
    """Return the web application with the pages and the JSON API."""
    pages = Jinja2Templates(directory=PAGES)

    async def listing(request: Request) -> Response:
        found = await _search(mailbox, request, limit=_MAX_LISTED + 1)
        context = {
            "mails": found[:_MAX_LISTED],
            "more": len(found) > _MAX_LISTED,
            "query": request.query_params,
        }
        return pages.TemplateResponse(request, "mailbox.html", context)

    async def detail(request: Request) -> Response:
        return pages.TemplateResponse(request, "mail.html", {"mail": _find(mailbox, request)})

    async def body(request: Request) -> Response:
        mail = _find(mailbox, request)
        return Response(
            mail.html, media_type="text/html", headers={"content-security-policy": _CONTENT_POLICY}
        )

    async def raw(request: Request) -> Response:
        return PlainTextResponse(bytes(_find(mailbox, request).message))

    async def attachment(request: Request) -> Response:
        files = _find(mailbox, request).attachments
        number = request.path_params["number"]
        if number >= len(files):
            raise HTTPException(404, "This mail has no such file.")
        name = files[number].name.encode("ascii", "replace").decode()
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(files[number].content, media_type=files[number].media_type, headers=headers)

    async def api_listing(request: Request) -> Response:
        return JSONResponse(
            {"mails": [_as_json(mail) for mail in await _search(mailbox, request, limit=1000)]}
        )

    async def api_detail(request: Request) -> Response:
        return JSONResponse(_as_json(_find(mailbox, request)))

    async def api_clear(_: Request) -> Response:
        mailbox.store.clear()
        return Response(status_code=204)

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/", listing),
            Route("/mails/{mail_id:int}", detail),
            Route("/mails/{mail_id:int}/body", body),
            Route("/api/mails", api_listing),
            Route("/api/mails", api_clear, methods=["DELETE"]),
            Route("/api/mails/{mail_id:int}", api_detail),
            Route("/api/mails/{mail_id:int}/raw", raw),
            Route("/api/mails/{mail_id:int}/attachments/{number:int}", attachment),
            Route("/healthz", health),
            Mount("/static", StaticFiles(directory=PAGES / "static")),
        ]
    )


async def _search(mailbox: Mailbox, request: Request, limit: int) -> Sequence[Mail]:
    parameters = request.query_params
    try:
        after, wait = int(parameters.get("after") or 0), float(parameters.get("wait") or 0)
    except ValueError:
        raise HTTPException(400, "after and wait must be numbers") from None
    return await mailbox.search(
        to=parameters.get("to", ""),
        subject=parameters.get("subject", ""),
        after=after,
        limit=limit,
        wait=wait,
    )


def _find(mailbox: Mailbox, request: Request) -> Mail:
    mail = mailbox.store.get(request.path_params["mail_id"])
    if mail is None:
        raise HTTPException(404, "There is no such mail; the oldest ones are deleted.")
    return mail


def _as_json(mail: Mail) -> dict[str, object]:
    return {
        "id": mail.mail_id,
        "receive_time": mail.receive_time.isoformat(),
        "from": mail.sender,
        "to": list(mail.recipients),
        "subject": mail.subject,
        "message_id": str(mail.message["message-id"] or ""),
        "headers": {name.lower(): str(value) for name, value in mail.message.items()},
        "text": mail.text,
        "html": mail.html,
        "attachments": [
            {"name": file.name, "type": file.media_type, "bytes": len(file.content)}
            for file in mail.attachments
        ],
    }
