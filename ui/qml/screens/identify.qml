import "../controls"

// Where the card goes; what is asked comes as rows.
ListPage {}
