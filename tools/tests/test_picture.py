"""The README's picture is drawn from the topology."""

from __future__ import annotations

from proctorium_common.topology import SERVICES, ServiceTopology, Subscription
from tools.checks.picture import check_picture, picture_of


def test_it_shows_who_asks_and_who_listens() -> None:
    shown = picture_of(
        {
            "a": ServiceTopology("a", "a", "pa", "", publishes=("thing.made",)),
            "b": ServiceTopology(
                "b",
                "b",
                "pb",
                "",
                asks=("a",),
                publishes=("other.made",),
                subscriptions=(Subscription("b--things", "a", ("thing.made",)),),
            ),
        }
    )
    assert "b -- asks --> a" in shown
    assert "a -. thing .-> b" in shown


def test_another_picture_is_found() -> None:
    assert list(check_picture("no picture", SERVICES))
    assert not list(check_picture(f"# Readme\n{picture_of(SERVICES)}\n", SERVICES))
