import "../controls"

// What the item asks for and gives: conditions, materials, time limit, fee.
ListPage {}
