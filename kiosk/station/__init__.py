"""This terminal: configuration, health, failures, audit, texts, clock."""
