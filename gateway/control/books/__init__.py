"""The books: from the workers' journal rings into the database, exactly once."""
