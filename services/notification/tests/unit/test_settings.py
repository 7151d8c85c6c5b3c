from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from proctorium_common.process.settings import ServiceSettings, documentation
from proctorium_notification.settings import Settings

README = Path(__file__).parents[2] / "README.md"


def test_readme_names_every_setting_of_this_service() -> None:
    text = README.read_text(encoding="utf-8")
    own = documentation(Settings).keys() - documentation(ServiceSettings).keys()
    assert own
    assert [name for name in sorted(own) if f"`{name}`" not in text] == []


def environment(**settings: str) -> dict[str, str]:
    return {
        "database_url": "postgresql://x@localhost/x",
        "nats_url": "nats://localhost",
        "smtp_url": "smtp://localhost:25",
        "public_url": "https://portal.example.org",
        **settings,
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("smtp_url", "http://user:secret@mail"),
        ("mail_from", "nobody"),
        ("mail_from", "Somebody <no address>"),
        ("public_url", "portal.example.org"),
        ("mail_connections", "1"),
        ("mail_connections", "65"),
        ("mail_connections", "many"),
        ("mail_slow_after", "0"),
        ("mail_slow_after", "-1"),
        ("mail_slow_after", "soon"),
    ],
    ids=str,
)
def test_invalid_setting_is_named(name: str, text: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate(environment(**{name: text}))


def test_settings_make_the_sending_policy() -> None:
    settings = Settings.model_validate(
        environment(mail_retry_first="2", mail_connections="2", mail_slow_after="1.5")
    )
    policy = settings.sending_policy()
    assert policy.connections == 2
    assert policy.slow_after == timedelta(seconds=1.5)
    assert policy.retry.first == timedelta(seconds=2)
