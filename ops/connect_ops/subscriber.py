"""`connect-ops subscriber …`: another system that hears one office, by a consumer and a NATS account of its own."""

import argparse
import secrets
from typing import Any

from contracts.streams import DOCUMENTS
from contracts.subscribers import API_PREFIX, heard_by, inbox_of, may_publish, subscriber_user
from rich.console import Console

from connect_ops import broker
from connect_ops.accounts import account_block
from connect_ops.settings import OpsSettings
from connect_ops.telling import DONE, REFUSED, command_of, complain

_ADD = """\
Declares the consumer, and prints the account that goes into `accounts { … }` of every NATS server's configuration; then
reload them (`nats-server --signal reload`), nothing is restarted. The password is kept nowhere: it is printed this
once. Run again it prints another one; the consumer stays where it is.

examples:
  connect-ops subscriber add crm --office 14          the user crm-14, who hears office 14 and nothing else
  connect-ops subscriber add crm --office 14 --json   the same for programs

exit status: 0 printed, 1 the name or the office will not do, 2 wrong usage, 3 not reached: run it again
"""
_REMOVE = """\
Take its account out of every NATS server's configuration and reload them first. Added again, it begins with the oldest
event.

examples:
  connect-ops subscriber remove crm --office 14       the consumer crm-14 is gone

exit status: 0 gone, 1 there is none, 2 wrong usage, 3 not reached: run it again
"""


def add_subscriber_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare `subscriber add|remove`."""
    subscriber = commands.add_parser("subscriber", help="other systems that hear an office's events")
    deeds = subscriber.add_subparsers(required=True, metavar="COMMAND")
    add = command_of(deeds, "add", told="let another system hear one office, and print its account", examples=_ADD)
    add.set_defaults(command=add_subscriber)
    remove = command_of(deeds, "remove", told="remove the consumer of another system", examples=_REMOVE)
    remove.set_defaults(command=remove_subscriber)
    for command in (add, remove):
        command.add_argument("name", help="the system, such as crm")
        command.add_argument("--office", required=True, help="the office it may hear, such as 14")


async def add_subscriber(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable."""
    try:
        added = new_subscriber(arguments.name, arguments.office)
    except ValueError as wrong:
        complain(f"Refused: {wrong}.")
        return REFUSED
    async with broker.opened(settings) as stream:
        await stream.declare_reader(added["durable"], added["filter"])
    tell_subscriber(added, settings.nats_url, out, as_json=arguments.json)
    return DONE


async def remove_subscriber(arguments: argparse.Namespace, settings: OpsSettings, out: Console) -> int:
    """Run it; returns the exit status. Raises Unavailable."""
    try:
        user = subscriber_user(arguments.name, arguments.office)
    except ValueError as wrong:
        complain(f"Refused: {wrong}.")
        return REFUSED
    async with broker.opened(settings) as stream:
        is_gone = await stream.remove_reader(user)
    if not is_gone:
        complain(f"There is no consumer {user}.")
    if arguments.json:
        out.print_json(data={"user": user, "removed": is_gone})
    elif is_gone:
        out.print(f"The consumer {user} is gone.", markup=False)
    return DONE if is_gone else REFUSED


def new_subscriber(name: str, office: str) -> dict[str, Any]:
    """A user with a new password. Raises ValueError, in words for an operator."""
    user = subscriber_user(name, office)
    return {
        "account": user,
        "user": user,
        "password": secrets.token_urlsafe(24),
        "office": office,
        "stream": DOCUMENTS.name,
        "durable": user,
        "filter": heard_by(office),
        "api_prefix": API_PREFIX,
        "inbox_prefix": inbox_of(user),
        "publish": may_publish(user),
        "subscribe": [f"{inbox_of(user)}.>"],
    }


def tell_subscriber(added: dict[str, Any], nats_url: str, out: Console, *, as_json: bool) -> None:
    """Print its account, and the variables of its program."""
    block = account_block(added["user"], added["password"])
    if as_json:
        out.print_json(data={**added, "nats_url": nats_url, "block": block})
        return
    # Not as markup: the block is full of brackets.
    out.print(block, markup=False)
    for name, value in {**credentials_of(added), "NATS_URL": nats_url}.items():
        out.print(f"{name}={value}", markup=False)


def credentials_of(added: dict[str, Any]) -> dict[str, str]:
    """What its program is given, by the names of the examples."""
    return {"NATS_USER": added["user"], "NATS_PASSWORD": added["password"]}
