"""The rules about retention and metadata."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from email.header import decode_header, make_header

import pytest
from contracts.canonical import canonical
from contracts.events import Announced, Deposited
from ged_mover.facts import LIMIT, FactsMissing, announced_by, metadata_of
from ged_mover.model import retained_until
from hypothesis import given
from hypothesis import strategies as st

from tests.suites.ged_events import Story

_NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=255)
_LONGEST = "𝄞" * 255


@pytest.mark.parametrize(
    ("taken_at", "year"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), 2037),
        (datetime(2026, 11, 24, 15, tzinfo=UTC), 2037),
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), 2037),
        # In France the new year has begun.
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), 2038),
    ],
)
def test_retention_ends_with_the_eleventh_year_after(taken_at: datetime, year: int) -> None:
    assert retained_until(taken_at) == datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)


def announced(**changes: object) -> Announced:
    return Announced.model_validate({**Story().announced(), "space": "deposits", "folder": "comptable", **changes})


def readable(value: str) -> str:
    return str(make_header(decode_header(value)))


def test_metadata_names_the_document_its_depositor_and_its_receipt() -> None:
    document = announced()
    facts = metadata_of(document)
    assert facts["name"].isascii()
    assert readable(facts["name"]) == "Facture électricité.pdf"
    assert readable(facts["depositor-name"]) == "Éloïse Duchêne"
    assert facts["sha256"] == document.sha256
    assert facts["deposited-at"] == "2026-11-24T15:00:00+00:00"
    assert facts["receipt"] == "aGVhZA..c2ln"
    assert "left-out" not in facts


@pytest.mark.parametrize("name", [" a.pdf", "a  b.pdf", "a\tb.pdf", "=?utf-8?B?YQ==?=", "été.pdf"])
def test_a_name_that_no_header_can_carry_is_encoded_and_reads_back(name: str) -> None:
    value = metadata_of(announced(name=name))["name"]
    assert value.isascii()
    assert value.isprintable()
    assert readable(value) == name


def test_the_longest_names_leave_out_what_others_have_and_say_so() -> None:
    person = {"sub": _LONGEST, "name": _LONGEST}
    facts = metadata_of(
        announced(name=_LONGEST, client={"id": "a" * 64, "name": _LONGEST}, depositor=person, folder="𝄞" * 64)
    )
    assert readable(facts["name"]) == _LONGEST
    assert facts["left-out"].split()[:2] == ["client-name", "depositor-name"]
    assert not set(facts["left-out"].split()) & set(facts)


@given(name=_NAMES, client=_NAMES, person=_NAMES, sub=_NAMES, folder=_NAMES.map(lambda text: text[:64]))
def test_metadata_always_fits_and_is_ascii(name: str, client: str, person: str, sub: str, folder: str) -> None:
    document = announced(
        name=name, client={"id": "c" * 64, "name": client}, depositor={"sub": sub, "name": person}, folder=folder
    )
    facts = metadata_of(document)
    assert sum(len(key) + len(value) for key, value in facts.items()) <= LIMIT
    assert all(value.isascii() and value.isprintable() for value in facts.values())
    assert readable(facts["name"]) == name


def signed(**changes: object) -> Announced:
    """With a receipt whose signature is over what it says."""
    document = announced(**changes)
    told = document.receipt.model_copy(
        update={key: getattr(document, key) for key in ("name", "size", "client", "depositor")}
    )
    payload = urlsafe_b64encode(canonical(told.model_dump(mode="json", exclude={"signature"}))).decode().rstrip("=")
    receipt = told.model_copy(update={"signature": f"aGVhZA.{payload}.c2ln"})
    return Deposited.model_validate({**document.model_dump(), "receipt": receipt})


@given(name=_NAMES, client=_NAMES, person=_NAMES)
def test_what_announced_a_document_is_read_back_from_its_metadata(name: str, client: str, person: str) -> None:
    document = signed(name=name, client={"id": "c", "name": client}, depositor={"sub": "s", "name": person})
    facts = metadata_of(document)
    if "left-out" in facts:
        with pytest.raises(FactsMissing):
            announced_by(facts, content_type="application/pdf", staging="staging")
    else:
        assert announced_by(facts, content_type="application/pdf", staging="staging") == document


@pytest.mark.parametrize(("key", "value"), [("sha256", None), ("receipt", None), ("size", "many"), ("folder", "Bilan")])
def test_metadata_that_do_not_tell_all_are_refused_with_what_is_wrong(key: str, value: str | None) -> None:
    facts = metadata_of(signed())
    wrong = {**facts, key: value} if value else {name: each for name, each in facts.items() if name != key}
    with pytest.raises(FactsMissing, match=key):
        announced_by({k: v for k, v in wrong.items() if v}, content_type="application/pdf", staging="staging")
