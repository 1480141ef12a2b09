"""The nouns everything else is made of. Standard library only; nothing here does I/O."""
