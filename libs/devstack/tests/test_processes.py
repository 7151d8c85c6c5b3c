"""Tests of the errors of components."""

from __future__ import annotations

from pathlib import Path

from proctorium_devstack.processes import ComponentFailedError


def test_error_of_a_component_notes_the_last_lines_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text("\n".join(f"line {number}" for number in range(40)))
    failed = ComponentFailedError("postgres", "ended with 1", log)
    assert failed.__notes__ == ["\n".join(f"line {number}" for number in range(15, 40))]
    assert not hasattr(ComponentFailedError("nats", "ended with 1"), "__notes__")
