"""Where the contrastive encoder is made: backgrounds, negatives, modes, the network and its export. Not used live."""
