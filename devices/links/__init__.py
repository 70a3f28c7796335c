"""Bytes in, bytes out, with a deadline."""
