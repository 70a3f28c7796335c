"""Device key, enrolment, signed objects, trusted time."""
