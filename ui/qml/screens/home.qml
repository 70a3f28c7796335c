import "../controls"

// Choose what to do.
HomePage {}
