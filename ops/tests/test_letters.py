"""Whose a message is, whatever it is."""

import json
from typing import Any

import pytest
from connect_ops.letters import Stored, Traces, is_about_none_but

ONE, TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
TRACES = Traces("14", "earl", frozenset({ONE}), frozenset({"paul@earl.example", "EARL du Chêne"}))


def event(**data: Any) -> Stored:
    return Stored(1, "connect.v1.documents.any.14", json.dumps({"data": data}).encode())


@pytest.mark.parametrize(
    "message",
    [
        event(office="14", client="earl", document=TWO),
        event(office="14", client={"id": "earl", "name": "EARL du Chêne"}),
        event(document=ONE),
        event(documents=[TWO, ONE]),
        Stored(1, "connect.v1.dead.notify", b"no JSON, but paul@earl.example"),
        Stored(1, "connect.v1.dead.notify", "ni JSON : EARL du Chêne".encode()),
        Stored(1, "connect.v1.dead.notify", ONE.encode()),
    ],
)
def test_a_client_s_message_is_known(message: Stored) -> None:
    assert TRACES.tell_of(message)


@pytest.mark.parametrize(
    "message",
    [
        event(office="14", client="earl-2", document=ONE),
        event(office="53", client="earl"),
        event(office="14", client={"id": "other", "name": "EARL du Chêne"}),
        event(document=TWO),
        event(),
        Stored(1, "connect.v1.dead.notify", b"[1]"),
        Stored(1, "connect.v1.dead.notify", b"nothing of them \xff"),
    ],
)
def test_another_s_message_is_not(message: Stored) -> None:
    assert not TRACES.tell_of(message)


def test_only_what_is_about_kept_documents_alone_is_kept() -> None:
    assert is_about_none_but({ONE}, event(document=ONE))
    assert is_about_none_but({ONE, TWO}, event(documents=[ONE, TWO]))
    assert not is_about_none_but({ONE}, event(documents=[ONE, TWO]))
    assert not is_about_none_but({ONE}, event(office="14", client="earl"))
    assert not is_about_none_but({ONE}, Stored(1, "x", ONE.encode()))
