"""Pure codecs, bytes to values and back, used by driver and simulator alike."""
