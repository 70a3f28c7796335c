"""A visit from attract to farewell, split by journey."""
