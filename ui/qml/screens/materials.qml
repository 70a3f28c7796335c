import "../controls"

// What is on file, scanned, or still needed.
ListPage {}
