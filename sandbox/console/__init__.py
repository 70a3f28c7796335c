"""The officers' console; `mount.py` is its front door, docs/console.md its manual."""
