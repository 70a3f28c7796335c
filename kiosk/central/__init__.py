"""The wire to the central platform."""
