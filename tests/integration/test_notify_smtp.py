"""What each answer of a mail relay, at each step of the conversation, means for a mail."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chassis.errors import Later, Unavailable
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from notify import smtp
from notify.errors import Interrupted, RecipientRefused
from notify.ports import Letter
from notify.settings import SmtpSettings
from notify.smtp import SmtpRelay
from pydantic import ValidationError

from tests.support.scripted_smtp import HANG_UP, ScriptedSmtp

SENDER = "CERFRANCE CONNECT <noreply@x.example>"
JEANNY, PAUL = "jeanny@x.example", "paul@x.example"


def letter(recipient: str = JEANNY, *, tries: int = 0) -> Letter:
    content = b"Subject: =?utf-8?q?=C3=A9?=\r\n\r\n.a line that begins with a dot\r\n"
    return Letter(recipient, "<id@x.example>", content, tries)


def settings(server: ScriptedSmtp, **further: Any) -> SmtpSettings:
    return SmtpSettings.model_validate({"host": "localhost", "port": server.port, "tls": "none", **further})


@pytest.fixture
async def server() -> AsyncIterator[ScriptedSmtp]:
    server = ScriptedSmtp()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def relay(server: ScriptedSmtp) -> AsyncIterator[SmtpRelay]:
    async with SmtpRelay(settings(server), sender=SENDER) as relay:
        yield relay


async def test_a_mail_arrives_whole_for_its_recipient(server: ScriptedSmtp, relay: SmtpRelay) -> None:
    await relay.send(letter())
    ((recipient, content),) = server.accepted
    assert recipient == JEANNY
    assert content == letter().content.replace(b"\r\n.a", b"\r\n..a") + b".\r\n"


async def test_many_mails_share_a_connection(server: ScriptedSmtp, relay: SmtpRelay) -> None:
    await relay.ready()
    for _ in range(5):
        await relay.send(letter())
    assert (len(server.accepted), server.connections) == (5, 1)


async def test_a_connection_that_the_relay_closed_meanwhile_is_made_anew(
    server: ScriptedSmtp, relay: SmtpRelay
) -> None:
    await relay.send(letter())
    server.hang_up()
    await relay.send(letter())
    assert (len(server.accepted), server.connections) == (2, 2)


@pytest.mark.parametrize("status", [450, 451, 452])
async def test_a_deferred_recipient_must_wait_and_the_next_mail_goes_through(
    server: ScriptedSmtp, relay: SmtpRelay, status: int
) -> None:
    server.answers[f"RCPT {JEANNY}"] = [f"{status} greylisted"]
    with pytest.raises(Later) as raised:
        await relay.send(letter())
    assert raised.value.code == "recipient_deferred"
    await relay.send(letter(PAUL))
    assert ([recipient for recipient, _ in server.accepted], server.connections) == ([PAUL], 1)


@pytest.mark.parametrize("status", [550, 551, 553, 554])
async def test_a_refused_recipient_is_refused_for_good(server: ScriptedSmtp, relay: SmtpRelay, status: int) -> None:
    server.answers[f"RCPT {JEANNY}"] = [f"{status} 5.1.1 no such user"]
    with pytest.raises(RecipientRefused) as raised:
        await relay.send(letter())
    assert (raised.value.code, raised.value.status) == ("recipient_refused", status)
    await relay.send(letter(PAUL))
    assert [recipient for recipient, _ in server.accepted] == [PAUL]


@pytest.mark.parametrize("step", ["RCPT", "DATA", "message"])
@pytest.mark.parametrize(
    "answer",
    [
        "554 5.7.1 <jeanny@x.example>: Relay access denied",
        "530 5.7.0 Must issue a STARTTLS command first",
        "550 5.1.8 <noreply@x.example>: Sender address rejected: Domain not found",
        "550 5.7.26 Unauthenticated mail is prohibited",
    ],
)
async def test_a_refusal_of_ourselves_counts_against_no_recipient(
    server: ScriptedSmtp, relay: SmtpRelay, answer: str, step: str
) -> None:
    server.answers[step] = [answer]
    with pytest.raises(Later) as raised:
        await relay.send(letter())
    assert raised.value.code == "policy_refused"
    await relay.send(letter())
    assert [recipient for recipient, _ in server.accepted] == [JEANNY]


@pytest.mark.parametrize("status", ["5.7.2", "5.7.13", "5.7.17", "5.7.18", "5.7.133", "5.2.1"])
async def test_a_policy_of_the_recipients_counts_against_them(
    server: ScriptedSmtp, relay: SmtpRelay, status: str
) -> None:
    server.answers[f"RCPT {JEANNY}"] = [f"550 {status} not for you"]
    with pytest.raises(RecipientRefused):
        await relay.send(letter())


@pytest.mark.parametrize("step", ["DATA", "message"])
@pytest.mark.parametrize("status", [552, 553, 554])
async def test_a_refused_message_counts_against_its_recipient(
    server: ScriptedSmtp, relay: SmtpRelay, status: int, step: str
) -> None:
    server.answers[step] = [f"{status} refused"]
    with pytest.raises(RecipientRefused) as raised:
        await relay.send(letter())
    assert (raised.value.code, raised.value.status) == ("message_refused", status)


@pytest.mark.parametrize("status", [451, 550])
async def test_another_refusal_of_a_message_lets_it_wait_alone(
    server: ScriptedSmtp, relay: SmtpRelay, status: int
) -> None:
    server.answers["message"] = [f"{status} not now"]
    with pytest.raises(Later):
        await relay.send(letter())
    await relay.send(letter(PAUL))
    assert [recipient for recipient, _ in server.accepted] == [PAUL]


@pytest.mark.parametrize("answer", ["421 closing", "450 busy", "554 you are blocked", HANG_UP])
@pytest.mark.parametrize("step", ["connect", "EHLO", "MAIL"])
async def test_trouble_before_the_recipient_is_ours(
    server: ScriptedSmtp, relay: SmtpRelay, step: str, answer: str
) -> None:
    # HELO is what the client falls back to where EHLO is refused.
    server.answers[step] = server.answers["HELO"] = [answer]
    with pytest.raises(Unavailable):
        await relay.send(letter())
    assert server.accepted == []


@pytest.mark.parametrize("answer", ["421 closing", HANG_UP])
@pytest.mark.parametrize("step", ["RCPT", "DATA", "message"])
async def test_a_closing_relay_is_our_trouble_at_any_step(
    server: ScriptedSmtp, relay: SmtpRelay, step: str, answer: str
) -> None:
    server.answers[step] = [answer]
    with pytest.raises(Unavailable):
        await relay.send(letter())
    await relay.send(letter())
    assert len(server.accepted) == 1


async def test_a_mail_that_a_relay_looks_long_into_is_waited_for_longer_at_each_try(
    server: ScriptedSmtp, relay: SmtpRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is accepted all the same: given up as early each time, it would go again without end. Whoever tries, and
    whatever else went through meanwhile."""
    monkeypatch.setattr(smtp, "COMMAND_TIMEOUT", 0.2)
    async with SmtpRelay(settings(server), sender=SENDER) as another:
        for tries, through in enumerate((relay, another)):
            server.delays["message"] = 0.6
            with pytest.raises(Interrupted, match="SMTPReadTimeoutError"):
                await through.send(letter(tries=tries))
            server.delays.clear()
            await through.send(letter(PAUL))
        server.delays["message"] = 0.6
        await relay.send(letter(tries=2))


