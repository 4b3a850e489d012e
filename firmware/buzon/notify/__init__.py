"""Ways to tell a person that mail has come."""
