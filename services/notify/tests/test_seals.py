"""A seal goes to its office's inbox, once, word for word."""

import email
import email.policy
import json
from datetime import UTC, datetime

import pytest
from chassis.errors import Later, Unavailable
from contracts.audit import Seal, Sealed, seal_digest
from contracts.directory import Office
from contracts.envelope import Envelope, envelop
from notify.errors import RecipientRefused
from notify.letter import Letters
from notify.seals import SealSending, send_seal

from tests.suites.fake_notify import FakeRelay, FakeSealMarks
from tests.suites.notify_events import OFFICE, directory

AT = datetime(2026, 11, 24, 17, 5, tzinfo=UTC)
SEAL = {"number": 12, "first": 101, "last": 240, "root": "1" * 64, "previous": "2" * 64, "at": AT}


def sealed(office: str = OFFICE.id) -> Envelope:
    """A seal as it is told to an office."""
    return envelop(Sealed.model_validate({**SEAL, "kid": "k1", "signature": "e30.e30.c2ln", "office": office}))


class Room:
    """What sending needs, in memory."""

    def __init__(self, office: Office | None = OFFICE) -> None:
        self.marks, self.relay = FakeSealMarks(), FakeRelay()
        letters = Letters(sender="CERFRANCE CONNECT <noreply@x.example>", portal_url="https://x.example")
        self.sending = SealSending(self.marks, directory(office=office), letters, self.relay, clock=lambda: AT)

    async def hear(self, event: Envelope) -> None:
        assert await send_seal(event, sending=self.sending) == ()


async def test_the_office_gets_the_seal_word_for_word_and_in_french() -> None:
    here, event = Room(), sealed()
    await here.hear(event)
    (letter,) = here.relay.sent
    message = email.message_from_bytes(letter.content, policy=email.policy.default)
    assert letter.recipient == "accueil@cerfrance-14.example"
    assert message["Subject"] == "Sceau n° 12 du journal des documents"
    assert (message["Auto-Submitted"], message["Date"].datetime) == ("auto-generated", AT)
    assert message["Message-ID"] == letter.message_id == f"<seal-12-{seal_digest(event.data)[:16]}-14@x.example>"
    text = message.get_content()
    assert "a été scellé le 24/11/2026 à 18:05 : entrées 101 à 240." in text
    said = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert said == Seal.model_validate(event.data.model_dump()).model_dump(mode="json")


async def test_it_is_sent_once_to_each_office_however_often_it_is_heard() -> None:
    here = Room()
    for _ in range(3):
        await here.hear(sealed())
    assert here.relay.recipients == ["accueil@cerfrance-14.example"]


async def test_another_seal_under_a_number_that_was_sent_is_sent_as_well() -> None:
    here, again = Room(), sealed()
    await here.hear(sealed())
    await here.hear(again.model_copy(update={"data": again.data.model_copy(update={"root": "3" * 64})}))
    first, second = here.relay.sent
    assert first.message_id != second.message_id


async def test_a_seal_is_marked_once_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify.marking._MARK_EVERY", 0)
    here = Room()
    here.marks.down = Unavailable("database_unavailable")
    await here.hear(sealed())
    await here.hear(sealed())
    assert here.relay.recipients == [OFFICE.inbox]


async def test_what_could_not_be_marked_is_sent_again_under_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify.marking.MARK_FOR", -1)
    here = Room()
    here.marks.down = Unavailable("database_unavailable")
    with pytest.raises(Unavailable):
        await here.hear(sealed())
    await here.hear(sealed())
    first, second = here.relay.sent
    assert first.message_id == second.message_id


@pytest.mark.parametrize(
    "trouble", [Unavailable("relay_unreachable"), Later("recipient_deferred", delay=5), RecipientRefused("refused")]
)
async def test_what_the_relay_does_not_take_is_not_marked(trouble: Exception) -> None:
    here = Room()
    here.relay.answers[OFFICE.inbox] = [trouble, None]
    with pytest.raises(type(trouble)):
        await here.hear(sealed())
    await here.hear(sealed())
    assert here.relay.recipients == [OFFICE.inbox]


async def test_the_seal_of_an_office_that_is_not_in_the_directory_waits_for_it() -> None:
    here = Room()
    with pytest.raises(Later, match="office_unknown") as put_off:
        await here.hear(sealed("53"))
    assert put_off.value.delay <= 30
    assert here.relay.tried == []
