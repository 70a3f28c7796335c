"""One visit as data: session, events, effects, flow, view, runner."""
