"""What each error code says to a person, one module per hundred. Imported when one is shown."""
