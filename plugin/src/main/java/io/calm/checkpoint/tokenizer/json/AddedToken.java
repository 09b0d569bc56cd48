package io.calm.checkpoint.tokenizer.json;

/**
 * A token that is matched in a text as a whole.
 *
 * @param declared the id in the file; the library may assign another one
 */
record AddedToken(
    int declared,
    String content,
    boolean singleWord,
    boolean lstrip,
    boolean rstrip,
    boolean normalized,
    boolean special) {}
