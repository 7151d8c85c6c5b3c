"""Tests of the conversion of lessons from Markdown to HTML."""

from __future__ import annotations

import pytest

from proctorium_enrollment.operations.lessons import html_from_markdown


def test_markdown_becomes_html() -> None:
    html = html_from_markdown("# Goggles\n\nPut them **on**.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert "<h1>Goggles</h1>" in html
    assert "<strong>on</strong>" in html
    assert "<td>1</td>" in html


def test_links_send_no_referrer() -> None:
    html = html_from_markdown("[rules](https://example.org/rules)")
    assert 'href="https://example.org/rules"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


@pytest.mark.parametrize(
    "markdown",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[press](javascript:alert(1))",
        "[press](JaVaScRiPt:alert(1))",
        "![press](data:text/html;base64,PHNjcmlwdD4=)",
        "<iframe src='https://example.org'></iframe>",
        "<style>body{display:none}</style>",
        "<form action='https://example.org'><input name=a></form>",
        "[a](<javascript:alert(1)> 'b')",
        "<svg><script>alert(1)</script></svg>",
    ],
)
def test_active_content_is_removed(markdown: str) -> None:
    html = html_from_markdown(markdown).lower()
    for active in (
        "<script",
        "<iframe",
        "<style",
        "<form",
        "<input",
        "<svg",
        "<img",
        'href="javascript',
        'src="data',
    ):
        assert active not in html


def test_image_with_an_https_address_is_shown() -> None:
    html = html_from_markdown("![Goggles](https://example.org/goggles.png 'On')")
    for part in (
        'src="https://example.org/goggles.png"',
        'alt="Goggles"',
        'referrerpolicy="no-referrer"',
        'loading="lazy"',
    ):
        assert part in html


@pytest.mark.parametrize(
    "address", ["http://example.org/a.png", "/a.png", "a.png", "data:image/png;base64,AA=="]
)
def test_image_without_an_https_address_is_replaced_by_its_description(address: str) -> None:
    assert (
        html_from_markdown(f"See ![the <goggles>]({address}).")
        == "<p>See the &lt;goggles&gt;.</p>\n"
    )
