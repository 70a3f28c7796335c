"""Puts the terminal together: the composition root and the commands."""
