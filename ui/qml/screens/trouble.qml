import "../controls"

// What is not available, whose move it is, and at least one way on.
ListPage {}
