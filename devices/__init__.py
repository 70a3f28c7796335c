"""What is plugged in: drivers, their wires, and the far ends that simulate them."""
