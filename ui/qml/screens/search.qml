import "../controls"

// Type what to do, and choose from what was found.
HomePage {}
