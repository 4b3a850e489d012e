"""What each error code says to a person, a module per hundred, the last one from 600 on. Imported when one is shown."""
