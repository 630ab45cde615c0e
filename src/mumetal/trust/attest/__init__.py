"""What a machine started from: quotes of a TPM, and, where there is none, what the host could observe by itself."""
