"""What each state shows: pure functions from session, station and texts to View."""
