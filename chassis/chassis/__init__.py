"""What every service stands on. It knows nothing of documents.

`worker` turns messages into handler calls and handlers' events into published messages; `bus` is the port it speaks
to, `jetstream` the NATS adapter behind it. `owed` publishes what a record owes, `wake` sends messages for later, `kv`
keeps a watched copy of a bucket. `s3` and `mongo` are clients that translate their errors once. `settings`, `logs`,
`metrics`, `health`, `auth`, `problem` and `service` are what any HTTP service needs.
"""
