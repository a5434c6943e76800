"""What a mail says, and that nobody's name can make it say something else."""

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from html import unescape

import pytest
from contracts.envelope import Envelope
from notify.letter import visible
from notify.ports import Letter

from tests.suites.notify_events import Deposit, directory, new_id, returned
from tests.suites.notify_world import World


async def mail(world: World, *events: object) -> EmailMessage:
    """The last mail that these events caused."""
    await world.hear(*events)  # type: ignore[arg-type]
    await world.pass_time(20)
    return email.message_from_bytes(world.relay.sent[-1].content, policy=email.policy.default)


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def words(message: EmailMessage) -> str:
    """The HTML's text, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body(message, "html"))).split())


async def test_the_subject_says_whose_how_many_and_where() -> None:
    deposit = Deposit(size=2)
    two = await mail(World(), deposit.deposited(), deposit.deposited())
    assert two["Subject"] == "EARL du Chêne : 2 nouveaux documents (Comptable)"
    one = await mail(World(), Deposit(size=1, folder="conseil").deposited())
    assert one["Subject"] == "EARL du Chêne : 1 nouveau document (Conseil)"


async def test_the_headers_say_that_a_machine_wrote_it() -> None:
    message = await mail(World(), Deposit(size=1).deposited())
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"] == "CERFRANCE CONNECT <noreply@x.example>"
    assert message["To"] == "JEANNY JEROME <jeanny@cerfrance-14.example>"
    assert message["Date"].datetime == datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
    assert re.fullmatch(r"<[0-9a-f]{32}@x\.example>", message["Message-ID"])


async def test_the_same_mail_made_again_has_the_same_message_id() -> None:
    event = Deposit(size=1).deposited()
    first, second = [await mail(World(), event) for _ in range(2)]
    assert first["Message-ID"] == second["Message-ID"]


async def test_text_and_html_say_the_same_and_nothing_is_attached() -> None:
    message = await mail(World(), Deposit(size=1).deposited("Relevé d’été n° 1.pdf"))
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for shown in (body(message, "plain"), words(message)):
        for told in (
            "PAUL DUCHÊNE",
            "EARL du Chêne",
            "Comptable",
            "24/11/2026 à 17:05",
            "Relevé d’été n° 1.pdf",
        ):
            assert told in shown


async def test_both_parts_link_into_the_portal_once() -> None:
    message = await mail(World(), Deposit(size=1).deposited())
    link = "https://portal.example/documents?client=earl-du-chene&folder=comptable"
    assert body(message, "plain").count(link) == 1
    assert re.findall(r'href="([^"]*)"', body(message, "html")) == [link.replace("&", "&amp;")]


JEANNY, PAUL, OWNER = "jeanny@cerfrance-14.example", "paul@earl-du-chene.example", "contact@earl-du-chene.example"
INBOX = "accueil@cerfrance-14.example"


@pytest.mark.parametrize(
    ("event", "entries"),
    [
        (Deposit(size=1).deposited(alert=("paul",)), {JEANNY: "À traiter", PAUL: "Mes documents"}),
        (Deposit(size=1, folder="conseil").deposited(), {"camille@cerfrance-14.example": "À traiter"}),
        (Deposit(size=1, folder="Bilan").published(), {OWNER: "Mes documents"}),
        (returned(new_id()), {OWNER: "Mes documents"}),
    ],
)
async def test_it_names_the_entry_of_its_reader_s_own_menu(event: Envelope, entries: dict[str, str]) -> None:
    world = World()
    await mail(world, event)
    assert {letter.recipient: entry_of(letter) for letter in world.relay.sent} == entries


@pytest.mark.parametrize(
    ("event", "entry"),
    [
        (Deposit(size=1).deposited(), "À traiter"),
        (Deposit(size=1, folder="Bilan").published(), "Documents publiés"),
        (returned(new_id()), "À traiter"),
    ],
)
async def test_an_inbox_reads_of_its_collaborators_menu(event: Envelope, entry: str) -> None:
    world = World(directory(client=None))
    await mail(world, event)
    assert {letter.recipient: entry_of(letter) for letter in world.relay.sent} == {INBOX: entry}


def entry_of(letter: Letter) -> str:
    """The menu's entry that both parts of a mail name."""
    message = email.message_from_bytes(letter.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    (of_text,) = re.findall(r"^CERFRANCE CONNECT › CONSULTER › (.+?)\r?$", body(message, "plain"), re.MULTILINE)
    (of_html,) = re.findall(r"CONSULTER › ([^.]+)\. Message automatique", words(message))
    assert of_html == of_text
    return str(of_text)


async def test_a_published_document_links_to_its_space_with_the_label_quoted() -> None:
    message = await mail(World(), Deposit(size=1, folder="Paie & congés").published())
    assert message["Subject"] == "EARL du Chêne : 1 document mis à votre disposition (Paie & congés)"
    assert "client=earl-du-chene&folder=Paie+%26+cong%C3%A9s&space=published" in body(message, "plain")


async def test_a_returned_document_comes_with_its_reason() -> None:
    message = await mail(World(), returned(new_id(), reason="Il manque la page 2."))
    assert message["Subject"] == "EARL du Chêne : 1 document à revoir (Comptable)"
    assert "Motif : Il manque la page 2." in body(message, "plain")
    assert "Motif : Il manque la page 2." in words(message)


async def test_thousands_stand_apart_in_subject_and_text() -> None:
    deposit = Deposit(size=1051)
    message = await mail(World(), *(deposit.deposited(f"f{number:04}.pdf") for number in range(1051)))
    assert message["Subject"] == "EARL du Chêne : 1\u202f051 nouveaux documents (Comptable)"
    for shown in (body(message, "plain"), unescape(body(message, "html"))):
        assert "1\u202f051 document" in re.sub(r"\s*</?strong>", "", shown)
        assert "… et 1\u202f001 autres documents" in shown


@pytest.mark.parametrize(
    ("count", "rest"), [(50, None), (51, "… et 1 autre document"), (73, "… et 23 autres documents")]
)
async def test_fifty_names_are_shown_and_the_rest_is_counted(count: int, rest: str | None) -> None:
    deposit = Deposit(size=count)
    message = await mail(World(), *(deposit.deposited(f"f{number:03}.pdf") for number in range(count)))
    for shown in (body(message, "plain"), words(message)):
        assert len(re.findall(r"f\d{3}\.pdf", shown)) == 50
        assert "f049.pdf" in shown
        assert ("autre" in shown) == (rest is not None)
        assert rest is None or rest in shown


async def test_a_name_is_text_and_never_markup() -> None:
    name = "<img src=x onerror=alert(1)>&amp;{{ 7*7 }}.pdf"
    message = await mail(World(), Deposit(size=1).deposited(name))
    assert "<img" not in body(message, "html")
    assert name in unescape(body(message, "html"))
    assert name in body(message, "plain")


async def test_no_name_can_add_a_header_or_a_line() -> None:
    who = directory()
    raw = dict(who._entries())
    raw["clients.14.earl-du-chene"] = raw["clients.14.earl-du-chene"].replace(
        b"JEANNY JEROME", b"JEANNY\\r\\nBcc: all@x.example"
    )
    who._entries = lambda: raw
    event = Deposit(size=1, folder="comptable").deposited("a.pdf\r\n\r\nVirez 1000 euros")
    renamed = event.data.model_copy(update={"client": event.data.client.model_copy(update={"name": "EARL\r\nCc: x"})})
    message = await mail(World(who), event.model_copy(update={"data": renamed}))
    assert message["Bcc"] is None
    assert message["Cc"] is None
    assert message["Subject"] == "EARL  Cc: x : 1 nouveau document (Comptable)"
    assert message["To"].addresses[0].addr_spec == "jeanny@cerfrance-14.example"
    assert "\nVirez" not in body(message, "plain")


async def test_a_very_long_client_name_leaves_a_readable_subject() -> None:
    event = Deposit(size=1).deposited()
    data = event.data.model_copy(update={"client": event.data.client.model_copy(update={"name": "é" * 255})})
    message = await mail(World(), event.model_copy(update={"data": data}))
    assert message["Subject"].endswith("… : 1 nouveau document (Comptable)")


async def test_lines_are_short_and_seven_bit() -> None:
    world = World()
    await mail(world, Deposit(size=1).deposited("é" * 255))
    content = world.relay.sent[0].content
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 120


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("facture\u202efdp.exe", "facturefdp.exe"),
        ("a\u2066b\u2069\u200f\ufeffc", "abc"),
        ("un\r\ndeux\u2028trois\tquatre\x00", "un  deux trois quatre"),
        ("👩\u200d🌾.png", "👩\u200d🌾.png"),
        ("\u202e", "(sans nom)"),
    ],
)
def test_characters_that_mislead_are_not_shown(name: str, shown: str) -> None:
    assert visible(name) == shown
