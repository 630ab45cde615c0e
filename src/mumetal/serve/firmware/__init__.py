"""What a site knows of its boards: which image each file holds, how that was proved, who approved it, how the rollout stands."""
