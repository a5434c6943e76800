"""While a service is upgraded its replicas of before meet records with fields that only the next version knows."""

from datetime import UTC, datetime
from typing import Any

from chassis.mongo import fields_known
from ged_mover.model import Copy, Lock, Record
from ged_mover.mongo import _record
from notify.records import from_record

NOW = datetime(2026, 3, 26, tzinfo=UTC)
LATER = {"of_the_next_version": 1}


def test_the_mover_leaves_aside_what_it_does_not_know() -> None:
    copy: dict[str, Any] = {"bucket": "ged", "key": "14/c/d", "version_id": "1", "sha256": "0" * 64, "archived_at": NOW}
    lock = {"until": NOW, "mode": "GOVERNANCE"}
    record = {"_id": "d", "office": "14", "client": "c", "space": "deposits", "archived": {**copy, **LATER}}
    read = _record({**record, "lock": {**lock, **LATER}, **LATER})
    assert read == Record("d", "14", "c", "deposits", archived=Copy(**copy), lock=Lock(NOW, "GOVERNANCE"))


def test_the_mails_leave_aside_what_they_do_not_know() -> None:
    names = ("office", "client", "folder", "person", "deposit")
    group = {**dict.fromkeys(names, "x"), "kind": "deposited", "space": "deposits"}
    mail: dict[str, Any] = {"part": 0, "recipient": {"id": "j", "role": "comptable"}, "message_id": "m", "until": NOW}
    part: dict[str, Any] = {"documents": ["d"], "lines": [{"name": "n"}], "latest": NOW, "sealed_at": NOW}
    record: dict[str, Any] = {"_id": "i", "group": group, "revision": 1, "mails": {"k": mail}, "parts": [part]}
    later = {
        **{**record, **LATER},
        "group": {**group, **LATER},
        "mails": {"k": {**mail, **LATER, "recipient": {**mail["recipient"], **LATER}}},
        "parts": [{**part, **LATER, "lines": [{"name": "n", **LATER}]}],
    }
    assert from_record(later) == from_record(record)


def test_what_is_missing_is_left_to_its_default() -> None:
    assert fields_known(Lock, {"until": NOW, **LATER}) == {"until": NOW}
