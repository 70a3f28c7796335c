import "../controls"

// The submission is being sealed and kept.
WaitPage {}
