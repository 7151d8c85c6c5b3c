"""The verifier of receipts (`A6`), which docs/architecture/answers.md describes. It needs only Python.

Run `python receipt_chain.py < receipts.json`, or the command `proctorium receipt verify receipts.json`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID


def head_after(attempt_id: str, changes: Iterable[tuple[int, str, bytes]]) -> bytes:
    """Return the head of the chain after `changes`: tuples of sequence, question id and canonical answer, in order."""
    head = sha256(b"proctorium-answers-v1" + UUID(attempt_id).bytes).digest()
    for sequence, item_id, answer in changes:
        link = head + sequence.to_bytes(8, "big") + UUID(item_id).bytes + sha256(answer).digest()
        head = sha256(link).digest()
    return head


def find_problem(stored: Mapping[str, Any]) -> str | None:
    """Return a sentence about the first problem of the stored receipts, or None if they agree with the answers."""
    if not stored["receipts"]:
        return "There are no receipts."
    changes: dict[int, tuple[int, str, bytes]] = {}  # by position in the chain
    for receipt in stored["receipts"]:
        for position, each in zip(receipt["positions"], receipt["changes"], strict=True):
            change = each["sequence"], each["item_id"], bytes.fromhex(each["answer"])
            if changes.setdefault(position, change) != change:
                return f"Two receipts give position {position} to different changes."
    for position in range(1, max(changes) + 1):
        if position not in changes:
            return f"There is no receipt for position {position}: what came after it cannot be checked."
    in_order = [changes[position] for position in sorted(changes)]
    for receipt in stored["receipts"]:
        last = max(receipt["positions"])
        if head_after(stored["attempt_id"], in_order[:last]).hex() != receipt["chain_head"]:
            return f"The receipt at position {last} does not fit the changes before it."
    return None


def verdict(stored: Mapping[str, Any]) -> str:
    """Return a sentence for receipts without a problem."""
    positions = {each for receipt in stored["receipts"] for each in receipt["positions"]}
    return f"All {len(positions)} changes are as they were acknowledged."


if __name__ == "__main__":
    read = json.load(sys.stdin)
    problem = find_problem(read)
    print(problem or verdict(read))  # noqa: T201 - the output of the program
    sys.exit(1 if problem else 0)
