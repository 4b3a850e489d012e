"""Ways to tell a person that mail came."""
