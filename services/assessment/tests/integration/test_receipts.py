"""Tests that the verifier of the command line accepts the receipts of the service."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from proctorium.assessment.v1 import attempts_pb2, items_pb2
from proctorium_assessment.serialization import answer_from_message, answer_to_bytes
from proctorium_cli import receipt_chain

from .harness import Harness, Seat


def verdict(receipts: Mapping[str, Any]) -> str:
    done = subprocess.run(
        [sys.executable, "-I", receipt_chain.__file__],
        input=json.dumps(receipts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if done.stdout.startswith("All ") else 1), done.stderr
    return done.stdout.strip()


def kept_receipt(
    receipt: attempts_pb2.Receipt, *changes: attempts_pb2.AnswerChange
) -> dict[str, Any]:
    by_sequence = {change.sequence: change for change in changes}
    return {
        "changes": [
            {
                "sequence": sequence,
                "item_id": by_sequence[sequence].item_id,
                "answer": answer_to_bytes(answer_from_message(by_sequence[sequence].answer)).hex(),
            }
            for sequence in receipt.sequences
        ],
        "positions": list(receipt.positions),
        "chain_head": receipt.chain_head.hex(),
    }


async def receipts_of(seat: Seat) -> dict[str, Any]:
    """Return the receipts of a learner who has changed answers and repeated requests.

    The receipts are in random order.
    """
    both = items_pb2.Answer(chosen=items_pb2.ChosenChoices(choice_ids=["c", "a"]))
    one, two, three = seat.change(5, 0), seat.change(2, 1, both), seat.change(3, 3)
    back = seat.change(7, 0, items_pb2.Answer())
    receipts = [
        kept_receipt(await seat.save(one), one),
        kept_receipt(await seat.save(two, three), two, three),
        kept_receipt(await seat.save(back, one), back, one),  # The change `one` is repeated.
        kept_receipt(await seat.save(two), two),
    ]
    random.Random(1).shuffle(receipts)
    return {"attempt_id": seat.attempt_id, "receipts": receipts}


async def test_verifier_confirms_receipts_in_any_order(harness: Harness) -> None:
    receipts = await receipts_of(await harness.started())
    assert verdict(receipts) == "All 4 changes are as they were acknowledged."


async def test_verifier_finds_a_changed_answer(harness: Harness) -> None:
    receipts = await receipts_of(await harness.started())
    for receipt in receipts["receipts"]:
        for change in receipt["changes"]:
            if change["sequence"] == 3:
                change["answer"] = "19" + "00" * 8
    assert "does not fit" in verdict(receipts)


async def test_verifier_reports_a_missing_receipt(harness: Harness) -> None:
    receipts = await receipts_of(await harness.started())
    receipts["receipts"] = [each for each in receipts["receipts"] if 1 not in each["positions"]]
    assert "There is no receipt for position 1" in verdict(receipts)


async def test_verifier_refuses_receipts_of_another_attempt(harness: Harness) -> None:
    receipts = await receipts_of(await harness.started())
    receipts["attempt_id"] = (await harness.started()).attempt_id
    assert "does not fit" in verdict(receipts)
