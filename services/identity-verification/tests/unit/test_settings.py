from pathlib import Path

from proctorium_common.process.settings import ServiceSettings, documentation
from proctorium_identity.settings import Settings

README = Path(__file__).parents[2] / "README.md"


def test_readme_names_every_setting_of_this_service() -> None:
    text = README.read_text(encoding="utf-8")
    own = documentation(Settings).keys() - documentation(ServiceSettings).keys()
    assert own
    assert [name for name in sorted(own) if f"`{name}`" not in text] == []
