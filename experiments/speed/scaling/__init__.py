"""How training scales: with what is trained, with processes, and with the ways to use two cores."""
