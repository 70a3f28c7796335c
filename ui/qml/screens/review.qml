import "../controls"

// All that will be sent, to be checked.
ListPage {}
