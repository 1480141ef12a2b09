"""What people see: the console, the first run, and the pages that anybody may look at. Figures come from the admin operations."""
