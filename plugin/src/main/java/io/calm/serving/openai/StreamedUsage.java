package io.calm.serving.openai;

/** The chunks of a stream that carry the usage. */
enum StreamedUsage {
  NONE,
  /** {@code stream_options.include_usage}: one chunk at the end, for the whole request. */
  AT_END,
  /**
   * {@code continuous_usage_stats}: every chunk, for its own choice so far, and the chunk at the
   * end.
   */
  EVERY_CHUNK
}
