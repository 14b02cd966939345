"""What several pages share: tickets, frames, tables, and the look of figures."""
