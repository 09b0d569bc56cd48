package io.calm.export.onnx;

/** The nodes of the KV cache and of the mask that belongs to it, shared by all blocks. */
interface CacheNodes {

  /** Returns the token ids, [B, T]. */
  String tokens();

  /** Returns the position of each token, [B, T]. */
  String positions();

  /** Adds the input of a block's past keys or values. */
  String past(String name);

  /**
   * Returns the keys or values with those of this run.
   *
   * @param fresh [B, kv heads, T, headDim] in the cache's type
   */
  String append(String past, String fresh);

  /** Makes the result of {@link #append} an output. */
  void present(String name, String value);

  /**
   * Returns 0 for each key that a token sees and a large negative number for others, [B, 1, T, S].
   *
   * @param window size of the sliding window in tokens; 0 for all positions
   */
  String bias(int window);

  /** Returns the shape [B, heads, T, S], with 0 for B. */
  String scoresByHead();

  /** Returns the shape [B, kv heads, heads per kv head * T, S], with 0 for B. */
  String scoresByKvHead();

  /** Makes the logits an output. */
  void logits(String value, int vocabulary);
}
