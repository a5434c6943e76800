"""The platform with Compose: what its one-off containers do, before the servers start and before the services do."""
