"""Hears one office's events into SQLite, each once. Killed at any moment, it goes on where it was."""

import asyncio
import json
import os
import sqlite3

import nats

STREAM, API, USER = "CONNECT_DOCUMENTS", "CONNECT.API", os.environ["NATS_USER"]
KEPT = sqlite3.connect(os.environ.get("DATABASE", "events.db"))
KEPT.execute("CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, subject TEXT, type TEXT, data TEXT)")
ERASED = "UPDATE events SET data = NULL WHERE subject IN (SELECT subject FROM events WHERE type LIKE '%.erased.v1')"


def keep(event: dict) -> bool:
    data = json.dumps(event["data"]) if "document" in event["data"] else None  # what `erased` could not reach stays out
    with KEPT:  # one transaction: your own work belongs into it
        row = (event["id"], event["subject"], event["type"], data)
        is_new = KEPT.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", row).rowcount == 1
        KEPT.execute(ERASED)
    return is_new


async def main() -> None:
    login = {"user": USER, "password": os.environ["NATS_PASSWORD"], "inbox_prefix": f"_INBOX_{USER}".encode()}
    client = await nats.connect(os.environ["NATS_URL"], max_reconnect_attempts=-1, **login)
    # The consumer is there: the operator has declared it.
    subscription = await client.jetstream(prefix=API).pull_subscribe_bind(durable=USER, stream=STREAM)
    while True:
        try:
            for message in await subscription.fetch(10, timeout=5):
                if keep(event := json.loads(message.data)):
                    print(event["type"], event["id"], flush=True)
                await message.ack_sync()  # only when it is written down
        except TimeoutError:
            continue  # nothing new


asyncio.run(main())
