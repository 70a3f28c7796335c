import "../controls"

// The sealed submission is on its way to the platform.
WaitPage {}
