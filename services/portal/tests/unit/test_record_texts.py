"""Test that the message catalogue has a sentence for each event of a session record."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
CATALOGUE = ROOT / "services/portal/web/src/messages/en/record.ts"
NOT_RECORDED = {"attempt.progressed", "attempt.time-changed"}
"""Events about attempts that session orchestration does not append to the record."""


def test_each_event_of_a_session_record_has_a_sentence() -> None:
    topology = json.loads((ROOT / "protos/proctorium/topology.json").read_text("utf-8"))
    session = topology["session"]
    received = {
        event
        for subscription in session["subscriptions"]
        if subscription["owner"] in {"assessment", "identity"}
        for event in subscription["events"]
    }
    texts = re.findall(r'^ +"([a-z-]+\.[a-z-]+)":', CATALOGUE.read_text("utf-8"), re.MULTILINE)
    assert set(texts) == (set(session["publishes"]) | received) - NOT_RECORDED
