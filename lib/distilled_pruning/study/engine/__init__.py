"""From jobs to results in a store: planning, running in processes, keeping, and cleaning up."""
