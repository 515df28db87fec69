"""What devices, server and simulations have in common."""
