"""What holds whatever happens, shown by hypothesis."""
