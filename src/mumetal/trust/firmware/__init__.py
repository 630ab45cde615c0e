"""May this image run on that board: who released it, is it the same, and is it not an older one."""
