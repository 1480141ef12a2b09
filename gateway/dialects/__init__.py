"""Wire languages, one folder each, files and functions named alike in all. Pure: bytes in, values or bytes out."""
