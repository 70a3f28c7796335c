import "../controls"

// What is read, sent and kept.
ListPage {}
