"""What this service counts of its own."""

from prometheus_client import Counter

MAILS = Counter("connect_mails_total", "Mails handed to the relay, by outcome.", ["outcome"])
