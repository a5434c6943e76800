"""The mail relay, by SMTP (aiosmtplib). A few connections are kept and used again.

What a refusal means depends on where in the conversation it comes: to the recipient (RCPT) or to the message (552 to
554 after DATA) it is this mail's; before, it is our trouble, which every mail shares. Where the relay breaks off from
there on, or answers 421, it may be either. Many relays say only at RCPT what they have against a client or a sender:
such a mail waits.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.utils import parseaddr

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
)
from chassis.errors import Later, Unavailable

from notify.errors import Interrupted, RecipientRefused
from notify.ports import Letter
from notify.settings import SmtpSettings

_CONNECTIONS = 4
# Seconds. Relays close what is idle for minutes; asked anew it is only a connection.
_IDLE = 20.0
# Who was asked so recently, and has had no mail since, is not asked again whether it is there.
_SURE = 1.0
COMMAND_TIMEOUT = 20.0
# Some relays look into a mail before they answer for it, and accept it although nobody waits any more: given up, it
# goes again. So it is given twice as long at each try, up to what RFC 5321 (4.5.3.2.6) wants of senders: ten minutes.
_MOST_PATIENT = 30
_CLOSING = 421
_REFUSED_MESSAGE = (552, 553, 554)
# The statuses (RFC 3463, 5248) of a policy, which is mostly one against us, and of the sender's address. A list that is
# closed, an account that is disabled or has another owner (RFC 7293), and what is beyond the register is the recipient.
_NOT_THE_RECIPIENT = re.compile(r"5\.(7\.(?!(2|13|17|18)\b)\d{1,2}|1\.[78])\b")
_RETRY_IN = 5.0


class SmtpRelay:
    """See `Relay`. An async context manager: it says goodbye to the relay on exit."""

    def __init__(self, settings: SmtpSettings, *, sender: str) -> None:
        self._settings = settings
        self._sender = parseaddr(sender)[1]
        self._places = asyncio.Semaphore(_CONNECTIONS)
        self._idle: list[_Idle] = []

    async def __aenter__(self) -> "SmtpRelay":
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._idle:
            await _leave(self._idle.pop().smtp)

    async def ready(self) -> None:
        """See `Relay.ready`."""
        async with self._connection(asks=True):
            return

    async def send(self, letter: Letter) -> None:
        """See `Relay.send`."""
        async with self._connection() as smtp:
            international = not letter.recipient.isascii()
            if international and not smtp.supports_extension("smtputf8"):
                raise RecipientRefused("address_not_supported")
            await smtp.mail(self._sender, options=["SMTPUTF8"] if international else [])
            try:
                await _name_recipient(smtp, letter.recipient)
                patience = min(2 ** min(letter.tries, 5), _MOST_PATIENT)
                await _hand_over(smtp, letter.content, timeout=patience * COMMAND_TIMEOUT)
            except (SMTPException, OSError) as broken:
                raise Interrupted(*_told(broken)) from broken

    @asynccontextmanager
    async def _connection(self, *, asks: bool = False) -> AsyncIterator[SMTP]:
        """A connection that answers, for one at a time; kept afterwards unless it broke. Who only `asks` sends nothing.
        Raises Unavailable."""
        async with self._places:
            smtp = None
            try:
                smtp = await self._reused() or await self._connected()
                yield smtp
                self._keep(smtp, is_sure=asks)
                smtp = None
            except (RecipientRefused, Later):
                # The relay has said no and waits for the next mail.
                self._keep(smtp)
                smtp = None
                raise
            except (SMTPException, OSError) as broken:
                raise Unavailable(*_told(broken)) from broken
            finally:
                if smtp is not None:
                    smtp.close()

    def _keep(self, smtp: SMTP | None, *, is_sure: bool = False) -> None:
        if smtp is not None:
            self._idle.append(_Idle(smtp, time.monotonic(), is_sure))

    async def _reused(self) -> SMTP | None:
        while self._idle:
            idle = self._idle.pop()
            if await idle.answers():
                return idle.smtp
            idle.smtp.close()
        return None

    async def _connected(self) -> SMTP:
        settings = self._settings
        smtp = SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.password.get_secret_value() if settings.password else None,
            timeout=COMMAND_TIMEOUT,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
        )
        try:
            await smtp.connect()
            if smtp.is_ehlo_or_helo_needed:
                await smtp.ehlo()
        except BaseException:
            smtp.close()  # also of one that greets and then says nothing
            raise
        return smtp


@dataclass(frozen=True)
class _Idle:
    """A connection that was last used at `since`; `is_sure` when that only asked whether it is there."""

    smtp: SMTP
    since: float
    is_sure: bool

    async def answers(self) -> bool:
        """Whether it is good for another mail."""
        age = time.monotonic() - self.since
        if age > _IDLE or not self.smtp.is_connected:
            return False
        if not (self.is_sure and age < _SURE):
            try:
                # Also ends a conversation that the last mail left in the middle.
                await self.smtp.rset()
            except SMTPException:
                return False
        return True


async def _name_recipient(smtp: SMTP, recipient: str) -> None:
    try:
        await smtp.rcpt(recipient, encoding="utf-8")
    except ValueError:
        raise RecipientRefused("address_not_supported") from None
    except SMTPRecipientRefused as refused:
        if refused.code == _CLOSING:
            raise
        if refused.code < 500:
            raise Later("recipient_deferred", str(refused.code), delay=_RETRY_IN) from None
        _raise_if_ours(refused)
        raise RecipientRefused("recipient_refused", status=refused.code) from None


async def _hand_over(smtp: SMTP, content: bytes, *, timeout: float) -> None:
    try:
        await smtp.data(content, timeout=timeout)
    except SMTPDataError as refused:
        if refused.code == _CLOSING:
            raise
        _raise_if_ours(refused)
        if refused.code in _REFUSED_MESSAGE:
            raise RecipientRefused("message_refused", status=refused.code) from None
        # Any other refusal of one message must neither hold the others nor be taken for the recipient's.
        raise Later("message_deferred", str(refused.code), delay=_RETRY_IN) from None


def _raise_if_ours(refused: SMTPResponseException) -> None:
    """Were it taken for the recipient's, nobody would be told until the relay is set right, not even the inbox."""
    if _NOT_THE_RECIPIENT.match(refused.message):
        raise Later("policy_refused", str(refused.code), delay=_RETRY_IN) from None


def _told(trouble: Exception) -> tuple[str, str]:
    """Its code and reason."""
    if isinstance(trouble, SMTPResponseException):
        return "relay_refused", f"the mail relay answered {trouble.code}"
    return "relay_unreachable", type(trouble).__name__


async def _leave(smtp: SMTP) -> None:
    with suppress(SMTPException):
        await smtp.quit()
    smtp.close()
