"""What several suites use: plain modules, no fixtures."""
