"""The NATS client, with headers read warily (nats-py)."""

from nats.aio.client import Client

from chassis.wake import SCHEDULER

_NAMED = SCHEDULER.lower().encode()


class WaryClient(Client):
    """Says `Nats-Scheduler: ?` of a message whose headers name it elsewhere than on one line of its own.

    nats-server 2.15 takes a publisher's own `Nats-Scheduler` out of what a schedule sends and appends the true one, but
    it does not read headers as nats-py does, nor does it insist on whole lines: one that is written with a tab, before
    an end without a line's, survives, and hides the true one in the line before it.
    """

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        parsed: dict[str, str] | None = await super()._process_headers(headers)
        named = headers.lower().count(_NAMED) if headers else 0
        if named and (named > 1 or SCHEDULER not in (parsed or {})):
            return {**(parsed or {}), SCHEDULER: "?"}
        return parsed
