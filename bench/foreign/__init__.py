"""A second simulator of laboratories, written without having read the twin, the detectors or their causes (bar D16)."""
