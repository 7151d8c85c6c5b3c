"""Test that the page server returns the same document for all pages, and security headers in all responses."""

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
async def test_every_page_address_returns_the_same_document(built: Path, address: str) -> None:
    async with browser(built) as client:
        response = await client.get(address)
    assert response.status_code == 200
    assert '<meta name="trace-ratio" content="0.5" />' in response.text
    assert response.headers["cache-control"] == "no-cache"


FILES = ["/.env", "/.git/config", "/%2egit/config", "/courses/.git/config", "/wp-login.php"]


@pytest.mark.parametrize(
    "address", [*FILES, "/backup.zip", "/favicon.ico", "/metrics", "/metrics/"]
)
async def test_unknown_address_is_not_found(built: Path, address: str) -> None:
    async with browser(built) as client:
        response = await client.get(address)
    assert response.status_code == 404
    assert "<html>" not in response.text
    assert "cache-control" not in response.headers


@pytest.mark.parametrize(
    "address", ["/", "/assets/main-abc.js", "/assets/none.js", "/sw.js", "/healthz", "/.env"]
)
async def test_every_response_has_the_security_headers(built: Path, address: str) -> None:
    async with browser(built) as client:
        response = await client.get(address)
    assert {name: response.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


async def test_service_worker_is_revalidated(built: Path) -> None:
    async with browser(built) as client:
        response = await client.get("/sw.js")
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers["cache-control"] == "no-cache"


async def test_assets_are_cached_and_missing_ones_are_not(built: Path) -> None:
    async with browser(built) as client:
        present = await client.get("/assets/main-abc.js")
        missing = await client.get("/assets/none.js")
    assert "immutable" in present.headers["cache-control"]
    assert missing.status_code == 404
    assert "cache-control" not in missing.headers


async def test_path_traversal_out_of_the_assets_is_refused(built: Path) -> None:
    async with browser(built) as client:
        response = await client.get("/assets/%2e%2e/index.html")
    assert response.status_code == 404


def test_missing_build_is_reported_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(NotBuiltError, match="make portal"):
        application(tmp_path, 0)
