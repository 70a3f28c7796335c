"""Reference central platform. A program of its own: it imports nothing of the terminal."""
