"""What the terminal means. No Qt, no device, no SQL."""
