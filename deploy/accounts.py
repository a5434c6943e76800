"""`python -m deploy.accounts`: NATS' accounts and users for servers of your own, with passwords from the environment.

What follows the command are files, each with another system's account: the block that `connect-ops subscriber add`
prints.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from connect_ops.accounts import exports_block
from contracts.subscribers import PLATFORM_ACCOUNT

from deploy.local.credentials import OPS
from deploy.local.plan import SERVICES
from deploy.local.templating import templates_of, topics_of

# The names that the services and the operator's commands have for their own.
PASSWORDS = {
    **{service: f"{service.replace('-', '_').upper()}_NATS_PASSWORD" for service in SERVICES},
    OPS: "CONNECT_OPS_NATS_PASSWORD",
}


def accounts_of(passwords: Mapping[str, str], *, subscribers: Sequence[str] = ()) -> str:
    """The block `accounts { … }` of nats-server's configuration, with these passwords by user."""
    template = templates_of().get_template("accounts.conf.j2")
    rendered = template.render(
        nats=passwords,
        topics={service: topics_of(service) for service in SERVICES},
        platform_account=PLATFORM_ACCOUNT,
        exports=exports_block(),
        subscribers=subscribers,
        end_of_accounts="",
    )
    return f"{rendered.strip()}\n"


def main(arguments: Sequence[str] | None = None, *, env: Mapping[str, str] = os.environ) -> int:
    """Print it; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.accounts",
        description="Print accounts.conf for NATS servers of your own.",
        epilog=f"Passwords come from the environment: {', '.join(PASSWORDS.values())}.",
    )
    parser.add_argument("subscriber", nargs="*", type=Path, help="a block that `connect-ops subscriber add` prints")
    files = parser.parse_args(arguments).subscriber
    if missing := [name for name in PASSWORDS.values() if not env.get(name)]:
        sys.stderr.write(f"error: not set: {', '.join(missing)}\n")
        return 1
    passwords = {user: env[name] for user, name in PASSWORDS.items()}
    sys.stdout.write(accounts_of(passwords, subscribers=[file.read_text(encoding="utf-8") for file in files]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
