"""Examples, schemas, models: each says the same of each."""

import json
import unicodedata
from datetime import timedelta
from pathlib import Path

import pytest
from contracts.envelope import MalformedEvent, decode, envelop, event_id
from contracts.registry import ALL_EVENTS, BY_NAME
from jsonschema import Draft202012Validator

from contracts.schemas import headers_schema, schema_of
from tests.contract.examples import CONTRACTS, INVALID, VALID, event_name, loaded


def _validator(name: str) -> Draft202012Validator:
    event = BY_NAME[name]
    committed = json.loads((CONTRACTS / "schemas" / f"{name}.v{event.version}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(committed)
    return Draft202012Validator(committed, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_every_event_has_an_example() -> None:
    assert {event_name(path) for path in VALID} == {event.key for event in ALL_EVENTS}


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_example_satisfies_its_schema(path: Path) -> None:
    assert [error.message for error in _validator(event_name(path)).iter_errors(loaded(path))] == []


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_example_is_decoded_with_its_data_typed(path: Path) -> None:
    event = decode(path.read_bytes())
    assert event.name == event_name(path)
    assert isinstance(event.data, BY_NAME[event.name].model)
    assert event.topic == BY_NAME[event.name].topic(loaded(path)["data"]["office"])
    assert event.time.utcoffset() == timedelta(0)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_event_keeps_the_id_it_has_always_had(path: Path) -> None:
    event = decode(path.read_bytes())
    assert event_id(BY_NAME[event.name], event.data) == loaded(path)["id"]
    assert BY_NAME[event.name].about(event.data) == loaded(path)["subject"]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_what_is_written_anew_satisfies_the_schema_and_reads_the_same(path: Path) -> None:
    event = decode(path.read_bytes())
    written = envelop(event.data, time=event.time, traceparent=event.traceparent).encode()
    assert [error.message for error in _validator(event.name).iter_errors(json.loads(written))] == []
    assert decode(written).data == event.data


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_what_is_no_event_is_refused_with_its_code_and_without_its_values(path: Path) -> None:
    with pytest.raises(MalformedEvent) as refused:
        decode(path.read_bytes())
    assert refused.value.code == path.name.split(".")[0]
    for personal in ("Duchêne", "facture", "passwd", "xxxx"):
        assert personal not in str(refused.value)


@pytest.mark.parametrize(
    "path", [path for path in INVALID if path.name.startswith("invalid_data")], ids=lambda path: path.stem
)
def test_what_the_model_refuses_its_schema_refuses_too(path: Path) -> None:
    name = loaded(path)["type"].split(".")[-2]
    assert list(_validator(name).iter_errors(loaded(path)))


@pytest.mark.parametrize("payload", [b"", b"\xff\xfe", b"{", b"null", b'"x"'])
def test_bytes_that_are_no_json_object_are_no_event(payload: bytes) -> None:
    with pytest.raises(MalformedEvent) as refused:
        decode(payload)
    assert refused.value.code == "not_an_event"


def test_names_travel_as_they_are_and_are_not_normalised() -> None:
    event = decode((CONTRACTS / "examples" / "deposited.accents-nfd.json").read_bytes())
    assert not unicodedata.is_normalized("NFC", event.data.name)


def test_the_headers_are_what_their_schema_says() -> None:
    event = decode(VALID[0].read_bytes())
    assert Draft202012Validator(headers_schema()).is_valid({**event.headers, "Nats-Msg-Id": event.id})


def test_ids_differ_between_all_examples() -> None:
    ids = [loaded(path)["id"] for path in VALID]
    assert len(set(ids)) == len(ids)


def test_a_further_mail_of_the_same_deposit_is_another_event() -> None:
    event = decode((CONTRACTS / "examples" / "alerted.json").read_bytes())
    later = event.data.model_copy(update={"documents": event.data.documents[1:]})
    returned = event.data.model_copy(update={"kind": "returned"})
    ids = {event_id(BY_NAME["alerted"], data) for data in (event.data, later, returned)}
    assert len(ids) == 3


def test_a_deposit_id_chosen_by_two_people_gives_two_closings() -> None:
    event = decode((CONTRACTS / "examples" / "deposit_closed.json").read_bytes())
    other = event.data.model_copy(update={"client": "second-client"})
    assert event_id(BY_NAME["deposit_closed"], event.data) != event_id(BY_NAME["deposit_closed"], other)


def test_every_schema_names_its_event_for_good() -> None:
    for event in ALL_EVENTS:
        assert schema_of(event)["properties"]["type"] == {"const": event.type}
