package io.calm.serving.openai;

/** Which chunks of a stream tell the usage. */
enum StreamedUsage {
  NONE,
  /** {@code stream_options.include_usage}: one chunk at the end, for the whole request. */
  AT_END,
  /** And {@code continuous_usage_stats}: each, for its own choice so far; then the end's. */
  EVERY_CHUNK
}