@pytest.mark.parametrize("step", [f"RCPT {JEANNY}", "DATA", "message"])
@pytest.mark.parametrize("answer", [HANG_UP, "421 4.3.2 later"])
async def test_whatever_breaks_off_at_a_mail_may_be_its_doing(
    server: ScriptedSmtp, relay: SmtpRelay, step: str, answer: str
) -> None:
    server.answers[step] = [answer]
    with pytest.raises(Interrupted):
        await relay.send(letter())
    await relay.ready()


@pytest.mark.parametrize("answer", [HANG_UP, "421 4.3.2 later"])
async def test_whatever_breaks_off_before_a_recipient_was_named_is_everybody_s(
    server: ScriptedSmtp, relay: SmtpRelay, answer: str
) -> None:
    server.answers["MAIL"] = [answer]
    with pytest.raises(Unavailable) as broken:
        await relay.send(letter())
    assert not isinstance(broken.value, Interrupted)


async def test_a_relay_that_is_not_there_is_unavailable(server: ScriptedSmtp, relay: SmtpRelay) -> None:
    await server.stop()
    with pytest.raises(Unavailable):
        await relay.ready()
    await server.start()
    await relay.ready()


@pytest.mark.parametrize("address", ["jérôme@x.example", "a\x01b@x.example"])
async def test_an_address_that_cannot_be_written_is_refused_for_good(
    server: ScriptedSmtp, relay: SmtpRelay, address: str
) -> None:
    with pytest.raises(RecipientRefused) as raised:
        await relay.send(letter(address))
    assert raised.value.code == "address_not_supported"


