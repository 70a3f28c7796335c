"""Puts the terminal together: the composition root and the commands."""

VERSION = "0.1.0"
