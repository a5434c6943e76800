"""Accounts, in the language of nats-server's configuration."""

import json

from contracts.subscribers import PLATFORM_ACCOUNT, inbox_of, may_publish, passages


def exports_block() -> str:
    """What the platform's account has for subscribers. Whose consumer each may ask for is in its own imports, which
    only those can write who write the configuration."""
    lines = (
        f"  {{ service: {json.dumps(each.there)}{', response_type: stream' if each.many else ''} }}"
        for each in passages("*")
    )
    return "\n".join(["exports: [", *lines, "]"])


def account_block(user: str, password: str) -> str:
    """A subscriber's own account, with its one user."""
    publish = "\n".join(f"        {json.dumps(subject)}" for subject in may_publish(user))
    imports = "\n".join(
        f"    {{ service: {{ account: {PLATFORM_ACCOUNT}, subject: {there} }}, to: {here} }}"
        for there, here in ((json.dumps(each.there), json.dumps(each.here)) for each in passages(user))
    )
    return f"""\
{json.dumps(user)} {{
  users: [{{
    user: {json.dumps(user)}
    password: {json.dumps(password)}
    permissions {{
      subscribe: {json.dumps([f"{inbox_of(user)}.>"])}
      publish: [
{publish}
      ]
    }}
  }}]
  imports: [
{imports}
  ]
}}"""
