"""Production drivers, one device model a file."""
