"""The durable outbox: sealed bytes and ids, never a form or a name."""
