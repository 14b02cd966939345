"""The first floor: jobs, their store and runner, experiments, claims and figures."""
