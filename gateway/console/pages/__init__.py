"""The pages, one module for each place: each has its rows in PAGES and the functions that answer."""
