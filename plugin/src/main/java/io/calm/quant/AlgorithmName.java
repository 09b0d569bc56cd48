package io.calm.quant;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The name of a quantization algorithm, e.g. {@code gptq}, or of a composition, e.g. {@code
 * awq+gptq}. A valid name need not have an algorithm: {@link Quantizers#get} finds it.
 *
 * @param text lower-case words joined by {@code -} or {@code +}
 */
public record AlgorithmName(String text) {
  private static final Pattern PATTERN = Pattern.compile("[a-z][a-z0-9]*([-+][a-z0-9]+)*");

  public AlgorithmName {
    if (!PATTERN.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "algorithm: expected lower-case words joined by - or +, got '%s'".formatted(text));
    }
  }

  /** Returns the name that {@code text} spells; empty if it is not a valid name. */
  public static Optional<AlgorithmName> parse(String text) {
    return PATTERN.matcher(text).matches()
        ? Optional.of(new AlgorithmName(text))
        : Optional.empty();
  }

  @Override
  public String toString() {
    return text;
  }
}
