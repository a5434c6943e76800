"""The metrics every service has. Labels are bounded sets, never ids."""

from prometheus_client import Counter, Gauge, Histogram

_LATENCY = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

HANDLED = Counter("connect_handled_total", "Messages handled, by outcome.", ["subscription", "event", "outcome"])
HANDLE_SECONDS = Histogram(
    "connect_handle_seconds", "Seconds a handler took.", ["subscription", "event", "outcome"], buckets=_LATENCY
)
EFFECT_SECONDS = Histogram(
    "connect_effect_seconds",
    "Seconds from an event's publication until its effect was done, waits included.",
    ["subscription", "event"],
    buckets=(*_LATENCY, 120, 300, 900, 3600),
)
CONSUMER_LAG = Gauge("connect_consumer_lag", "Messages not yet handled.", ["subscription"])
SUSPENDED = Gauge("connect_consumer_suspended", "1 while a subscription waits for what is down.", ["subscription"])
PUBLISHED = Counter("connect_published_total", "Messages handed to the broker, by outcome.", ["outcome"])
OWED = Gauge("connect_owed_events", "Events owed that have not been settled.", ["state"])
OWED_OLDEST = Gauge("connect_owed_oldest_seconds", "Age of the oldest event not yet published.")
OLDEST_UNFINISHED = Gauge(
    "connect_oldest_unfinished_seconds", "Age of the oldest that has not come to its end, by what it waits for.", ["of"]
)
REQUESTS = Counter("connect_http_requests_total", "HTTP requests, by route and status.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "connect_http_request_seconds", "Seconds until a request was answered.", ["method", "route"], buckets=_LATENCY
)
LIMITED = Counter("connect_limited_total", "Requests refused by a limit, by which and whose.", ["limit", "of"])
BUCKET_UNREADABLE = Gauge("connect_bucket_unreadable_entries", "Entries now that cannot be read.", ["bucket"])
STREAM_BYTES = Gauge("connect_stream_bytes", "Bytes that a stream holds.", ["stream"])
DEAD_LETTERS = Gauge("connect_dead_letters", "Dead letters nobody has dealt with, by who buried them.", ["service"])
CLOCK_AHEAD = Gauge("connect_clock_ahead_seconds", "How far this host's clock is ahead of mongod's, as last asked.")
DEPENDENCY_UP = Gauge("connect_dependency_up", "1 while a dependency answers.", ["dependency"])
