"""Tests of the whole: contract, integration, end to end, chaos. Unit tests lie beside each package."""
