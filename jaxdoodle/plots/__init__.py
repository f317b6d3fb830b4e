"""What a run leaves behind for people to judge it by: counts with their intervals, and figures as PNG files."""
