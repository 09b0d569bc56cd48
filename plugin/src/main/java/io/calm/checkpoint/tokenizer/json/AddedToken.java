package io.calm.checkpoint.tokenizer.json;

/**
 * A token that is matched in the text as a whole.
 *
 * @param declared the id in the file; the library assigns its own
 */
record AddedToken(
    int declared,
    String content,
    boolean singleWord,
    boolean lstrip,
    boolean rstrip,
    boolean normalized,
    boolean special) {}
