package io.calm.model;

/** The ranges of the sampling parameters that a request or a checkpoint's defaults may set. */
public enum SamplingRange {
  TEMPERATURE("temperature", 0, 100),
  TOP_P("top_p", 0, 1),
  MIN_P("min_p", 0, 1),
  REPETITION_PENALTY("repetition_penalty", 0.01f, 100);

  private final String key;
  private final float min;
  private final float max;

  SamplingRange(String key, float min, float max) {
    this.key = key;
    this.min = min;
    this.max = max;
  }

  /** Returns the name of the parameter in requests and in generation_config.json. */
  public String key() {
    return key;
  }

  /** Returns whether a value, rounded to float32, is in the range; NaN is not. */
  public boolean contains(double value) {
    float rounded = (float) value;
    return rounded >= min && rounded <= max;
  }

  /** Returns the smallest and the largest value, e.g. {@code 0 to 1}. */
  @Override
  public String toString() {
    return plain(min) + " to " + plain(max);
  }

  /** Returns a number without a fraction of zero, in the precision of float32. */
  public static String plain(double value) {
    return value == Math.rint(value) && Math.abs(value) < 1e15
        ? Long.toString((long) value)
        : Float.toString((float) value);
  }
}
