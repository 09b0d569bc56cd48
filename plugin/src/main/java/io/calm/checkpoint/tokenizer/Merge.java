package io.calm.checkpoint.tokenizer;

/** A pair of pieces that byte-pair encoding joins; lists of merges go from first to last resort. */
record Merge(String left, String right) {}
