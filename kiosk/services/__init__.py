"""What can be applied for: catalogue, fields, form, identity, materials, submission, slip."""
