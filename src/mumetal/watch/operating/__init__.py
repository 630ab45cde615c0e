"""What a device is doing, told from what it measures: cold, condensing, cooling down, warming up, at room temperature."""
