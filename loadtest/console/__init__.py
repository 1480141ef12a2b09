"""How fast the console's heaviest pages open over many receipts, while calls go on."""
