"""Who is told, each once."""

import pytest
from contracts.directory import Client, recipient_id
from contracts.envelope import Envelope, decode

from tests.suites.notify_events import CLIENT, OFFICE, Deposit, directory, new_id, returned
from tests.suites.notify_world import World

JEANNY, CAMILLE, PAUL = "jeanny@cerfrance-14.example", "camille@cerfrance-14.example", "paul@earl-du-chene.example"
OWNER, INBOX = "contact@earl-du-chene.example", "accueil@cerfrance-14.example"


def client(*contacts: tuple[str, str, str], people: bool = True) -> Client:
    """The client with these contacts (id, role, address)."""
    return Client.model_validate(
        {
            **CLIENT.model_dump(),
            "people": CLIENT.model_dump()["people"] if people else [],
            "contacts": [
                {"id": contact, "name": contact.upper(), "email": email, "role": role}
                for contact, role, email in contacts
            ],
        }
    )


async def told(*events: Envelope, who: Client | None = CLIENT) -> World:
    world = World(directory(client=who))
    await world.hear(*events)
    await world.pass_time(20)
    return world


async def test_the_accountant_is_told_of_the_folder_comptable() -> None:
    assert (await told(Deposit(size=1).deposited())).relay.recipients == [JEANNY]


async def test_the_adviser_is_told_of_the_folder_conseil() -> None:
    assert (await told(Deposit(size=1, folder="conseil").deposited())).relay.recipients == [CAMILLE]


async def test_ticked_contacts_are_told_too_whichever_document_they_were_ticked_for() -> None:
    deposit = Deposit(size=2)
    world = await told(deposit.deposited(alert=("paul",)), deposit.deposited(alert=("camille", "paul")))
    assert sorted(world.relay.recipients) == sorted([JEANNY, CAMILLE, PAUL])
    assert sorted(world.told) == [("alerted", "camille", 2), ("alerted", "jeanny", 2), ("alerted", "paul", 2)]


async def test_each_mail_names_one_recipient() -> None:
    world = await told(Deposit(size=1).deposited(alert=("paul", "camille")))
    for letter in world.relay.sent:
        head = letter.content.partition(b"\r\n\r\n")[0]
        assert head.count(b"\r\nTo: ") == 1
        assert letter.recipient.encode() in head
        assert sum(other.encode() in head for other in (JEANNY, CAMILLE, PAUL)) == 1


async def test_a_contact_that_is_ticked_and_told_anyway_gets_one_mail() -> None:
    assert (await told(Deposit(size=1).deposited(alert=("jeanny",)))).relay.recipients == [JEANNY]


async def test_two_contacts_of_one_mailbox_get_one_mail() -> None:
    who = client(("a", "comptable", "cabinet@x.example"), ("b", "autre", "Cabinet@x.example"))
    assert (await told(Deposit(size=1).deposited(alert=("b",)), who=who)).relay.recipients == ["cabinet@x.example"]


async def test_every_accountant_of_a_client_is_told() -> None:
    who = client(("a", "comptable", "a@x.example"), ("b", "comptable", "b@x.example"))
    assert (await told(Deposit(size=1).deposited(), who=who)).relay.recipients == ["a@x.example", "b@x.example"]


async def test_the_inbox_is_told_where_the_folder_has_no_contact() -> None:
    who = client(("paul", "autre", PAUL))
    world = await told(Deposit(size=1).deposited(alert=("paul",)), who=who)
    assert world.relay.recipients == [INBOX, PAUL]
    assert world.told[0] == ("alerted", "inbox", 1)


async def test_the_inbox_is_told_of_a_client_that_the_directory_does_not_know() -> None:
    assert (await told(Deposit(size=1).deposited(), who=None)).relay.recipients == [INBOX]


@pytest.mark.parametrize("address", ["jeanny..jerome@x.example", "jeanny[14@x.example", "jeanny@x..example"])
async def test_an_address_that_no_mail_can_carry_holds_nobody_and_the_inbox_is_told(address: str) -> None:
    who = client(("a", "comptable", address), ("b", "comptable", "b@x.example"))
    world = await told(Deposit(size=1).deposited(), who=who)
    assert world.relay.recipients == ["b@x.example", INBOX]
    assert sorted(world.told) == [("alert_failed", "a", 1), ("alerted", "b", 1), ("alerted", "inbox", 1)]


async def test_a_ticked_contact_that_has_left_is_reported_and_holds_nobody() -> None:
    world = await told(Deposit(size=1).deposited(alert=("gone",)))
    assert world.relay.recipients == [JEANNY]
    assert sorted(world.told) == [("alert_failed", "gone", 1), ("alerted", "jeanny", 1)]
    failed = next(
        each for each in map(decode, (e.payload for e in world.announcer.published)) if each.data.role == "autre"
    )
    assert failed.data.code == "contact_unknown"


async def test_what_is_published_is_told_to_the_clients_people() -> None:
    world = await told(Deposit(size=1, folder="Bilan").published())
    assert world.relay.recipients == [OWNER]
    assert world.told == [("alerted", recipient_id("earl|du chêne"), 1)]


async def test_what_is_published_to_a_client_without_people_is_told_to_the_inbox() -> None:
    world = await told(Deposit(size=1, folder="Bilan").published(), who=client(people=False))
    assert world.relay.recipients == [INBOX]


async def test_what_is_sent_back_in_one_go_is_told_to_the_clients_people_in_one_mail() -> None:
    world = await told(returned(new_id()), returned(new_id()))
    assert world.relay.recipients == [OWNER]
    ((_, _, documents),) = world.told
    assert documents == 2


async def test_an_address_is_read_when_the_mail_goes_out() -> None:
    entries = {
        f"clients.14.{CLIENT.id}": CLIENT.model_dump_json().encode(),
        "offices.14": OFFICE.model_dump_json().encode(),
    }
    world = World()
    await world.hear(Deposit().deposited())
    moved = client(("jeanny", "comptable", "new@x.example"))
    entries[f"clients.14.{CLIENT.id}"] = moved.model_dump_json().encode()
    world.sending.directory._entries = lambda: entries
    await world.pass_time(20)
    assert world.relay.recipients == ["new@x.example"]
