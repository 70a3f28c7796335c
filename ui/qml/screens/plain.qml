import "../controls"

// A screen without a file of its own, shown from the same view.
ListPage {}
