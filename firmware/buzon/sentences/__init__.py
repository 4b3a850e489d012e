"""What each error code says to a person, a module for each hundred. Imported when one is shown."""
