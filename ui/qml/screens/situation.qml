import "../controls"

// One question, large answers.
ListPage {}
