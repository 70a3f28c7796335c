"""Pure pixels: outline, quality, dewarp, clean-up, PDF; the eye runs them in a process of its own."""
