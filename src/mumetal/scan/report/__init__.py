"""How a scan is told: to a person in a terminal, and to machines as JSON, SARIF and JUnit. No secret is ever told."""
