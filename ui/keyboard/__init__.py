"""Input methods in pure Python."""
