"""How the platform is put to run: on one machine here, in containers and in a cluster beside it."""
