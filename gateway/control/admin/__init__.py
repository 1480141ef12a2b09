"""The admin interface: what administrators ask for, as tables of operations that no transport knows of."""
