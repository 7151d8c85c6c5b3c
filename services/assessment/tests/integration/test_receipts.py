"""Receipts, checked by the program that docs/architecture/answers.md gives to learners."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proctorium.assessment.v1 import attempts_pb2, items_pb2
from proctorium_assessment.serialization import answer_from_message, answer_to_bytes

from .world import Seat, World

PAGE = Path(__file__).parents[4] / "docs" / "architecture" / "answers.md"


def program() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


def verdict(kept: Mapping[str, Any]) -> str:
    done = subprocess.run(
        [sys.executable, "-I", "-c", program()],
        input=json.dumps(kept),
        capture_output=True,
        text=True,
        check=True,
    )
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
    """What a learner has kept who answered, thought better of it, and lost a connection now and then."""
    both = items_pb2.Answer(chosen=items_pb2.ChosenChoices(choice_ids=["c", "a"]))
    one, two, three = seat.change(5, 0), seat.change(2, 1, both), seat.change(3, 3)
    back = seat.change(7, 0, items_pb2.Answer())
    kept = [
        kept_receipt(await seat.save(one), one),
        kept_receipt(await seat.save(two, three), two, three),
        kept_receipt(await seat.save(back, one), back, one),  # one was sent again
        kept_receipt(await seat.save(two), two),
    ]
    random.Random(1).shuffle(kept)
    return {"attempt_id": seat.attempt_id, "receipts": kept}


async def test_honest_receipts_are_confirmed_in_whatever_order(world: World) -> None:
    kept = await receipts_of(await world.begun())
    assert verdict(kept) == "all 4 changes are as they were acknowledged"


async def test_a_changed_answer_is_found(world: World) -> None:
    kept = await receipts_of(await world.begun())
    for receipt in kept["receipts"]:
        for change in receipt["changes"]:
            if change["sequence"] == 3:
                change["answer"] = "19" + "00" * 8
    assert "does not fit" in verdict(kept)


async def test_a_missing_receipt_is_said(world: World) -> None:
    kept = await receipts_of(await world.begun())
    kept["receipts"] = [each for each in kept["receipts"] if 1 not in each["positions"]]
    assert "no receipt for position 1" in verdict(kept)


async def test_receipts_of_another_attempt_do_not_pass(world: World) -> None:
    kept = await receipts_of(await world.begun())
    kept["attempt_id"] = (await world.begun()).attempt_id
    assert "does not fit" in verdict(kept)
