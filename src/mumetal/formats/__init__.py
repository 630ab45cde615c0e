"""Pure codecs between foreign bytes and the nouns; bounded in size and depth, without I/O."""
