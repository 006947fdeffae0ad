"""What retailers define: offers and their life, budgets, caps, counts, and stopping at once."""
