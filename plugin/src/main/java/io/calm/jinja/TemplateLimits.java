package io.calm.jinja;

import java.time.Duration;

/**
 * The limits of one template and of one rendering.
 *
 * @param source maximum length of a template, in UTF-16 units
 * @param steps maximum work: one step per evaluated node, list element or 32 characters
 * @param output maximum length of the rendered text, in UTF-16 units
 * @param string maximum length of any string, in UTF-16 units
 * @param items maximum number of elements of any list, tuple or dictionary
 * @param allocation maximum total memory allocated by a rendering, in bytes, estimated
 * @param nesting maximum depth of nested syntax and of nested values
 * @param depth maximum depth of nested evaluations, including macro calls
 * @param integerBits maximum size of an integer, in bits
 * @param time maximum duration of a rendering; time without a processor does not count
 */
public record TemplateLimits(
    int source,
    long steps,
    int output,
    int string,
    int items,
    long allocation,
    int nesting,
    int depth,
    int integerBits,
    Duration time) {

  /** Default limits, for untrusted chat templates. */
  public static final TemplateLimits DEFAULTS =
      new TemplateLimits(
          1 << 20,
          5_000_000,
          1 << 23,
          1 << 23,
          1 << 20,
          1 << 26,
          100,
          400,
          1 << 14,
          Duration.ofMillis(500));

  /** Checks that every limit is positive. */
  public TemplateLimits {
    long min =
        Math.min(
            Math.min(Math.min(source, steps), Math.min(output, string)),
            Math.min(
                Math.min(Math.min(items, allocation), Math.min(nesting, depth)),
                Math.min(integerBits, time.toNanos())));
    if (min <= 0) {
      throw new IllegalArgumentException("limits must be positive, got " + min);
    }
  }
}
