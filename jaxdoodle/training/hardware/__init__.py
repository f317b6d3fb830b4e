"""What training computes on: devices, and the cache of compiled programs."""
