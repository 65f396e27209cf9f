"""What a program costs, and what a chip can do."""
