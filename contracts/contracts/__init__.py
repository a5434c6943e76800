"""The published contract of Connect Documents: what travels between systems.

`events` holds one model an event, `envelope` the CloudEvents envelope around it, `registry` the list of
all events, `subjects` and `streams` where they travel on NATS, `directory` who is who. The JSON Schemas and the
AsyncAPI document beside this package are generated from these models (`python -m contracts`).

To a subscriber: delivery is at least once and in no promised order; deduplicate by `id`, order by `data.revision`,
ignore unknown fields, and erase what you hold of a document on `erased`.
"""
