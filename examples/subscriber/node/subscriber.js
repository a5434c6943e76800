// Hears one office's events into SQLite, each once. Killed at any moment, it goes on where it was.
import { DatabaseSync } from "node:sqlite";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const { NATS_URL, NATS_USER, NATS_PASSWORD, DATABASE = "events.db" } = process.env;
const kept = new DatabaseSync(DATABASE, { timeout: 5000 });
kept.exec("CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, subject TEXT, type TEXT, data TEXT)");
const insert = kept.prepare("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)");
const erase = "UPDATE events SET data = NULL WHERE subject IN (SELECT subject FROM events WHERE type LIKE '%.erased.v1')";

function keep({ id, subject, type, data }) {
  kept.exec("BEGIN"); // one transaction: your own work belongs into it
  // What `erased` could not reach stays out.
  const { changes } = insert.run(id, subject, type, "document" in data ? JSON.stringify(data) : null);
  kept.exec(erase);
  kept.exec("COMMIT");
  return changes === 1;
}

const login = { user: NATS_USER, pass: NATS_PASSWORD, inboxPrefix: `_INBOX_${NATS_USER}` };
const client = await connect({ servers: NATS_URL.split(","), maxReconnectAttempts: -1, ...login });
// The consumer is there: the operator has declared it.
const consumer = await jetstream(client, { apiPrefix: "CONNECT.API" }).consumers.get("CONNECT_DOCUMENTS", NATS_USER);
while (true) {
  const message = await consumer.next({ expires: 5000 });
  if (!message) continue; // nothing new
  const event = message.json();
  if (keep(event)) console.log(event.type, event.id);
  await message.ackAck(); // only when it is written down
}
