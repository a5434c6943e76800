"""`connect-ops dead …`: the dead letters, told, tried again, or thrown away."""

import argparse
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from catalog.generations import Generations
from chassis.dead import STREAM, Letter
from chassis.mongo import connected
from chassis.wake import FORGED
from rich.console import Console

from connect_ops import broker
from connect_ops.broker import Broker
from connect_ops.letters import Stored, data_of, documents_of
from connect_ops.replay import handover_of
from connect_ops.settings import OpsSettings
from connect_ops.telling import DONE, REFUSED, command_of, complain, plain, table_of

_STATUSES = "exit status: 0 done, {refused}, 2 wrong usage, 3 not reached: run it again"
_LIST = """\
examples:
  connect-ops dead list                                   all of them, the oldest first
  connect-ops dead list --service ged-mover --code bug    those of one service, where a handler failed
  connect-ops dead list --document ID --json              those about one document, for a program

exit status: 0 done, 2 wrong usage, 3 not reached: run it again
"""
_SHOW = f"""\
examples:
  connect-ops dead show 17              why it was buried, and what it is about: ids, no names
  connect-ops dead show 17 --payload    its content too, which holds personal data

{_STATUSES.format(refused="1 no such letter")}
"""
_REPLAY = f"""\
Mend the cause first. Each goes back to the one subscription that buried it, and nobody else hears of it; handlers can
be run again at any time, so nothing is done twice. One that fails again comes back under another number.

examples:
  connect-ops dead replay 17 18
  connect-ops dead replay --all --code bug --subscription notify-digests

{_STATUSES.format(refused="1 no such letter, or one that cannot be replayed")}
"""
_DISCARD = f"""\
examples:
  connect-ops dead discard 17          what would go; nothing is changed
  connect-ops dead discard 17 --yes    remove it for good

{_STATUSES.format(refused="1 no such letter")}
"""


@dataclass(frozen=True)
class Grave:
    """A dead letter; `letter` is None where the message is none that a worker buried."""

    message: Stored
    letter: Letter | None

    @classmethod
    def of(cls, message: Stored) -> "Grave":
        """What a message of the stream is."""
        try:
            return cls(message, Letter.of(message.subject, message.headers))
        except ValueError:
            return cls(message, None)

    @property
    def told(self) -> dict[str, Any]:
        """Ids and codes; no name, no address."""
        letter, data = self.letter, data_of(self.message.payload) or {}
        office = data.get("office")
        return {
            "number": self.message.sequence,
            "buried_at": letter.buried_at if letter else self.message.at,
            "service": letter.service if letter else None,
            "subscription": letter.subscription if letter else None,
            "code": letter.code if letter else None,
            "event": letter.origin.event if letter else None,
            "office": office if isinstance(office, str) else None,
            "documents": sorted(documents_of(data)),
        }


def add_dead_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `dead list|show|replay|discard`."""
    dead = commands.add_parser("dead", help="messages that no retry could mend").add_subparsers(
        required=True, metavar="WHAT"
    )
    listing = command_of(dead, "list", told="list the dead letters", examples=_LIST)
    showing = command_of(dead, "show", told="show one dead letter", examples=_SHOW)
    showing.add_argument("number", type=int, help="as `dead list` shows it")
    showing.add_argument("--payload", action="store_true", help="show its content, which holds personal data")
    replaying = command_of(dead, "replay", told="have dead letters handled again", examples=_REPLAY)
    discarding = command_of(dead, "discard", told="throw dead letters away for good", examples=_DISCARD)
    discarding.add_argument("--yes", action="store_true", help="do it; without it, only say what would go")
    for several in (replaying, discarding):
        several.add_argument("number", type=int, nargs="*", help="as `dead list` shows it")
        several.add_argument("--all", action="store_true", help="all of them, or all that the options below leave")
    for each in (listing, replaying, discarding):
        each.add_argument("--service", help="only this service's")
        each.add_argument("--subscription", help="only this subscription's")
        each.add_argument("--code", help="only with this code")
        each.add_argument("--document", help="only about this document")
    actions = {listing: list_letters, showing: show_letter, replaying: replay_letters, discarding: discard_letters}
    for parser, command in actions.items():
        parser.set_defaults(command=command, wrong_usage=parser.error)


async def list_letters(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run `dead list`. Raises Unavailable."""
    async with broker.opened(settings) as stream:
        rows = [grave.told async for grave in _graves(stream, arguments)]
    if arguments.json:
        out.print_json(data=plain(rows))
        return DONE
    columns = ("number", "buried_at", "subscription", "code", "event", "office")
    out.print(
        table_of(
            ("no.", "buried (UTC)", *columns[2:], "documents"),
            ((*(row[each] for each in columns), _few(row["documents"])) for row in rows),
        )
        if rows
        else "No dead letters."
    )
    return DONE


