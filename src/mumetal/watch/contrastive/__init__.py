"""The contrastive encoder at work: its file, its detector, and what it learns of a device without labels."""
