"""The far ends of the wires, each a process of its own, with scripted faults."""