async def show_letter(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run `dead show`. Raises Unavailable."""
    async with broker.opened(settings) as stream:
        found = await _chosen(stream, [arguments.number])
    if found is None:
        return REFUSED
    (grave,) = found
    letter = grave.letter
    facts = {
        **grave.told,
        "reason": letter.reason if letter else None,
        "first_subject": letter.origin.subject if letter else None,
        "first_sequence": letter.origin.sequence if letter else None,
        "first_at": letter.origin.published_at if letter else None,
        "message_id": letter.origin.message_id if letter else None,
        "bytes": len(grave.message.payload),
    }
    if arguments.payload:
        facts["payload"] = grave.message.payload.decode("utf-8", "backslashreplace")
    if arguments.json:
        out.print_json(data=plain(facts))
    else:
        facts["documents"] = _few(facts["documents"])
        out.print(table_of(("", ""), facts.items()), markup=False)
    return DONE


async def replay_letters(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run `dead replay`. Raises Unavailable: those that were replayed are gone."""
    async with AsyncExitStack() as stack:
        stream = await stack.enter_async_context(broker.opened(settings))
        graves = await _wanted(stream, arguments)
        if graves is None:
            return REFUSED
        generation = await _generation(settings, stack)
        done = {grave.message.sequence: await replay(stream, grave, generation=generation) for grave in graves}
    replayed = [number for number, is_replayed in done.items() if is_replayed]
    stuck = {each.message.sequence: each.letter for each in graves if not done[each.message.sequence]}
    if arguments.json:
        out.print_json(data={"replayed": replayed, "not_replayable": list(stuck)})
    else:
        out.print(f"{len(replayed)} replayed. `connect-ops dead list` shows what fails again.")
    for number, letter in stuck.items():
        complain(f"No. {number} {why_not_replayed(letter)}: it cannot be replayed.")
    return REFUSED if stuck else DONE


def why_not_replayed(letter: Letter | None) -> str:
    """What is wrong with a letter that goes to nobody."""
    if letter and letter.code == FORGED:
        return f"was sent by another service's schedule ({FORGED})"
    return "does not say which subscription it was for"


async def replay(stream: Broker, grave: Grave, *, generation: int) -> bool:
    """Hand one letter to the subscription that buried it, then remove it; False where there is none to hand it to."""
    if grave.letter is None:
        return False
    handover = handover_of(grave.letter, grave.message.payload, generation=generation)
    if handover is None:
        return False
    number = grave.message.sequence
    await stream.publish(
        handover.subject, handover.payload, id=f"replay:{STREAM}:{number}", headers=dict(handover.headers)
    )
    await stream.erase(STREAM, number)
    return True


async def discard_letters(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run `dead discard`. Raises Unavailable: those that were discarded are gone."""
    async with broker.opened(settings) as stream:
        graves = await _wanted(stream, arguments)
        if graves is None:
            return REFUSED
        numbers = [grave.message.sequence for grave in graves]
        if arguments.yes:
            for number in numbers:
                await stream.erase(STREAM, number)
    if arguments.json:
        out.print_json(data={"dry_run": not arguments.yes, "discarded" if arguments.yes else "goes": numbers})
    elif arguments.yes:
        out.print(f"{len(numbers)} discarded.")
    else:
        out.print(f"--yes would discard {len(numbers)}: {', '.join(map(str, numbers)) or 'none'}. Nothing was changed.")
    return DONE


async def _wanted(stream: Broker, arguments: argparse.Namespace) -> Sequence[Grave] | None:
    """Those that were named, or with `--all` those that the options leave; None where one is not there."""
    if bool(arguments.number) == arguments.all:
        arguments.wrong_usage("give numbers, or --all")
    if arguments.all:
        return [grave async for grave in _graves(stream, arguments)]
    return await _chosen(stream, arguments.number)


async def _chosen(stream: Broker, numbers: Sequence[int]) -> Sequence[Grave] | None:
    found = {number: await stream.message(STREAM, number) for number in numbers}
    missing = [number for number, message in found.items() if message is None]
    for number in missing:
        complain(f"There is no dead letter {number}.")
    return None if missing else [Grave.of(message) for message in found.values() if message]


async def _graves(stream: Broker, arguments: argparse.Namespace) -> AsyncIterator[Grave]:
    async for message in stream.read(STREAM):
        grave = Grave.of(message)
        told = grave.told
        wanted = {name: getattr(arguments, name) for name in ("service", "subscription", "code")}
        if any(value not in (None, told[name]) for name, value in wanted.items()):
            continue
        if arguments.document in (None, *told["documents"]):
            yield grave


async def _generation(settings: OpsSettings, stack: AsyncExitStack) -> int:
    url = settings.mongo_url.get_secret_value()
    return await Generations(await stack.enter_async_context(connected(url, settings.databases.catalog))).read()


def _few(documents: Sequence[str]) -> str:
    return ", ".join(documents[:3]) + (f" and {len(documents) - 3} more" if len(documents) > 3 else "")