async def test_an_international_address_goes_to_a_relay_that_knows_them(server: ScriptedSmtp, relay: SmtpRelay) -> None:
    server.answers["EHLO"] = ["250-relay.example\r\n250 SMTPUTF8"]
    await relay.send(letter("jérôme@x.example"))
    assert [recipient for recipient, _ in server.accepted] == ["jérôme@x.example"]


async def test_starttls_comes_before_the_password(own_authority: tuple[ssl.SSLContext, Path]) -> None:
    server = ScriptedSmtp(starttls=own_authority[0])
    await server.start()
    wanted = settings(server, tls="starttls", username="notify", password="secret")
    async with SmtpRelay(wanted, sender=SENDER) as relay:
        await relay.send(letter())
    assert server.steps.index("STARTTLS") < server.steps.index("AUTH") < server.steps.index("MAIL")
    await server.stop()


async def test_a_refused_password_is_our_trouble(own_authority: tuple[ssl.SSLContext, Path]) -> None:
    server = ScriptedSmtp(tls=own_authority[0])
    await server.start()
    server.answers["AUTH"] = ["535 5.7.8 wrong", "535 5.7.8 wrong"]
    wanted = settings(server, tls="tls", username="notify", password="secret")
    async with SmtpRelay(wanted, sender=SENDER) as relay:
        with pytest.raises(Unavailable):
            await relay.send(letter())
        server.answers.clear()
        await relay.send(letter())
    assert len(server.accepted) == 1
    await server.stop()


async def test_a_relay_without_starttls_gets_nothing_in_clear(server: ScriptedSmtp) -> None:
    async with SmtpRelay(settings(server, tls="starttls"), sender=SENDER) as relay:
        with pytest.raises(Unavailable):
            await relay.send(letter())
    assert "MAIL" not in server.steps


async def test_a_relay_with_a_strangers_certificate_gets_nothing(
    own_authority: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    server = ScriptedSmtp(tls=own_authority[0])
    await server.start()
    async with SmtpRelay(settings(server, tls="tls"), sender=SENDER) as relay:
        with pytest.raises(Unavailable):
            await relay.send(letter())
    assert server.steps == []
    await server.stop()


@pytest.mark.parametrize(
    "wrong", [{"username": "notify", "password": "secret", "tls": "none"}, {"username": "notify", "tls": "tls"}]
)
def test_settings_that_would_show_a_password_or_lack_it_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SmtpSettings.model_validate({"host": "x.example", "port": 587, **wrong})


@pytest.fixture
def own_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS, and the certificate that this test's client trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    return context, pem
