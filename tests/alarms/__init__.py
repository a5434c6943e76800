"""Each alert fired by its own fault, before a real Prometheus: `make alarms`."""
