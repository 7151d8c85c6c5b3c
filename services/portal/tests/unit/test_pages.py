"""The pages' server: one document for every page's address, and security headers on every response."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from proctorium_portal.pages import SECURITY_HEADERS, NotBuiltError, application


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "main-abc.js").write_text("export {}", "utf-8")
    (tmp_path / "index.html").write_text("<html><head></head><body></body></html>", "utf-8")
    (tmp_path / "sw.js").write_text("self", "utf-8")
    return tmp_path


def browser(built: Path, ratio: float = 0.5) -> httpx2.AsyncClient:
    app = application(built, ratio)
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://portal.example"
    )


@pytest.mark.parametrize("address", ["/", "/sessions/123", "/certificates/123"])
async def test_every_address_is_the_one_document(built: Path, address: str) -> None:
    async with browser(built) as client:
        answer = await client.get(address)
    assert answer.status_code == 200
    assert '<meta name="trace-ratio" content="0.5" />' in answer.text
    assert answer.headers["cache-control"] == "no-cache"


FILES = ["/.env", "/.git/config", "/%2egit/config", "/courses/.git/config", "/wp-login.php"]


@pytest.mark.parametrize(
    "address", [*FILES, "/backup.zip", "/favicon.ico", "/metrics", "/metrics/"]
)
async def test_what_is_no_page_is_not_found(built: Path, address: str) -> None:
    async with browser(built) as client:
        answer = await client.get(address)
    assert answer.status_code == 404
    assert "<html>" not in answer.text
    assert "cache-control" not in answer.headers


@pytest.mark.parametrize(
    "address", ["/", "/assets/main-abc.js", "/assets/none.js", "/sw.js", "/healthz", "/.env"]
)
async def test_every_answer_carries_the_security_headers(built: Path, address: str) -> None:
    async with browser(built) as client:
        answer = await client.get(address)
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


async def test_the_service_worker_is_a_script_that_is_asked_for_again(built: Path) -> None:
    async with browser(built) as client:
        answer = await client.get("/sw.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache"


async def test_assets_are_kept_and_missing_ones_are_not(built: Path) -> None:
    async with browser(built) as client:
        there = await client.get("/assets/main-abc.js")
        missing = await client.get("/assets/none.js")
    assert "immutable" in there.headers["cache-control"]
    assert missing.status_code == 404
    assert "cache-control" not in missing.headers


async def test_no_address_leads_out_of_the_assets(built: Path) -> None:
    async with browser(built) as client:
        answer = await client.get("/assets/%2e%2e/index.html")
    assert answer.status_code == 404


def test_missing_pages_are_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(NotBuiltError, match="make portal"):
        application(tmp_path, 0)
