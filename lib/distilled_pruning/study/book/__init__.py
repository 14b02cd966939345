"""The book: what a page's cells call, how pages are executed, written and rendered."""
