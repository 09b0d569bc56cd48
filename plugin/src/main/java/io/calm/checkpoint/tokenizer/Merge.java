package io.calm.checkpoint.tokenizer;

/** A pair of pieces that byte-pair encoding joins. Lists of merges are in order of priority. */
record Merge(String left, String right) {}
