"""Tests of the commands that need no connection, and of the errors of all other commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from google.protobuf.json_format import MessageToDict

from proctorium.client import CallError, FieldViolation
from proctorium.enrollment.v1.accounts_pb2 import Tokens
from proctorium.session.v1.supervision_pb2 import RecordEntry
from proctorium_cli import sign_in_file
from proctorium_cli.__main__ import main
from proctorium_cli.failures import sentence
from proctorium_cli.output import print_list, time
from proctorium_cli.receipt_chain import head_after
from proctorium_cli.record_chain import broken

ATTEMPT = "01920000-0000-7000-8000-000000000001"
ITEM = "01920000-0000-7000-8000-000000000002"
SESSION = "01920000-0000-7000-8000-000000000003"


def run(*arguments: str, given: object = None) -> Result:
    text = given if isinstance(given, str) else json.dumps(given)
    return CliRunner().invoke(main, arguments, input=text)


def check_fails(result: Result, words: str, code: int = 1) -> None:
    assert result.exit_code == code, result.output
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def receipts() -> dict[str, Any]:
    """Return two receipts, one change each."""
    changes = [(1, ITEM, b"\x11"), (2, ITEM, b"\x12")]
    return {
        "attempt_id": ATTEMPT,
        "receipts": [
            {
                "changes": [{"sequence": sequence, "item_id": item, "answer": answer.hex()}],
                "positions": [sequence],
                "chain_head": head_after(ATTEMPT, changes[:sequence]).hex(),
            }
            for sequence, item, answer in changes
        ],
    }


def record() -> dict[str, Any]:
    """Return an exported record with three entries."""
    entries: list[RecordEntry] = []
    for number in (1, 2, 3):
        entry = RecordEntry(number=number, event="session.started", actor=ITEM, body=b"\x0a")
        entry.time.FromSeconds(1_790_000_000 + number)
        entries.append(entry)
        _link(entries)
    return {"sessionId": SESSION, "entries": [MessageToDict(entry) for entry in entries]}


def _link(entries: list[RecordEntry]) -> None:
    """Set the hash of the last entry as docs/architecture/session-record.md describes it."""
    before = entries[-2].hash if len(entries) > 1 else sha256(SESSION.encode()).digest()
    entry = entries[-1]
    link = before + entry.number.to_bytes(8, "big")
    link += (entry.time.seconds * 1_000_000).to_bytes(8, "big", signed=True)
    for part in (entry.event.encode(), entry.actor.encode(), b"", entry.body):
        link += len(part).to_bytes(4, "big") + part
    entry.hash = sha256(link).digest()
    assert broken(SESSION, entries) is None


def test_correct_receipts_are_confirmed() -> None:
    result = run("receipt", "verify", "-", given=receipts())
    assert result.exit_code == 0
    assert result.stdout == "All 2 changes are as they were acknowledged.\n"


def test_changed_answer_is_found() -> None:
    changed = receipts()
    changed["receipts"][0]["changes"][0]["answer"] = "ff"
    check_fails(run("receipt", "verify", "-", given=changed), "does not fit the changes before it")


def test_missing_receipt_is_found() -> None:
    missing = receipts()
    del missing["receipts"][0]
    check_fails(run("receipt", "verify", "-", given=missing), "no receipt for position 1")


@pytest.mark.parametrize(
    "given",
    [
        "no JSON",
        [],
        {"receipts": [1]},
        {**receipts(), "attempt_id": "no ID"},
        {**receipts(), "receipts": [{**receipts()["receipts"][0], "positions": []}]},
        {**receipts(), "receipts": [{"changes": [], "positions": [], "chain_head": ""}]},
    ],
    ids=["text", "list", "number", "id", "positions", "empty"],
)
def test_file_of_another_form_is_refused(given: object) -> None:
    check_fails(run("receipt", "verify", "-", given=given), "does not have the form")
    check_fails(run("record", "verify", "-", given=given), "is not a record")


def test_no_receipts_are_not_confirmed() -> None:
    nothing = {**receipts(), "receipts": []}
    check_fails(run("receipt", "verify", "-", given=nothing), "There are no receipts.")


def test_intact_record_is_confirmed_and_called_not_signed() -> None:
    result = run("record", "verify", "-", given=record())
    assert result.exit_code == 0
    assert result.stdout.startswith("The chain of 3 entries is intact.")
    assert "not signed" in result.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda entries: entries[1].update(actor="somebody"), "Entry 2 was changed"),
        (lambda entries: entries[2].update(body="Cw=="), "Entry 3 was changed"),
        (lambda entries: entries.pop(0), "Entry 1 was changed"),
        (lambda entries: entries.clear(), "no entries"),
    ],
    ids=["actor", "body", "removed", "all-removed"],
)
def test_changed_record_is_found(change: Callable[[list[Any]], object], words: str) -> None:
    exported = record()
    change(exported["entries"])
    check_fails(run("record", "verify", "-", given=exported), words)


def test_removed_end_is_found_with_the_last_hash() -> None:
    exported = record()
    last = run("record", "verify", "-", given=exported).stdout.split("last hash is ")[1][:64]
    correct = run("record", "verify", "-", "--last-hash", last.upper(), given=exported)
    assert correct.exit_code == 0
    exported["entries"].pop()
    assert run("record", "verify", "-", given=exported).exit_code == 0
    check_fails(run("record", "verify", "-", "--last-hash", last, given=exported), "last hash is")


@pytest.mark.parametrize(
    "arguments",
    [("whoami",), ("sessions", "list"), ("deliveries", "list"), ("sign-out",)],
    ids=" ".join,
)
def test_commands_that_call_need_a_sign_in(arguments: tuple[str, ...]) -> None:
    check_fails(run(*arguments), "You are not signed in. Run `proctorium sign-in`.")


@pytest.mark.parametrize("content", ["", "{}", '{"edge": 1, "tokens": []}'], ids=["a", "b", "c"])
def test_damaged_sign_in_file_is_reported(content: str) -> None:
    sign_in_file.path().parent.mkdir()
    sign_in_file.path().write_text(content)
    check_fails(run("whoami"), "is damaged. Run `proctorium sign-in`.")


def test_stored_tokens_are_read_back_and_only_the_user_can_read_them() -> None:
    edge = sign_in_file.Edge("localhost:7080", plaintext=True, authority=None)
    tokens = Tokens(access_token="a", refresh_token="b")
    tokens.access_expire_time.FromSeconds(1_790_000_000)
    sign_in_file.store(edge, tokens)
    assert sign_in_file.load() == (edge, tokens)
    assert sign_in_file.path().stat().st_mode & 0o777 == 0o600
    assert sign_in_file.path().parent.stat().st_mode & 0o777 == 0o700
    assert list(sign_in_file.path().parent.iterdir()) == [sign_in_file.path()]
    sign_in_file.store(edge, None)
    assert not sign_in_file.path().exists()


def test_sign_in_without_tls_to_another_machine_is_a_wrong_argument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROCTORIUM_PASSWORD", "secret")
    arguments = ("sign-in", "--plaintext", "--edge", "exams.example.org:80", "--email", "a@b.org")
    check_fails(run(*arguments), "must use TLS", code=2)


def test_edge_that_does_not_respond_is_one_sentence() -> None:
    unavailable = CallError(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "failed to connect\nto all")
    assert sentence(unavailable).startswith("The edge did not respond (UNAVAILABLE).")
    assert "\n" not in sentence(unavailable)


def test_error_of_a_field_names_the_field() -> None:
    violation = FieldViolation("session_id", "string.uuid", "must be a UUID")
    invalid = CallError(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
        "The request is invalid.",
        violations=[violation],
    )
    assert sentence(invalid) == "The request is invalid. session_id: must be a UUID"


def test_table_contains_no_characters_that_control_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    entry = RecordEntry(event="\x1b[2Jx")
    print_list(
        [entry], {"event": lambda each: each.event, "time": lambda each: time(each.time)}, "table"
    )
    assert capsys.readouterr().out == "event  time\n\N{REPLACEMENT CHARACTER}[2Jx\n"
